"""What to do next about a ledger, and the commands that do it."""

from collections.abc import Iterator

from bulk.conversation import Status
from bulk.ledger.view import View

_SEEN = "--status failed,rejected --with-source"


def advice(view: View) -> Iterator[dict[str, str]]:
    """Yield what can be done next, and why."""
    found = {status for step in view.steps for status, rows in step.counts.items() if rows}
    name = view.path.name
    run = "bulk run JOB" if name == f"{view.job}.ledger" else f"bulk run JOB --ledger {name}"
    if view.state == "verifying":
        why = "Some people are not seen to be gone yet; read them back again."
        yield {"why": why, "command": f"bulk verify {name}"}
    elif Status.PENDING in found or view.state == "reading":
        yield {"why": "Some rows are pending; the same command continues.", "command": run}
    if found & {Status.FAILED, Status.REJECTED}:
        why = "See which rows did not go well, and why; mend them and feed them back."
        yield {"why": why, "command": f"bulk export {name} -o failed.csv {_SEEN}"}
    if Status.FAILED in found:
        yield {"why": "Send the failed ones again as they are.", "command": f"{run} --retry failed"}
    if Status.UNKNOWN in found:
        why = "Some were sent and never answered: look at the destination, then send those again."
        yield {"why": why, "command": f"{run} --retry unknown"}
    yield {"why": "One line per row and step.", "command": f"bulk export {name} -o outcomes.csv"}
