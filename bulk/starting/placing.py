"""Where an operation takes what a column means, and how its attributes are called and typed."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from bulk.destinations.fields import Kind
from bulk.destinations.operation import Effect, Operation
from bulk.destinations.system import System
from bulk.starting.meanings import words

Path = tuple[str, ...]
_IDS = ("user_id", "externalId", "id")
_BAGS = ("attributes", "custom")
_SUFFIXES = {"text": "Str", "number": "Num", "date": "At", "flag": "Bool"}
_MOMENT = re.compile(r"_(?:at|on|date|time)$")
_TAKEN = frozenset({"id", "email", "cio_id", "anonymous_id", "user_id", "unsubscribed"})
"""Names that mean more than an attribute wherever they stand."""


@dataclass(frozen=True, slots=True)
class Place:
    """A system's operation, as far as people's data can be put there.

    Attributes:
        system: The system.
        operation: What is done with each record.
    """

    system: System
    operation: Operation

    @property
    def open(self) -> bool:
        """Whether it takes any field, called as one likes."""
        return not self.operation.fields

    @property
    def unsubscribes(self) -> bool:
        """Whether it takes people out of what they receive, or away."""
        return self.operation.effect is not Effect.WRITES

    @property
    def id_field(self) -> str | None:
        """The field of the owner's own id."""
        return "id" if self.open else next((name for name in _IDS if self.operation.field(name)), None)

    @property
    def bag(self) -> Path | None:
        """The path below which attributes stand; None if it takes none."""
        if self.open:
            return ()
        return next(((name,) for name in _BAGS if self.operation.field(name)), None)

    @property
    def suffixed(self) -> bool:
        """Whether the end of an attribute's name says what it holds."""
        bag = self.operation.field(self.bag[0]) if self.bag else None
        return bag is not None and bool(bag.suffixes)

    @property
    def dates(self) -> str:
        """How its dates are converted."""
        return "iso8601" if self.open or self.suffixed else "unix_seconds"

    def takes(self, name: str, kind: Kind | None = None) -> bool:
        """Tell whether it has a field of that name, and of that kind."""
        field = self.operation.field(name)
        return self.open or (field is not None and kind in {None, field.kind})

    def attribute(self, name: str, form: str, taken: Iterable[Path]) -> Path | None:
        """Return where an attribute of that name stands, so that it stands nowhere else.

        Args:
            name: In lower case with underscores; empty if the column has no Latin letters.
            form: ``text``, ``number``, ``date`` or ``flag``.
            taken: Where something stands already.
        """
        if self.bag is None:
            return None
        known = set(taken)
        name = name or "column"
        name = f"source_{name}" if name in _TAKEN or name[0].isdigit() else name
        for number in range(1, len(known) + 2):
            path = (*self.bag, self._called(name if number == 1 else f"{name}_{number}", form))
            if path not in known:
                return path
        return None

    def _called(self, name: str, form: str) -> str:
        if not self.suffixed:
            return name
        if form == "date":
            name = _MOMENT.sub("", name) or name  # the suffix says it again
        first, *rest = name.split("_")
        return first + "".join(part.capitalize() for part in rest) + _SUFFIXES[form]


def attribute_name(column: str) -> str:
    """Return what a column is called as an attribute, if nothing better is known; at most 60 characters."""
    return words(column)[:60].rstrip("_")
