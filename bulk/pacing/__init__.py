"""Holding requests back: rate, concurrency, and what the server asks for."""

from bulk.pacing.governor import Governor
from bulk.pacing.pacer import Pacer, Slot
from bulk.pacing.rate import Rate, parse_rate

__all__ = ["Governor", "Pacer", "Rate", "Slot", "parse_rate"]
