"""A mistake in a mapping, found before any row is read."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and where.

    Attributes:
        path: Keys below the step or the source: ``("fields", "attributes", "plan")``, ``("where",)``.
        message: A sentence for people.
    """

    path: tuple[str | int, ...]
    message: str
