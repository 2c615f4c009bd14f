"""Kustomer: its settings, credentials and operations."""

from bulk.destinations.kustomer.system import KUSTOMER

__all__ = ["KUSTOMER"]
