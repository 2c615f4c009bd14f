"""What to do next about a ledger, and the commands that do it."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from bulk.conversation import LOST_REASONS, NOT_CONFIGURED, Status
from bulk.ledger.view import View
from bulk.report.summary import Cause, causes, status_facts

_EXPORT = "export LEDGER -o failed.csv --status failed,rejected --with-source"
_ALL = "export LEDGER -o outcomes.csv"
_VERIFY = "verify LEDGER"
_RETRY, _RETRY_UNKNOWN = "--retry failed", "--retry unknown"
_MEND = "Mend them in an export with the columns of the source, and feed that back."
_LOOK = "See in an export what the destination said of them; mend them and feed them back."
_ASK = "Look at the destination whether they arrived; to send them once more, whether they did or not:"
_AGAIN = "The destination gave no usable answer; once it is well, send them again."
_WHY = {
    (
        Status.REJECTED,
        "malformed_row",
    ): "They cannot be taken apart: an export tells which lines of the source to mend.",
    (Status.FAILED, NOT_CONFIGURED): "Set the credential that is missing, then send them again.",
    (Status.FAILED, "read_refused"): "Let the credential read what it writes, then send them again.",
    (
        Status.FAILED,
        "identity_conflict",
    ): "Their identifiers mean different people: say in an export who is meant.",
    (Status.FAILED, "ambiguous"): "Nothing says for certain who is meant: add what does in an export.",
    (Status.FAILED, "still_present"): "They were removed and are still shown: remove them once more.",
    (Status.FAILED, "returned"): "They were gone and are back: remove them once more.",
}
"""What is to be done about reasons of which more can be said than of their status."""
_SENT_AGAIN = frozenset({*LOST_REASONS, "unanswered", "read_refused", "still_present", "returned"})
"""Reasons of failed rows that are to be sent again as they are."""


@dataclass(frozen=True, slots=True)
class Commands:
    """The commands that deal with a ledger.

    Attributes:
        ledger: Where it is.
        run: The command that made it.
    """

    ledger: str
    run: str

    def of(self, arguments: str) -> str:
        """Return the command line of a retry, or of another command on the ledger."""
        if arguments.startswith("--"):
            return f"{self.run} {arguments}"
        return f"bulk {arguments.replace('LEDGER', self.ledger)}"


def commands_of(view: View) -> Commands:
    """Return the commands for somebody who has the ledger and knows where the job is."""
    name = view.path.name
    return Commands(name, "bulk run JOB" if name == f"{view.job}.ledger" else f"bulk run JOB --ledger {name}")


def finished_facts(view: View, code: int, commands: Commands | None = None) -> dict[str, Any]:
    """Return what is told to scripts when a run ends: its number, exit code, and how the ledger stands."""
    run = view.runs[-1]["run"] if view.runs else None
    ended = {"event": "finished", "exit_code": code, "ledger": str(view.path), "run": run}
    told = {"causes": [asdict(cause) | remedy for cause, remedy in remedies(view, commands)]}
    return ended | status_facts(view) | told | ({"stopped": stops(view)} if stops(view) else {})


def advice(view: View, commands: Commands | None = None) -> Iterator[dict[str, str]]:
    """Yield what can be done next, and why."""
    commands = commands or commands_of(view)
    found = {status for step in view.steps for status, rows in step.counts.items() if rows}
    if view.state == "verifying":
        why = "Some people are not seen to be gone yet; read them back again."
        yield {"why": why, "command": commands.of(_VERIFY)}
    elif Status.PENDING in found or view.state == "reading":
        yield {"why": "Some rows are pending; the same command continues.", "command": commands.run}
    if found & {Status.FAILED, Status.REJECTED}:
        why = "See which rows did not go well, and why; mend them and feed them back."
        yield {"why": why, "command": commands.of(_EXPORT)}
    if Status.FAILED in found:
        yield {"why": "Send the failed ones again as they are.", "command": commands.of(_RETRY)}
    if Status.UNKNOWN in found:
        why = "Some were sent and never answered: look at the destination, then send those again."
        yield {"why": why, "command": commands.of(_RETRY_UNKNOWN)}
    yield {"why": "One line per row and step.", "command": commands.of(_ALL)}


def stops(view: View) -> list[str]:
    """Return why the last run stopped early, a sentence for each destination that did."""
    told = view.runs[-1]["facts"].get("stopped") if view.runs else None
    return [str(why) for why in told.values()] if isinstance(told, dict) else []


def remedies(view: View, commands: Commands | None = None) -> Iterator[tuple[Cause, dict[str, str]]]:
    """Yield the commonest reasons why rows did not go well, each with what deals with it, and why."""
    commands = commands or commands_of(view)
    for cause in causes(view):
        why, arguments = _remedy(Status(cause.status), cause.reason)
        yield cause, {"why": why, "command": commands.of(arguments)}


def _remedy(status: Status, reason: str) -> tuple[str, str]:
    if status is Status.UNKNOWN:
        return _ASK, _RETRY_UNKNOWN
    if status is Status.FAILED and reason in _SENT_AGAIN:
        return _WHY.get((status, reason), _AGAIN), _RETRY
    return _WHY.get((status, reason), _MEND if status is Status.REJECTED else _LOOK), _EXPORT
