"""Carry large contact files into customer-messaging systems, with one recorded outcome for every row."""

__version__ = "0.1.0"
