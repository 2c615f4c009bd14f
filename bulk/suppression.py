"""A job's suppression lists made ready: which fields they are compared with, and who stands in them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import polars as pl

from bulk.conversation import IDENTIFIER
from bulk.destinations.operation import Effect
from bulk.errors import JobError, SourceError, suggestion
from bulk.job import Job, lists
from bulk.job.document import Path
from bulk.mapping import check_expression, dtype_of, fits, identifiers
from bulk.mapping.tree import Branch, Fixed, Leaf, Node
from bulk.plan.suppression import VALUE, Hashes, Listed, Recipe, without
from bulk.runner.lists import Column, ColumnError, ListFile, State
from bulk.runner.setup import Naming, StepSetup
from bulk.runner.suppressing import Suppression

Steps = tuple[StepSetup, ...]
_T = TypeVar("_T")


def suppressing(job: Job, steps: Steps) -> tuple[Steps, Suppression]:
    """Return the steps, which know now what names people, and the lists as they are.

    Raises:
        JobError: With everything that is wrong with the lists.
    """
    if not job.suppression:
        return steps, Suppression()
    named = {given.field for given in job.suppression if given.field is not None}
    naming = _naming(steps, named)
    steps = tuple(replace(step, naming=naming) if _writes(step) else step for step in steps)
    making = _Making(job, steps, naming)
    files = [making.file(index, given) for index, given in enumerate(job.suppression)]
    found = [None if file is None else making.read(index, file) for index, file in enumerate(files)]
    if making.problems:
        raise JobError(making.problems)
    ready = [each for each in found if each is not None]
    return steps, Suppression(
        tuple(file for file in files if file is not None),
        tuple(state for state, _ in ready),
        tuple(listed for _, listed in ready),
    )


def _writes(step: StepSetup) -> bool:
    """Tell whether a step is held back; one that unsubscribes or removes people never is."""
    return step.operation.effect is Effect.WRITES


def _naming(steps: Steps, named: set[str]) -> Naming:
    """Return what names people in any step; what an earlier step has as well is looked at once.

    Contacts are others at each destination, and so is what their columns hold.
    """
    seen: dict[tuple[str, tuple[str, ...]], list[pl.Expr]] = {}
    parts = []
    for step in steps:
        chosen = []
        for one in identifiers(step.mapping.nodes, named, step.index):
            raw = step.mapping.raws[one.node.raw] if isinstance(one.node, Leaf) else pl.lit(None)
            place = "" if step.mapping.contacts is None else step.destination
            known = seen.setdefault((place, one.path), [])
            if isinstance(one.node, Fixed) or not any(raw.meta.eq(other) for other in known):
                known.append(raw)
                chosen.append(one)
        parts.append((step.mapping, tuple(chosen)))
    return Naming(tuple(parts))


class _Making:
    """The work on the lists of one job, collecting every mistake on the way."""

    def __init__(self, job: Job, steps: Steps, naming: Naming) -> None:
        self._job = job
        self._steps = steps
        self._people = [one for _, chosen in naming.parts for one in chosen]
        self.problems: list[str] = []

    def _complain(self, path: Path, message: str) -> None:
        self.problems.append(self._job.document.problem(("suppression", *path), message))

    def file(self, index: int, given: lists.Suppression) -> ListFile | None:
        """Return how a list is read and compared, or None if there are mistakes."""
        before = len(self.problems)
        of = None if given.of is None else self._of(index, given.of)
        columns = self._columns(index, given.field)
        if len(self.problems) > before:
            return None
        secret = (given.secret or "").encode()
        place = self._job.document.place(("suppression", index))
        excepted = None if given.except_ is None else self._column(given.except_)
        return ListFile(place, self._column(given), Recipe(given.hash, secret, of), columns, excepted)

    def _column(self, given: lists.ListColumn) -> Column:
        return Column(given.paths, self._job.folder, given.column)

    def _of(self, index: int, sql: str) -> pl.Expr | None:
        schema = pl.Schema({VALUE: pl.String()})
        found = check_expression(sql, schema, (index, "of"))
        if isinstance(found, list):
            for problem in found:
                self._complain(problem.path, problem.message)
            return None
        if dtype_of(found, schema) != pl.String:
            self._complain(
                (index, "of"), f"must give text, but the expression gives {dtype_of(found, schema)}"
            )
        elif VALUE not in found.meta.root_names():
            self._complain((index, "of"), f'does not use the column "{VALUE}", which holds the identifier')
        return found

    def _columns(self, index: int, name: str | None) -> frozenset[str]:
        """Return the columns of identifiers that a list is compared with."""
        if name is not None:
            self._check_field(index, name)
            return frozenset(one.column for one in self._people if fits(one.path, name))
        keyed = self._steps[0].mapping.rules.key is not None
        columns = frozenset([IDENTIFIER] * keyed + [one.column for one in self._people])
        if not columns:
            self._complain(
                (index,),
                "shares no field with the job: no e-mail, phone or id is mapped; name one with `field`",
            )
        return columns

    def _check_field(self, index: int, name: str) -> None:
        """Refuse a field that no step has which is held back; where none is, that no step has at all."""
        concerned = [step for step in self._steps if step.naming is not None] or self._steps
        known = [path for step in concerned for path in _paths(step.mapping.nodes)]
        if not any(fits(path, name) for path in known):
            near = suggestion(name, [".".join(path) for path in known])
            self._complain((index, "field"), f'no step that is held back maps the field "{name}"{near}')
        elif not any(fits(one.path, name) for one in self._people):
            self._complain((index, "field"), f'the field "{name}" holds nothing that could be compared')

    def read(self, index: int, file: ListFile) -> tuple[State, Listed] | None:
        """Read a list, and who is taken off it; None if one cannot be read."""
        state = self._tried((index,), file.state)
        members = None if state is None else self._tried((index,), file.members)
        excepted: Hashes | None = None
        if file.excepted is not None:
            column = file.excepted
            excepted = self._tried((index, "except"), lambda: file.exceptions(column))
        if state is None or members is None or (file.excepted is not None and excepted is None):
            return None
        members = members if excepted is None else without(members, excepted)
        return state, Listed(file.column.name, file.recipe, file.columns, members)

    def _tried(self, path: Path, work: Callable[[], _T]) -> _T | None:
        try:
            return work()
        except ColumnError as error:
            self._complain((*path, "column"), str(error))
        except SourceError as error:
            self._complain((*path, "path"), str(error))
        return None


def _paths(nodes: Sequence[Node]) -> list[tuple[str, ...]]:
    """Return the paths of all that a step maps."""
    return [
        path
        for node in nodes
        for path in ([node.path, *_paths(node.members)] if isinstance(node, Branch) else [node.path])
    ]
