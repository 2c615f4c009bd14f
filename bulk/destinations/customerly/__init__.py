"""Customerly: its settings, credentials and operations."""

from bulk.destinations.customerly.system import CUSTOMERLY

__all__ = ["CUSTOMERLY"]
