"""What each system can do, as data and pure functions."""

from collections.abc import Mapping
from types import MappingProxyType

from bulk.destinations.customerio import CUSTOMERIO
from bulk.destinations.customerly import CUSTOMERLY
from bulk.destinations.http import HTTP
from bulk.destinations.kustomer import KUSTOMER
from bulk.destinations.system import System

SYSTEMS: Mapping[str, System] = MappingProxyType(
    {system.name: system for system in (CUSTOMERLY, CUSTOMERIO, KUSTOMER, HTTP)}
)

__all__ = ["SYSTEMS", "System"]
