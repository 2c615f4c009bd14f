"""Holding requests back: rate, concurrency, and what the server asks for."""

from bulk.pacing.budget import has_budget
from bulk.pacing.governor import Governor
from bulk.pacing.pacer import Pacer, Slot
from bulk.pacing.rate import Rate, parse_rate

__all__ = ["Governor", "Pacer", "Rate", "Slot", "has_budget", "parse_rate"]
