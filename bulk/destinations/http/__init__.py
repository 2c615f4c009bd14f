"""Any JSON API that a job file can describe: its settings, credentials and operation."""

from bulk.destinations.http.system import HTTP

__all__ = ["HTTP"]
