"""A job's match made ready: what has to be listed, and the contacts that rows are found among."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

import polars as pl

from bulk.destinations.listing import Listing
from bulk.destinations.operation import Naming
from bulk.errors import SourceError
from bulk.job import Job
from bulk.job.document import Path
from bulk.job.match import Match
from bulk.job.resolved import Destination, Step
from bulk.mapping import check_expression, check_form, column_names, dtype_of
from bulk.mapping.names import unknown
from bulk.mapping.spec import Column, Expression, leaves
from bulk.plan.matching import ADDRESS, FORM, LISTING, NAMES, Contacts, Form, contacts
from bulk.runner.listing import Pulled
from bulk.runner.lists import refuse_malformed
from bulk.source import Source, SourceOptions, open_source

PREFIX = "contact_"
"""Begins the name of a contact's column that the source has as well."""
_EMAIL = "email"


@dataclass(frozen=True, slots=True)
class ToList:
    """What has to be listed of a destination, the columns that are kept of it, and what names contacts."""

    place: Destination
    listings: tuple[Listing, ...]
    columns: frozenset[str]
    namings: Mapping[str, Naming]


@dataclass(frozen=True, slots=True)
class Matching:
    """The contacts by destination, and what is wrong with the job's match."""

    contacts: Mapping[str, Contacts] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Table:
    """Contacts as they were read: all columns they have, and those that are kept, with LISTING."""

    place: str
    schema: pl.Schema
    frame: pl.DataFrame


def to_list(job: Job, source: Source) -> tuple[tuple[ToList, ...], list[str]]:
    """Return what has to be listed before the job's steps can be made ready.

    With it comes everything that is wrong with the match, as far as that shows before.
    """
    match = job.match
    if match is None or match.contacts.pull is None:
        return (), []
    pull, making = match.contacts.pull, _Making(job, match, source)
    making.check_column()
    making.check_form()
    places = job.used_destinations.items()
    return tuple(
        ToList(
            place,
            tuple(place.system.listings[kind] for kind in pull.at(name)),
            making.wanted(making.used_at(name)),
            place.system.namings if match.identifiers else {},
        )
        for name, place in places
    ), making.problems


def matching(job: Job, source: Source, listed: Mapping[str, Pulled]) -> Matching:
    """Return the contacts that a job's rows are found among.

    Args:
        job: The job.
        source: Its source.
        listed: By destination, what ``to_list`` asked for.
    """
    if job.match is None:
        return Matching()
    making = _Making(job, job.match, source)
    making.check_column()
    if job.match.contacts.paths:
        found = making.of_file(job.used_destinations)
    else:
        found = {name: making.of_listing(name, pulled) for name, pulled in listed.items()}
    return Matching(found, tuple(dict.fromkeys(making.problems)))


def _names(step: Step) -> Iterator[str]:
    """Yield the names of the columns that a step reads."""
    for spec in step.fields.values():
        for _, leaf in leaves(spec):
            if isinstance(leaf, Column):
                yield leaf.name
            elif isinstance(leaf, Expression):
                yield from column_names(leaf.sql)
    yield from column_names(step.where) if step.where is not None else ()


