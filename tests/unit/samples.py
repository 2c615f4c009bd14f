"""Records that suit any operation, made from what its fields say of themselves."""

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from bulk.conversation import ROW, Batch, Records
from bulk.destinations.fields import Field, Kind
from bulk.destinations.http.options import HttpOptions
from bulk.destinations.operation import Operation, Terms
from bulk.destinations.system import System
from bulk.mapping import CompiledRules, compile_step
from bulk.mapping.spec import Column, Constant, FieldSpec, Nested, Shaping

NASTY = "a/b?c#d +%é/../.."
"""An identifier that would break out of its place in a path or a query."""
_KINDS: Mapping[Kind, Any] = {
    Kind.EMAIL: "person{n}+tag@example.com",
    Kind.IDENTIFIER: NASTY + "{n}",
    Kind.PHONE: "+39061{n:06d}",
    Kind.TEXT: 'text "{n}" é',
    Kind.MOMENT: "2026-01-02T03:04:05+00:00",
    Kind.BOOLEAN: "true",
    Kind.INTEGER: "17{n}",
    Kind.NUMBER: "1.5",
}
_CONVERT = {Kind.BOOLEAN: "bool", Kind.INTEGER: "int", Kind.NUMBER: "float"}
_SHAPED = (
    "plain{n}",
    "17{n}",
    "507f1f77bcf86cd7{n:08d}",
    "01ARZ3NDEKTSV4RRFF{n:08d}",
    "https://example.com/{n}",
)
"""Values of fields whose pattern nothing else fits."""
_OPTIONS: Mapping[str, Any] = {
    "request": HttpOptions(path="/lists/{list}/members/{id}", headers={"X-Reason": "{reason}"})
}


def fits(field: Field, value: str) -> bool:
    """Tell whether a text passes the field's own pattern."""
    return field.pattern is None or bool(
        pl.select(pl.lit(value).str.contains(f"^(?:{field.pattern})$")).item()
    )


def text_of(field: Field, number: int) -> str:
    """Return a text that suits a field."""
    if field.choices:
        return field.choices[0]
    tried = (_KINDS.get(field.kind, "x"), *_SHAPED)
    return next(text for form in tried if fits(field, text := form.format(n=number)))


TextOf = Callable[[Field, int], str]


class Sample:
    """A step that maps every field of an operation, and records for it.

    ``text`` says what a field holds; records that are not to be sent with it are left out.
    """

    def __init__(
        self, system: System, operation: Operation, *, records: int = 3, text: TextOf | None = None
    ) -> None:
        self.system = system
        options = _OPTIONS.get(operation.name) or (operation.options() if operation.options else None)
        self.operation = operation.tailor(operation, options) if operation.tailor else operation
        self.terms = Terms(system.settings(), options, "seed")
        self._columns: dict[str, list[str]] = {}
        self._text = text or text_of
        self._count = records
        fields: dict[str, FieldSpec] = {
            field.name: self._spec(field) for field in self.operation.fields if not _needless(field)
        }
        if not self.operation.fields:
            kinds = {"list": Kind.TEXT, "id": Kind.IDENTIFIER, "reason": Kind.EMAIL}
            fields = {name: self._column(Field(name, kind, "", "")) for name, kind in kinds.items()}
        frame = pl.DataFrame({ROW: pl.Series(range(1, records + 1), dtype=pl.UInt32), **self._columns})
        mapping = compile_step(fields, self.operation, frame.schema, CompiledRules(), terms=self.terms)
        if isinstance(mapping, list):
            raise ValueError(mapping)  # noqa: TRY004 - the mistakes of a sample, not a wrong type
        judged = mapping.judge(frame)
        if text is None and judged["reason"].null_count() != records:
            raise AssertionError(judged["message"].to_list())
        self.frame = mapping.encode(frame.filter(judged["reason"].is_null()), "seed")

    @property
    def batch(self) -> Batch:
        """The records as one batch, or one of them if the operation does not batch."""
        batching = self.operation.batching
        if batching is None:
            return Batch(Records(self.frame[:1]), 0, 1)
        frame = self.frame
        if batching.group is not None:
            marked = frame.with_columns(batching.group.alias("group"))
            frame = marked.filter(pl.col("group").eq_missing(marked["group"][0])).drop("group")
        return Batch(Records(frame), 0, frame.height)

    def _column(self, field: Field) -> Column:
        name = f"c{len(self._columns)}"
        self._columns[name] = [
            self._text(field, 100 * number + len(self._columns)) for number in range(1, self._count + 1)
        ]
        convert: Any = _CONVERT.get(field.kind)
        return Column(name, Shaping(convert))

    def _spec(self, field: Field) -> FieldSpec:
        if field.kind is Kind.OBJECT:
            members = field.members or field.special
            if field.members:
                return Nested({member.name: self._spec(member) for member in members})
            if field.suffixes:
                return Nested(
                    {f"plan{suffix}": self._spec(member) for suffix, member in field.suffixes.items()}
                )
            return Nested({"plan": self._column(Field("plan", Kind.TEXT, "", "")), "origin": Constant("crm")})
        if field.kind is Kind.TEXTS:
            name = self._column(field)
            return Column(name.name, Shaping(split=";"))
        if field.kind is Kind.LIST:
            return Constant([])
        return self._column(field)


_MADE: dict[tuple[str, str], Sample] = {}


def sample_of(system: System, operation: Operation) -> Sample:
    """Return the sample of an operation, which is made once: nothing that is done with it changes it."""
    names = (system.name, operation.name)
    if names not in _MADE:
        _MADE[names] = Sample(system, operation)
    return _MADE[names]


def _needless(field: Field) -> bool:
    """Tell whether a sample is better without a field: consent would be left out, lists would be empty."""
    return field.consent is not None or (field.kind is Kind.LIST and not field.required)
