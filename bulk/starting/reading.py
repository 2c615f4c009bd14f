"""How the values of columns are read: dates, flags, numbers, tags, and what of it only people know."""

from collections.abc import Iterable, Iterator, Mapping

import polars as pl

from bulk.mapping.dates import date_reading
from bulk.mapping.spec import Column, Expression, Shaping
from bulk.starting.dates import written
from bulk.starting.draft import Answers, Line, Question
from bulk.starting.exports import Export
from bulk.starting.flags import flag
from bulk.starting.meanings import Form, Known
from bulk.starting.placing import Place
from bulk.starting.seen import MOST, Seen, quoted

Spec = Column | Expression
_WHOLE = r"^-?(?:0|[1-9][0-9]{0,14})$"
_DECIMAL = r"^-?(?:0|[1-9][0-9]{0,14})\.[0-9]+$"
_SEPARATORS = ";|,"


class Values:
    """What the values of a source's columns show."""

    def __init__(
        self, seen: Seen, known: Mapping[str, Known], export: Export | None, answers: Answers, place: Place
    ) -> None:
        self.seen = seen
        self.export = export
        self.answers = answers
        self.dates = place.dates
        self._written = {
            column: found
            for column in seen.columns
            if (found := written(seen, column, known[column].form if column in known else Form.ANY))
            is not None
        }
        self._day_first = self._order()

    @property
    def zone(self) -> str:
        """The zone of dates without an offset."""
        return self.answers.get("zone") or (self.export.zone if self.export else "") or "UTC"

    def unclear(self, column: str) -> bool:
        """Tell whether day and month of a column's dates could be swapped, and nobody knows."""
        found = self._written.get(column)
        return found is not None and found.other is not None and self._day_first is None

    def other_format(self, column: str) -> str | None:
        """Return the format that reads a column's dates with day and month swapped, if there is one."""
        return self._written[column].other

    def date(self, column: str, convert: str = "") -> Column | None:
        """Return how a column of dates is read; None if it holds none."""
        found = self._written.get(column)
        if found is None:
            return None
        if found.other is not None and self._day_first is False:
            found = found.swapped()
        return Column(column, found.shaping(convert or self.dates, self.zone))

    def specs(self, column: str, form: Form, *, offered: bool = False) -> Iterator[tuple[str, Spec]]:
        """Yield how a column may be read as an attribute, the best first: what it is, and its spec.

        Args:
            column: The column.
            form: What is known of its values.
            offered: Whether numbers are read as such although nothing is known of them.
        """
        dtype = self.seen.schema[column]
        if dtype.is_nested():
            return
        dated = self.date(column) if form in {Form.DATE, Form.ANY} or dtype.is_temporal() else None
        if dated is not None:
            yield "date", dated
        if form in {Form.FLAG, Form.ANY} or isinstance(dtype, pl.Boolean):
            found = flag(self.seen, column, form)
            if found is not None:
                yield "flag", found
        yield from self._numbers(column, form, offered=offered)
        yield "text", Column(column)

    def questions(self, lines: Iterable[Line]) -> Iterator[Question]:
        """Yield what only people know of the dates that are carried over."""
        dated = [line for line in lines if isinstance(line.spec, Column) and line.spec.shaping.timezone]
        unclear = [line.columns[0] for line in lines if set(line.columns) & self._ambiguous()]
        if unclear and not self._evidence():
            text = f'In "{unclear[0]}", does the day stand first (31/01) or the month (01/31)?'
            yield Question("first", text, "unsure", ("day", "month", "unsure"))
        if dated and not (self.export and self.export.zone):
            text = "In which time zone are dates without an offset, such as Europe/Rome?"
            yield Question("zone", text, "UTC", fit=_zone_fault)

    def zone_used(self, lines: Iterable[Line]) -> str:
        """Return the zone, if any line has need of it."""
        zones = [
            line.spec.shaping.timezone for line in lines if isinstance(line.spec, Column) and line.active
        ]
        return self.zone if any(zones) else ""

    def _numbers(self, column: str, form: Form, *, offered: bool) -> Iterator[tuple[str, Spec]]:
        dtype = self.seen.schema[column]
        if dtype.is_numeric():
            yield "number", Column(column)
        values = self.seen.filled(column)
        if not isinstance(dtype, pl.String) or values.is_empty() or not (offered or form is Form.NUMBER):
            return
        if _share(values, _WHOLE) >= MOST:
            yield "number", Column(column, Shaping("int"))
        elif _share(values, f"{_WHOLE}|{_DECIMAL}") >= MOST:
            yield "number", Column(column, Shaping("float"))

    def _ambiguous(self) -> frozenset[str]:
        return frozenset(column for column, found in self._written.items() if found.other is not None)

    def _evidence(self) -> set[bool]:
        """Return what other columns of the file show: whether the day stands first."""
        clear = (found for found in self._written.values() if found.other is None and found.format)
        begins = {
            str(found.format)[:2] for found in clear if "/" in str(found.format) or "-%m" in str(found.format)
        }
        return {begin == "%d" for begin in begins & {"%d", "%m"}}

    def _order(self) -> bool | None:
        """Tell whether the day stands first in dates that could be read either way; None if nobody knows."""
        shown = self._evidence()
        if len(shown) == 1:
            return shown.pop()
        return {"day": True, "month": False}.get(self.answers.get("first", ""))


def tag_spec(seen: Seen, column: str) -> Spec:
    """Return how a column of tags is read: JSON, or text with separators, perhaps with quotes around each."""
    values = seen.filled(column)
    if not isinstance(values.dtype, pl.String):
        return Column(column)
    if not values.is_empty() and values.str.starts_with("[").all():
        return Column(column, Shaping("json"))
    separator = next((mark for mark in _SEPARATORS if values.str.contains(mark, literal=True).any()), ",")
    if values.str.contains('"', literal=True).any():
        return Expression(f"replace({quoted(column)}, '\"', '')", Shaping(split=separator))
    return Column(column, Shaping(split=separator))


def _share(values: pl.Series, pattern: str) -> float:
    return int(values.str.contains(pattern).sum()) / len(values)


def _zone_fault(zone: str) -> str | None:
    found = date_reading(pl.String(), Shaping("unix_seconds", timezone=zone))
    return found if isinstance(found, str) else None
