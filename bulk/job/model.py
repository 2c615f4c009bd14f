"""The job file as pydantic models: the contract's keys, their types and defaults."""

import difflib
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from typing_extensions import TypeAliasType

from bulk.job.forms import CredentialText, Paths, http_url
from bulk.job.lists import Hold, Suppression
from bulk.job.match import Match
from bulk.job.notify import Notify
from bulk.job.part import Part
from bulk.job.units import parse_duration, parse_share
from bulk.mapping.spec import Column, Constant, Conversion, Expression, FieldSpec, Nested, Shaping
from bulk.pacing import Rate, parse_rate
from bulk.retry import RetryPolicy

Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    WithJsonSchema({"type": ["string", "number"], "examples": ["30s", "15m", "26h"]}),
]
Share = Annotated[
    float,
    BeforeValidator(parse_share),
    WithJsonSchema({"type": ["string", "number"], "examples": ["5%", 0.05]}),
]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Duplicates = Literal["keep_last", "keep_first", "keep_all"]


class Shaped(Part):
    """What may be done with a value once it is read."""

    as_: Conversion | None = Field(default=None, alias="as", description="Convert the text to this type.")
    split: str | None = Field(
        default=None, min_length=1, description="Cut the text into a list at this separator."
    )
    format: str | None = Field(default=None, description="strptime format of a date, e.g. %d/%m/%Y %H:%M.")
    timezone: str | None = Field(
        default=None, description="Zone of dates without an offset, e.g. Europe/Rome."
    )

    def shaping(self) -> Shaping:
        """Return it in the words of the mapping."""
        return Shaping(self.as_, self.split, self.format, self.timezone)


class ColumnField(Shaped):
    """A source column, converted or split."""

    column: str

    def spec(self) -> Column:
        """Return it in the words of the mapping."""
        return Column(self.column, self.shaping())


class ExprField(Shaped):
    """A row-wise polars SQL expression over source columns."""

    expr: str

    def spec(self) -> Expression:
        """Return it in the words of the mapping."""
        return Expression(self.expr, self.shaping())


class ValueField(Part):
    """The same value for every record."""

    value: Any


_SHAPES = ("column", "expr", "value")
_SHAPING = {"as", "split", "format", "timezone"}
_NEAR = 0.85
"""How like a form's name a key must be to be one with a slip; members may be called expiry or total_value."""


def _shape(given: object) -> str:
    """Tell which form of field this is; a mapping that names no single origin is an object of members."""
    if isinstance(given, ColumnField | ExprField | ValueField):
        return type(given).__name__.removesuffix("Field").lower()
    if not isinstance(given, Mapping):
        return "name"
    named = [shape for shape in _SHAPES if shape in given]
    if len(named) != 1:
        return "column" if _is_misspelt(given) else "nested"
    origin = given[named[0]]
    is_member = isinstance(origin, Mapping) and _shape(origin) != "nested"
    return "nested" if is_member or (named[0] != "value" and not isinstance(origin, str)) else named[0]


def _is_misspelt(given: Mapping[str, Any]) -> bool:
    """Tell a field that is converted, but names no origin, or several, from an object of members."""
    rest = given.keys() - _SHAPING
    near = (difflib.get_close_matches(key, _SHAPES, cutoff=_NEAR) for key in rest)
    converted = len(rest) < len(given) and all(near)
    single = not any(isinstance(given[key], Mapping) for key in rest)
    return bool(rest) and single and (converted or rest <= {*_SHAPES})


FieldModel = TypeAliasType(  # type: ignore[misc]  # refers to itself
    "FieldModel",
    Annotated[
        Annotated[str, Tag("name")]
        | Annotated[ColumnField, Tag("column")]
        | Annotated[ExprField, Tag("expr")]
        | Annotated[ValueField, Tag("value")]
        | Annotated[dict[str, "FieldModel"], Tag("nested")],  # type: ignore[misc]  # as above
        Discriminator(_shape),
    ],
)
KeyModel = Annotated[
    Annotated[str, Tag("name")] | Annotated[ColumnField, Tag("column")] | Annotated[ExprField, Tag("expr")],
    Discriminator(_shape),
]


def field_spec(given: Any) -> FieldSpec:
    """Return one field of a job in the words of the mapping."""
    if isinstance(given, str):
        return Column(given)
    if isinstance(given, ValueField):
        return Constant(given.value)
    if isinstance(given, dict):
        return Nested({name: field_spec(member) for name, member in given.items()})
    spec: FieldSpec = given.spec()
    return spec


class Database(Part):
    """A query whose result is the source."""

    uri: str = Field(repr=False)
    query: str


