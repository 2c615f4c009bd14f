"""A job's suppression lists and holds made ready: what they are compared with, and who stands in them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import TypeVar

import polars as pl

from bulk.conversation import IDENTIFIER
from bulk.destinations.operation import Effect
from bulk.errors import JobError, LedgerError, SourceError, suggestion
from bulk.job import Job, lists
from bulk.job.document import Path
from bulk.ledger.erased import secret_of
from bulk.ledger.keys import called
from bulk.mapping import check_expression, dtype_of, fits, identifiers
from bulk.mapping.tree import Branch, Fixed, Leaf, Node
from bulk.plan.reading import ON_HOLD, SUPPRESSED
from bulk.plan.subjects import naming as naming_of
from bulk.plan.suppression import VALUE, Hashes, Listed, Recipe
from bulk.runner.lists import Column, ColumnError, Erased, ListFile, Origin, State
from bulk.runner.setup import Naming, StepSetup
from bulk.runner.suppressing import Lists

Steps = tuple[StepSetup, ...]
_T = TypeVar("_T")


def suppressing(job: Job, steps: Steps, secrets: Sequence[bytes]) -> tuple[Steps, dict[str, Lists]]:
    """Return the steps, which know now what names people, and the suppression lists and holds as they are.

    Args:
        job: The job.
        steps: Its steps.
        secrets: The ledger secrets there are, with which erased people are looked for.

    Raises:
        JobError: With everything that is wrong with the lists.
    """
    problems: list[str] = []
    found: dict[str, Lists] = {}
    for kind in _KINDS:
        given: Sequence[lists.People | lists.Erased] = getattr(job, kind.key)
        if given:
            steps, found[kind.reason] = _made(job, steps, kind, given, (secrets, problems))
    if problems:
        raise JobError(problems)
    return steps, found


@dataclass(frozen=True, slots=True)
class _Kind:
    """Suppression lists, or holds.

    Attributes:
        key: Where they stand in the job.
        reason: Why whoever stands in them is skipped, as a code.
        effect: Which steps heed them.
    """

    key: str
    reason: str
    effect: Effect


_KINDS = (_Kind("suppression", SUPPRESSED, Effect.WRITES), _Kind("holds", ON_HOLD, Effect.REMOVES))


def _made(
    job: Job,
    steps: Steps,
    kind: _Kind,
    given: Sequence[lists.People | lists.Erased],
    told: tuple[Sequence[bytes], list[str]],
) -> tuple[Steps, Lists]:
    """Read the lists of one kind; return the steps that heed them, and the lists."""
    naming = _naming(steps, {one.field for one in given if one.field is not None})
    steps = tuple(
        replace(step, naming=naming, heeds=kind.reason) if step.operation.effect is kind.effect else step
        for step in steps
    )
    making = _Making(job, steps, naming, kind, *told)
    ready = [making.ready(index, one) for index, one in enumerate(given)]
    made = [one for one in ready if one is not None]
    return steps, Lists(
        kind.reason,
        tuple(file for file, _, _ in made),
        tuple(state for _, state, _ in made),
        tuple(listed for _, _, listed in made),
    )


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
    """The work on the lists of one kind, collecting every mistake on the way."""

    def __init__(
        self,
        job: Job,
        steps: Steps,
        naming: Naming,
        kind: _Kind,
        secrets: Sequence[bytes],
        problems: list[str],
    ) -> None:
        self._job = job
        self._steps = steps
        self._kind = kind
        self._secrets = secrets
        self._people = [one for _, chosen in naming.parts for one in chosen]
        self._problems = problems

    def _complain(self, path: Path, message: str) -> None:
        self._problems.append(self._job.document.problem((self._kind.key, *path), message))

    def ready(self, index: int, given: lists.People | lists.Erased) -> tuple[ListFile, State, Listed] | None:
        """Return how a list is read and compared, what its files are like, and who stands in it.

        None if there are mistakes.
        """
        before = len(self._problems)
        columns = self._columns(index, given.field)
        compared = self._compared(index, given)
        if compared is None or len(self._problems) > before:
            return None
        origin, recipe = compared
        excepted = None if given.except_ is None else self._column(given.except_)
        place = self._job.document.place((self._kind.key, index))
        why = given.why if isinstance(given, lists.Hold) else ""
        return self._read(index, ListFile(place, origin, recipe, columns, excepted, why))

    def _compared(self, index: int, given: lists.People | lists.Erased) -> tuple[Origin, Recipe] | None:
        """Return where a list is read from, and how identifiers are compared with it."""
        if isinstance(given, lists.Erased):
            path = self._job.folder / given.ledger
            secret = self._tried((index, "ledger"), lambda: self._secret(path))
            return None if secret is None else (Erased(path), naming_of(secret))
        of = None if given.of is None else self._of(index, given.of)
        return self._column(given), Recipe(given.hash, (given.secret or "").encode(), of)

    def _secret(self, path: FilePath) -> bytes:
        """Return the secret with which a ledger's erased people are hashed."""
        found = called(secret_of(path), self._secrets)
        if found is None:
            given = "is another" if self._secrets else "is not set"
            raise LedgerError(
                f"{path.name} was made with a secret of its own, and BULK_LEDGER_SECRET {given}"
            )
        return found

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

    def _read(self, index: int, file: ListFile) -> tuple[ListFile, State, Listed] | None:
        """Read a list, and who is taken off it; None if one cannot be read."""
        state = self._tried((index,), file.state)
        members = None if state is None else self._tried((index,), lambda: file.origin.members(file.recipe))
        excepted: Hashes | None = None
        if file.excepted is not None:
            column = file.excepted
            excepted = self._tried((index, "except"), lambda: file.exceptions(column))
        if state is None or members is None or (file.excepted is not None and excepted is None):
            return None
        return file, state, file.listed(members, excepted)

    def _tried(self, path: Path, work: Callable[[], _T]) -> _T | None:
        try:
            return work()
        except ColumnError as error:
            self._complain((*path, "column"), str(error))
        except (SourceError, LedgerError) as error:
            self._complain(path if path[-1] == "ledger" else (*path, "path"), str(error))
        return None


def _paths(nodes: Sequence[Node]) -> list[tuple[str, ...]]:
    """Return the paths of all that a step maps."""
    return [
        path
        for node in nodes
        for path in ([node.path, *_paths(node.members)] if isinstance(node, Branch) else [node.path])
    ]
