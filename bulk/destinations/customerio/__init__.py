"""Customer.io: its settings, credentials, surfaces, operations and listings."""

from bulk.destinations.customerio.system import CUSTOMERIO

__all__ = ["CUSTOMERIO"]
