"""The steps that ``sync.removed`` asks for: who left the list is removed from where they were brought."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from bulk.conversation import KEY
from bulk.destinations import SYSTEMS
from bulk.destinations.operation import Effect, Operation
from bulk.errors import suggestion
from bulk.job import model
from bulk.job.naming import key_field, key_of
from bulk.job.resolved import Destination, Step
from bulk.ledger.schema import REMOVED
from bulk.mapping.spec import Column, Expression

Key = Column | Expression
Tell = Callable[[str], None]
_NO_KEY = (
    "the key is the row number, which names nobody: let the first step map an e-mail address, a phone number"
    " or an id, or name a column as source.key"
)


def removing_steps(
    file: model.JobFile, steps: Sequence[Step], places: Mapping[str, Destination], tell: Tell
) -> tuple[Step, ...]:
    """Return a step for every destination at which people are to be removed.

    Args:
        file: The job file.
        steps: Its steps.
        places: Its destinations.
        tell: Takes what is wrong with ``removed``, in sentences.
    """
    asked = file.sync.removed
    if asked == model.IGNORE:
        return ()
    for problem in _unfit_job(file, steps):
        tell(problem)
    used = {step.destination: places[step.destination] for step in steps}
    able = {
        name: place.system.operations[asked]
        for name, place in used.items()
        if asked in place.system.operations
    }
    if not able:
        tell(_unknown(asked, used.values()))
    elif not all(operation.removes for operation in able.values()):
        tell(f"{asked} cannot remove who left the list{_there_are(used.values())}")
    elif file.holds and any(operation.effect is Effect.REMOVES for operation in able.values()):
        tell(f"holds are not looked at when people leave a list, so {asked} and holds exclude each other")
    elif (key := key_of(file.source, steps[0].fields, steps[0].operation)) is None:
        tell(_NO_KEY)
    else:
        return tuple(_steps(steps, able, key, tell))
    return ()


def _unfit_job(file: model.JobFile, steps: Sequence[Step]) -> Iterator[str]:
    if file.sync.mode != "changes":
        yield "needs mode: changes; with mode: all nobody knows who was delivered before"
    if file.match is not None:
        yield "needs rows that name people themselves: with match, whoever left the list has no contact here"
    if file.keeps_hashed_keys(erasing=any(step.operation.erasing is not None for step in steps)):
        yield "needs ledger: {keys: plain}: who left the list is named by the key that the ledger kept"


def _unknown(asked: str, used: Iterable[Destination]) -> str:
    """Say that no destination in use has an operation."""
    owners = [system.name for system in SYSTEMS.values() if asked in system.operations]
    if owners:
        return f"no step of this job sends to {' or '.join(owners)}, which has {asked}{_there_are(used)}"
    near = suggestion(asked, [model.IGNORE, *_able_to_remove(used)])
    return f'unknown operation "{asked}"{near or _there_are(used)}'


def _there_are(used: Iterable[Destination]) -> str:
    able = _able_to_remove(used)
    return f"; there are {', '.join(able)}" if able else "; no destination of this job can remove people"


def _able_to_remove(used: Iterable[Destination]) -> list[str]:
    operations = [one for place in used for one in place.system.operations.values()]
    return list(dict.fromkeys(one.name for one in operations if one.removes))


def _steps(steps: Sequence[Step], able: Mapping[str, Operation], key: Key, tell: Tell) -> Iterator[Step]:
    """Yield the steps: one for each destination that people were brought to."""
    brought = {name: _bringing(steps, name, operation) for name, operation in able.items()}
    if not any(brought.values()):
        whom = next(iter(able.values())).whom
        tell(f"no step at {' or '.join(able)} creates or updates a {whom}, so there is nobody to remove")
    places = [name for name, bringing in brought.items() if bringing]
    for index, name in enumerate(places, len(steps)):
        problem = _nameless(key, brought[name]) or _unfit(able[name], key, brought[name])
        if problem:
            tell(problem)
        else:
            yield _step(index, name, able[name], key, brought[name])


def _bringing(steps: Sequence[Step], destination: str, operation: Operation) -> list[Step]:
    """Return the steps of a destination that bring those whom an operation removes."""
    return [
        step
        for step in steps
        if step.destination == destination and step.operation.brings and step.operation.whom == operation.whom
    ]


def _nameless(key: Key, bringing: Sequence[Step]) -> str:
    """Say which step does not tell the place what the key is; empty if none."""
    where = f'the column "{key.name}"' if isinstance(key, Column) else "an expression"
    for step in bringing:
        if key_field(key, step.fields, step.operation) is None:
            return (
                f"the key is {where}, and the step {step.name} maps no field from that alone, so nobody could"
                " say whom a key means there; map one, or let source.key be what one is mapped from"
            )
    return ""


def _field(operation: Operation, key: Key, bringing: Sequence[Step]) -> str | None:
    """Return the field of an operation that the key is."""
    known = [field.name for field in operation.fields]
    fields = [key_field(key, step.fields, step.operation, known) for step in bringing]
    return next((name for name in fields if name is not None), None)


def _unfit(operation: Operation, key: Key, bringing: Sequence[Step]) -> str:
    """Say why an operation cannot go by the key; empty if it can."""
    named = _field(operation, key, bringing)
    if named is None:
        held = key_field(key, bringing[0].fields, bringing[0].operation)
        known = ", ".join(field.name for field in operation.fields)
        return (
            f"the key is {held}, by which {operation.name} finds nobody; it has {known}:"
            " let source.key be what one of these is mapped from"
        )
    required = [field.name for field in operation.fields if field.required and field.name != named]
    groups = (operation.one_of, operation.also_one_of)
    required += [f"one of {', '.join(group)}" for group in groups if group and named not in group]
    if not required:
        return ""
    return (
        f"{operation.name} needs {' and '.join(required)} too, and of who left the list only the key is known"
    )


def _step(index: int, destination: str, operation: Operation, key: Key, bringing: Sequence[Step]) -> Step:
    return Step(
        index=index,
        name=bringing[0].name + REMOVED,
        destination=destination,
        operation=operation,
        batch_size=1 if operation.batching is None else operation.batching.default,
        nulls="omit",
        where=None,
        duplicates="keep_all",  # no key is there twice
        opted_out="include",
        fields={str(_field(operation, key, bringing)): Column(KEY)},
        options=None if operation.options is None else operation.options(),
        removes=tuple(step.index for step in bringing),
    )
