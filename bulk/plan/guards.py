"""Guards on the number of records, and the digest that an approval names."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import orjson


@dataclass(frozen=True, slots=True)
class Limits:
    """Guards on the number of records.

    Attributes:
        max_records: Records that are sent at the most.
        min_records: Records that the list has at the least, those included that are unchanged.
        max_shrink: Share by which the list may be shorter than that of the last pass.
    """

    max_records: int | None = None
    min_records: int | None = None
    max_shrink: float | None = None


def refusals(
    limits: Limits,
    records: Sequence[int],
    listed: int | None = None,
    before: int | None = None,
    removals: Sequence[tuple[int, int]] = (),
) -> list[tuple[str, str]]:
    """Return the guards that refuse the plan, each with its figures.

    Args:
        limits: The guards.
        records: How many records each step sends.
        listed: How many it has in its largest step, those included that are unchanged; by default as many.
        before: How many the list of the last pass had, if there is one to compare with.
        removals: How many people each removing step removes, and of how many: a list that is as long as ever
            may name others.
    """
    most = max(records, default=0)
    listed = most if listed is None else listed
    found: list[tuple[str, str]] = []
    if limits.max_records is not None and most > limits.max_records:
        found.append(
            ("max_records", f"{most:,} records would be sent, at most {limits.max_records:,} are allowed")
        )
    if limits.min_records is not None and listed < limits.min_records:
        had = (
            f"only {listed:,} records would be sent"
            if listed == most
            else f"there are only {listed:,} records"
        )
        found.append(("min_records", f"{had}, at least {limits.min_records:,} are expected"))
    if limits.max_shrink is not None and before and before - listed > round(limits.max_shrink * before, 6):
        figures = (
            f"{listed:,} records are {1 - listed / before:.1%} fewer than the {before:,} of the last pass"
        )
        found.append(("max_shrink", f"{figures}, at most {limits.max_shrink:.1%} are allowed"))
    for removed, known in removals:
        if limits.max_shrink is not None and removed > round(limits.max_shrink * known, 6):
            figures = f"{removed:,} of the {known:,} people who were delivered would be removed"
            share = f"{removed / known:.1%}, at most {limits.max_shrink:.1%} are allowed"
            found.append(("max_shrink", f"{figures}: {share}"))
    return found


def plan_digest(job: str, fingerprint: str, rows: int, sendable: Sequence[int]) -> str:
    """Return a plan's fingerprint: it changes with the job, the source, and how much each step sends."""
    facts = [job, fingerprint, rows, list(sendable)]
    return hashlib.sha256(orjson.dumps(facts)).hexdigest()[:16]
