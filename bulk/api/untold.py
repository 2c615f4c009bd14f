"""Finds what a webhook was not told yet, over all passes of a ledger."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bulk.ledger.view import View

TELLS = "tells_outcomes"
"""The fact of a run whose outcomes a webhook is to be told, by it or by a later one."""
TOLD = "told_entries"
"""The fact of a run that holds, by pass, the number of the newest entry that it told a webhook of."""


@dataclass(frozen=True, slots=True)
class Untold:
    """A pass of which something was not told yet.

    Attributes:
        number: The pass.
        after: The newest entry of it that was told; None if nothing of it was.
        newest: The newest entry of it that there is; 0 if there is none.
    """

    number: int
    after: int | None
    newest: int

    @property
    def noted(self) -> Mapping[str, Any]:
        """The fact of a run that has told it."""
        return {TOLD: {str(self.number): self.newest}}


def untold(view: View) -> list[Untold]:
    """Return the passes that were not told to their end, oldest first.

    A pass is told if any of its runs was to tell outcomes: what is older than the webhook stays untold. What
    came of the sandbox is told by runs at the sandbox alone, which spare webhooks elsewhere.

    Args:
        view: Any pass of the ledger; a run of it, with facts of its own, is under way.
    """
    told: dict[str, int] = {}
    for _, facts in view.all_runs:
        told |= facts.get(TOLD, {})
    here = view.all_runs[-1][1]["sandbox"]
    meant = {number for number, facts in view.all_runs if facts.get(TELLS) and facts["sandbox"] == here}
    passes = ((number, told.get(str(number))) for number in sorted(meant - view.purged.keys()))
    newest = view.newest
    return [
        Untold(number, after, newest.get(number, 0))
        for number, after in passes
        if after is None or newest.get(number, 0) > after
    ]
