"""Systems, operations and fields in words."""

from bulk.destinations import SYSTEMS
from bulk.destinations.fields import Field
from bulk.destinations.operation import Operation
from bulk.destinations.system import System
from bulk.errors import UsageError, suggestion


def describe(system: str | None, operation: str | None) -> str:
    """Return all systems, one system, or one operation, as text.

    Raises:
        UsageError: There is no such system or operation.
    """
    if system is None:
        return "\n\n".join(_system(found) for found in SYSTEMS.values())
    if system not in SYSTEMS:
        raise UsageError(f'unknown system "{system}"{suggestion(system, SYSTEMS)}')
    if operation is None:
        return _system(SYSTEMS[system])
    known = SYSTEMS[system].operations
    if operation not in known:
        raise UsageError(f'{system} has no operation "{operation}"{suggestion(operation, known)}')
    return _operation(known[operation])


def _system(system: System) -> str:
    secrets = ", ".join(credential.variable for credential in system.credentials)
    lines = [f"{system.name}  {system.base_url}  (credentials: {secrets}, each also as NAME_FILE)"]
    width = max(map(len, system.operations))
    lines += [f"  {name:<{width}}  {operation.about}" for name, operation in system.operations.items()]
    return "\n".join(lines)


def _operation(operation: Operation) -> str:
    lines = [operation.name, f"  {operation.about}", ""]
    lines += [f"  {name:<12}  {said}" for name, said in _facts(operation)]
    lines += ["", "  fields"]
    width = max(len(field.name) for field in operation.fields)
    for field in operation.fields:
        need = (
            "required"
            if field.required
            else "one of these is required"
            if field.name in operation.one_of
            else "optional"
        )
        lines.append(f"    {field.name:<{width}}  {field.kind.value}, {need}{_limits(field)}. {field.about}")
        lines.append(f"    {'':<{width}}  known from: {field.fact}")
    return "\n".join(lines)


def _facts(operation: Operation) -> list[tuple[str, str]]:
    batching = operation.batching
    batch = (
        f"{batching.default} records a request, at most {batching.maximum}"
        if batching
        else "one record a request"
    )
    again = "harmless" if operation.repeatable else "not harmless: an unanswered request ends as unknown"
    undo = (
        "never: needs approval (--yes, --confirm, or a typed count)"
        if operation.irreversible
        else "by another operation"
    )
    return [
        ("batching", batch),
        ("sent twice", again),
        ("undone", undo),
        ("duplicates", "keep_all by default" if operation.adds else "keep_last by default"),
        ("known from", operation.fact),
    ]


def _limits(field: Field) -> str:
    found = [
        (field.max_chars, "characters"),
        (field.max_bytes, "bytes"),
        (field.max_items, "members"),
    ]
    return "".join(f", at most {most} {unit}" for most, unit in found if most is not None)
