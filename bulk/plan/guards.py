"""Guards on the number of records, and the digest that an approval names."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import orjson


@dataclass(frozen=True, slots=True)
class Limits:
    """Guards on the number of records."""

    max_records: int | None = None
    min_records: int | None = None


def refusals(limits: Limits, records: Sequence[int]) -> list[tuple[str, str]]:
    """Return the guards that refuse the plan, each with its figures; ``records`` is what each step sends."""
    most = max(records, default=0)
    found: list[tuple[str, str]] = []
    if limits.max_records is not None and most > limits.max_records:
        found.append(
            ("max_records", f"{most:,} records would be sent, at most {limits.max_records:,} are allowed")
        )
    if limits.min_records is not None and most < limits.min_records:
        found.append(
            (
                "min_records",
                f"only {most:,} records would be sent, at least {limits.min_records:,} are expected",
            )
        )
    return found


def plan_digest(job: str, fingerprint: str, rows: int, sendable: Sequence[int]) -> str:
    """Return a plan's fingerprint: it changes with the job, the source, and how much each step sends."""
    facts = [job, fingerprint, rows, list(sendable)]
    return hashlib.sha256(orjson.dumps(facts)).hexdigest()[:16]