class _Making:
    """The work on the match of one job, collecting every mistake on the way."""

    def __init__(self, job: Job, match: Match, source: Source) -> None:
        self._job = job
        self._match = match
        self._source = source
        self.problems: list[str] = []

    def _complain(self, path: Path, message: str) -> None:
        self.problems.append(self._job.document.problem(("match", *path), message))

    def check_column(self) -> None:
        """Find out whether the source has the column, and whether it may name people."""
        name, schema = self._match.column, self._source.schema
        if name not in schema:
            self._complain(("column",), unknown("column", name, schema.names()))
        elif not (schema[name] == pl.String or schema[name].is_integer()):
            self._complain(("column",), f'column "{name}" holds no texts and no whole numbers')

    def check_form(self) -> None:
        """Find what is wrong with ``of`` whatever columns contacts have."""
        found = check_form(self._match.of)
        for problem in found if isinstance(found, list) else ():
            self._complain(("of",), problem.message)

    def used_at(self, destination: str) -> frozenset[str]:
        """Return the names in the steps of a destination that are no columns of the source."""
        steps = [step for step in self._job.steps if step.destination == destination]
        return frozenset(name for step in steps for name in _names(step)) - set(self._source.columns)

    def wanted(self, used: Collection[str]) -> frozenset[str]:
        """Return the columns of contacts that are kept for what is used of them."""
        formed = () if self._match.identifiers else column_names(self._match.of)
        return frozenset({_EMAIL, *map(self._meant, used), *formed})

    def _meant(self, name: str) -> str:
        """Return the column of contacts that steps call by a name."""
        bare = name.removeprefix(PREFIX)
        return bare if bare in self._source.columns else name

    def of_listing(self, destination: str, pulled: Pulled) -> Contacts:
        """Return the contacts that a destination lists; where nobody is, no column is missing."""
        used = self.used_at(destination)
        table = _Table(destination, pulled.schema, pulled.frame)
        if not pulled.frame.height:
            schema = pl.Schema(dict.fromkeys(sorted(self.wanted(used)), pl.String()))
            ours = {LISTING: pl.UInt8(), NAMES: pl.List(pl.String())}
            table = _Table(destination, schema, pl.Schema({**ours, **schema}).to_frame())
        return self._ready(table, used)

    def of_file(self, destinations: Collection[str]) -> dict[str, Contacts]:
        """Return the contacts of a file, the same ones for all destinations; none if it cannot be read."""
        paths = self._match.contacts.paths
        name = ", ".join(path.rpartition("/")[2] for path in paths)
        used = frozenset[str]().union(*map(self.used_at, destinations))
        try:
            table = self._read(paths, name, self.wanted(used))
        except SourceError as error:
            self._complain(("contacts", "path"), str(error))
            return {}
        return dict.fromkeys(destinations, self._ready(table, used))

    def _read(self, paths: tuple[str, ...], name: str, wanted: frozenset[str]) -> _Table:
        if "-" in paths:
            raise SourceError("contacts cannot be read from standard input; name a file")
        with open_source(SourceOptions(paths, self._job.folder)) as source:
            kept = [column for column in source.columns if column in wanted]
            frames = [source.schema.to_frame().select(kept)]
            for chunk in source.chunks():
                refuse_malformed(chunk, "is not found")
                frames.append(chunk.frame.select(kept))
            if source.changed():
                raise SourceError(f"{name} changed while it was being read")
        frame = pl.concat(frames).insert_column(0, pl.lit(0, pl.UInt8).alias(LISTING))
        return _Table(name, source.schema, frame)

    def _ready(self, table: _Table, used: Collection[str]) -> Contacts:
        """Put contacts in order; their columns are called as steps call them."""
        called = self._called(table.schema)
        schema = pl.Schema({name: table.schema[column] for name, column in called.items()})
        columns = [
            table.frame[column].alias(name)
            for name, column in called.items()
            if name in used and column in table.frame.columns
        ]
        listed = pl.DataFrame([self._formed(table), table.frame[LISTING], _addresses(table.frame), *columns])
        form = Form(self._match.hash, self._match.secrets, usual=self._match.identifiers)
        return contacts(table.place, self._match.column, form, listed, schema)

    def _called(self, schema: pl.Schema) -> dict[str, str]:
        """Return the columns of contacts by the names that steps know them by."""
        called: dict[str, str] = {}
        for column in schema:
            name = f"{PREFIX}{column}" if column in self._source.columns else column
            if name in called or name in self._source.columns:
                self._clash(name, column)
            else:
                called[name] = column
        return called

    def _clash(self, name: str, column: str) -> None:
        """Refuse a name that means two columns, if a step uses it."""
        if any(name in _names(step) for step in self._job.steps):
            two = f'"{name}" would mean two columns, one of them "{column}" of the contacts; rename one'
            self._complain(("contacts",), two)

    def _formed(self, table: _Table) -> pl.Series:
        """Return what is hashed or compared of each contact; null if that cannot be told."""
        if self._match.identifiers:
            return table.frame[NAMES].alias(FORM)
        nothing = pl.Series(FORM, [None], dtype=pl.String).new_from_index(0, table.frame.height)
        found = check_expression(self._match.of, table.schema)
        if isinstance(found, list):
            default = "of" not in self._match.model_fields_set
            hint = f'; of {table.place}, say with "of" what is hashed or compared' if default else ""
            for problem in found:
                self._complain(("of",), problem.message + hint)
            return nothing
        dtype = dtype_of(found, table.schema)
        if not (dtype == pl.String or dtype.is_integer()):
            self._complain(("of",), f"must give text, but the expression gives {dtype}")
            return nothing
        return self._computed(found, table, nothing)

    def _computed(self, form: pl.Expr, table: _Table, nothing: pl.Series) -> pl.Series:
        if not form.meta.root_names():
            self._complain(("of",), "does not use a column of the contacts, so that all would be alike")
            return nothing
        try:
            return table.frame.select(form.cast(pl.String).alias(FORM)).to_series()
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
            self._complain(("of",), "cannot be computed for every contact")
            return nothing


def _addresses(frame: pl.DataFrame) -> pl.Series:
    """Return the e-mail addresses of contacts, as far as they have any."""
    if frame.schema.get(_EMAIL) != pl.String:
        return pl.Series(ADDRESS, [None], dtype=pl.String).new_from_index(0, frame.height)
    return frame[_EMAIL].str.strip_chars().str.to_lowercase().alias(ADDRESS)