class Source(Part):
    """Where rows come from, and what belongs to the row whatever is done with it."""

    path: Paths | None = None
    format: Literal["csv", "tsv", "ndjson", "parquet", "ipc", "excel", "lines"] | None = None
    encoding: str | None = None
    separator: str | None = None
    null_values: list[str] = Field(default=[""])
    where: str | None = None
    opted_out: str | None = None
    key: KeyModel | None = None
    duplicates: Duplicates | None = None
    database: Database | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> "Source":
        if (self.path is None) == (self.database is None):
            raise ValueError("give either path or database")
        return self

    @property
    def key_spec(self) -> Column | Expression | None:
        """What names a record, in the words of the mapping; None if the first step decides it."""
        if self.key is None or isinstance(self.key, str):
            return None if self.key is None else Column(self.key)
        spec: Column | Expression = self.key.spec()
        return spec

    @property
    def paths(self) -> tuple[str, ...]:
        """The path or paths, as a tuple."""
        if self.path is None:
            return ()
        return (self.path,) if isinstance(self.path, str) else tuple(self.path)


class Retry(Part):
    """How long to try."""

    attempts: int = Field(default=8, ge=1, le=100)
    max_elapsed: Duration = 900.0

    def policy(self) -> RetryPolicy:
        """Return it in the words of the retry stage."""
        return RetryPolicy(attempts=self.attempts, max_elapsed=self.max_elapsed)


def _rate(given: Any) -> Rate:
    return given if isinstance(given, Rate) else parse_rate(str(given))


class Destination(BaseModel):
    """One account in one system; keys beyond these are the system's own settings."""

    model_config = ConfigDict(extra="allow", frozen=True, arbitrary_types_allowed=True)

    system: str | None = None
    base_url: str | None = None
    auth: dict[str, CredentialText] = Field(default={}, repr=False)
    rate: Annotated[
        Rate | Literal["none"] | None,
        BeforeValidator(lambda given: given if given is None or given == "none" else _rate(given)),
        WithJsonSchema({"type": "string", "examples": ["10/s", "300/min", "30/3s"]}),
    ] = None
    reserve: Share = 0.0
    concurrency: int = Field(default=16, ge=1, le=1000)
    timeout: Duration = 30.0
    drain: Duration = 10.0
    retry: Retry = Retry()

    @field_validator("base_url")
    @classmethod
    def _http(cls, given: str | None) -> str | None:
        return given if given is None else http_url(given).rstrip("/")

    @property
    def extras(self) -> dict[str, Any]:
        """The system's own settings, not yet checked."""
        return dict(self.model_extra or {})


class Step(Part):
    """One operation applied to every record of the source, at one destination.

    Keys beyond these are the operation's own options.
    """

    model_config = ConfigDict(extra="allow", frozen=True, arbitrary_types_allowed=True)

    name: Name | None = None
    destination: str
    operation: str
    batch_size: int | None = Field(default=None, ge=1)
    nulls: Literal["omit", "send"] = "omit"
    where: str | None = None
    duplicates: Duplicates | None = None
    opted_out: Literal["exclude", "include", "only"] | None = None
    resubscribe: bool = False
    fields: dict[str, FieldModel]

    @property
    def extras(self) -> dict[str, Any]:
        """The operation's own options, not yet checked."""
        return dict(self.model_extra or {})

    @property
    def label(self) -> str:
        """Its name; by default the operation."""
        return self.name or self.operation

    def specs(self) -> dict[str, FieldSpec]:
        """Return its fields in the words of the mapping."""
        return {name: field_spec(given) for name, given in self.fields.items()}


IGNORE = "ignore"
"""What `sync.removed` says to leave everybody alone."""


class Sync(Part):
    """Whether every pass sends the whole source, or what has changed since it was delivered."""

    mode: Literal["all", "changes"] = "all"
    removed: str = Field(
        default=IGNORE, description="ignore, or the operation for people who are no longer in the source."
    )
    resend_after: Duration | None = None

    @model_validator(mode="after")
    def _only_changes_are_sent_again(self) -> "Sync":
        if self.resend_after is not None and self.mode == "all":
            raise ValueError("resend_after needs mode: changes; mode: all sends everything in every pass")
        return self


class Guards(Part):
    """Checks that refuse a run before harm is done."""

    max_records: int | None = Field(default=None, ge=0)
    min_records: int | None = Field(default=None, ge=0)
    max_shrink: Share | None = None
    max_age: Duration | None = None
    max_failure_rate: Share | None = None
    canary: int = Field(default=0, ge=0)
    tolerate: Share = 0.0


class Ledger(Part):
    """What the ledger keeps of a person; where people are erased hashed keys, unless it is said otherwise."""

    keys: Literal["plain", "hashed"] | None = None


class JobFile(Part):
    """A job file."""

    name: Name
    source: Source
    destinations: dict[str, Destination] = Field(min_length=1)
    steps: list[Step] = Field(min_length=1)
    sync: Sync = Sync()
    guards: Guards = Guards()
    ledger: Ledger = Ledger()
    suppression: list[Suppression] = Field(default=[])
    holds: list[Hold] = Field(default=[])
    match: Match | None = None
    notify: Notify | None = None

    def keeps_hashed_keys(self, *, erasing: bool) -> bool:
        """Tell whether the ledger keeps hashed keys: where people are erased, unless told otherwise."""
        return self.ledger.keys == "hashed" or (self.ledger.keys is None and erasing)
