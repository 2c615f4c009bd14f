"""Carry large contact files into customer-messaging systems, with one recorded outcome for every row."""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from bulk.api.loading import load_job
    from bulk.api.outcomes import read_ledger
    from bulk.api.previewing import PlannedStep, Preview, ShownRequest
    from bulk.api.progress import DestinationProgress, Progress, StepProgress
    from bulk.api.running import Result, preview, run
    from bulk.errors import (
        BulkError,
        HeldError,
        JobError,
        LedgerError,
        RefusedError,
        SourceError,
        StoppedError,
        UsageError,
    )
    from bulk.job import Job

__all__ = [
    "BulkError",
    "DestinationProgress",
    "HeldError",
    "Job",
    "JobError",
    "LedgerError",
    "PlannedStep",
    "Preview",
    "Progress",
    "RefusedError",
    "Result",
    "ShownRequest",
    "SourceError",
    "StepProgress",
    "StoppedError",
    "UsageError",
    "load_job",
    "preview",
    "read_ledger",
    "run",
]

_KEPT_IN = {
    "api.loading": ("load_job",),
    "api.outcomes": ("read_ledger",),
    "api.previewing": ("PlannedStep", "Preview", "ShownRequest"),
    "api.progress": ("DestinationProgress", "Progress", "StepProgress"),
    "api.running": ("Result", "preview", "run"),
    "errors": (
        "BulkError",
        "HeldError",
        "JobError",
        "LedgerError",
        "RefusedError",
        "SourceError",
        "StoppedError",
        "UsageError",
    ),
    "job": ("Job",),
}
_HOME = {name: module for module, names in _KEPT_IN.items() for name in names}

if not TYPE_CHECKING:  # type checkers know the names, and tell of any other

    def __getattr__(name: str) -> object:
        """Import what a name stands for when it is first used: ``import bulk`` itself costs nothing."""
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
        globals()[name] = found
        return found

    def __dir__() -> list[str]:
        return sorted([*globals(), *__all__])
