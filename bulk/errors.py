"""What stops a run, and the exit code each such stop ends with.

Results of single rows are values (see ``conversation.Verdict``), never exceptions.
"""

import difflib
from collections.abc import Iterable, Sequence

UNEXPECTED, INTERRUPTED = 1, 130
"""Exit codes of what is no stop of ours: an error that nobody expected, and Ctrl-C or a cancellation."""


class BulkError(Exception):
    """An expected stop: a sentence for people, without personal data or secrets, and an exit code."""

    exit_code = 1


class UsageError(BulkError):
    """The command line asks for something that cannot be done."""

    exit_code = 2


class JobError(BulkError):
    """The job file has mistakes; all of them are listed, one sentence each."""

    exit_code = 2

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class SourceError(BulkError):
    """The source as a whole cannot be read; ``key`` is the source's key in a job that says how it is read."""

    exit_code = 2

    def __init__(self, message: str, key: str = "path") -> None:
        super().__init__(message)
        self.key = key


class LedgerError(BulkError):
    """The ledger is missing, damaged, not ours, or belongs to other work."""

    exit_code = 2


class HeldError(BulkError):
    """Another run holds the ledger or the destination's account."""

    exit_code = 4


class StoppedError(BulkError):
    """The run stopped early and can be continued by the same command."""

    exit_code = 4


class RefusedError(BulkError):
    """A guard refused the run, or nobody approved it."""

    exit_code = 5


def suggestion(given: str, known: Iterable[str]) -> str:
    """Return ``; did you mean "…"?`` for the nearest known name, or nothing."""
    names = {name.casefold().strip(): name for name in known}
    near = difflib.get_close_matches(given.casefold().strip(), names, n=1, cutoff=0.6)
    return f'; did you mean "{names[near[0]]}"?' if near else ""
