"""The SQLite file from which exactly one current outcome per row and step can be read."""

from bulk.ledger.board import Board
from bulk.ledger.entries import Entry
from bulk.ledger.erasures import Person
from bulk.ledger.ledger import Ledger
from bulk.ledger.notes import Intent, Memory, PassFacts

__all__ = ["Board", "Entry", "Intent", "Ledger", "Memory", "PassFacts", "Person"]
