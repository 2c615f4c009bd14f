"""What only people know of a list as a whole, and what they must know of it."""

from collections.abc import Collection, Iterator

from bulk.starting.consent import Condition
from bulk.starting.draft import Question
from bulk.starting.exports import Export
from bulk.starting.meanings import folded

__all__ = ["AGREED", "Condition", "is_sure", "notes"]

AGREED = Question(
    "agreed",
    "No column says who agreed to be written to. Did everybody in this file agree?",
    "unsure",
    ("yes", "no", "unsure"),
)


def is_sure(column: str, sure: Collection[str], export: Export | None) -> bool:
    """Tell whether what a column means is known from its export, and not from its name alone."""
    return export is not None and folded(column).removeprefix(export.prefix) in sure


def notes(export: Export | None, *, told: bool, answer: str | None) -> Iterator[str]:
    """Yield what people must know, in sentences.

    Args:
        export: Which known export it is.
        told: Whether the source says who must not be written to.
        answer: What people said of everybody's agreement.
    """
    if export is not None and export.advice:
        yield export.advice
    if not told and answer == "yes":
        yield "No column says who agreed to be written to; whoever wrote this job said that all did."
    elif not told and answer != "no":
        yield (
            "No column says who agreed to be written to. Everybody is carried over; if some did not agree,"
            " add a column that says so and name it in `opted_out`."
        )
