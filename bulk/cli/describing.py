"""Systems and operations in words."""

from collections.abc import Iterator, Mapping

from bulk.cli.describing_fields import described_fields, described_options, wrapped
from bulk.destinations import SYSTEMS
from bulk.destinations.listing import Listing
from bulk.destinations.operation import Batching, Effect, Operation
from bulk.destinations.system import Credential, System
from bulk.errors import UsageError, suggestion

_HELD_BACK = {
    Effect.WRITES: "skipped unless the step says otherwise",
    Effect.UNSUBSCRIBES: "included unless the step says otherwise",
    Effect.REMOVES: "included unless the step says otherwise",
}


def describe(system: str | None, operation: str | None, systems: Mapping[str, System] = SYSTEMS) -> str:
    """Return all systems, one system, or one operation, as text.

    Raises:
        UsageError: There is no such system or operation.
    """
    if system is None:
        return "\n\n".join("\n".join([_head(found), *_operations(found)]) for found in systems.values())
    if system not in systems:
        raise UsageError(f'unknown system "{system}"{suggestion(system, systems)}')
    if operation is None:
        return "\n".join(_system(systems[system]))
    known = systems[system].operations
    if operation not in known:
        raise UsageError(f'{system} has no operation "{operation}"{suggestion(operation, known)}')
    return "\n".join(_operation(known[operation]))


def _head(system: System) -> str:
    return f"{system.name}  {system.base_url or 'the job says where it is: base_url'}"


def _system(system: System) -> Iterator[str]:
    yield _head(system)
    yield from ("", "  credentials, each also as NAME_FILE")
    yield from _columns((f"auth.{each.option}", _credential(each)) for each in system.credentials)
    if system.surfaces:
        yield from ("", "  further surfaces, each with a rate of its own")
        yield from _columns((name, _surface(system, name)) for name in system.surfaces)
    settings = list(described_options(system.settings))
    yield from ("", "  settings of the destination", *settings) if settings else ()
    yield from ("", "  operations")
    yield from _operations(system)
    if system.listings:
        yield from ("", f"  listings: bulk pull {system.name} KIND")
        yield from _columns((each.name, _listing(each)) for each in system.listings.values())


def _operations(system: System) -> Iterator[str]:
    return _columns(
        (name, operation.about + (" Needs approval." if operation.needs_approval else ""))
        for name, operation in system.operations.items()
    )


def _credential(credential: Credential) -> str:
    variable = credential.variable or "no variable: the job names it"
    opens = f", for the surface {credential.surface}" if credential.surface else ""
    needed = credential.required and not credential.surface
    return f"{variable}{opens}{'' if needed else ', optional'}"


def _surface(system: System, name: str) -> str:
    users = [operation.name for operation in system.operations.values() if name in operation.surfaces]
    return f"needed by {', '.join(users)}" if users else "used where its credentials are set"


def _listing(listing: Listing) -> str:
    by = f" Single ones by {', '.join(listing.by)}." if listing.by else ""
    options = "".join(f" {name}: {about}" for name, about in listing.options.items())
    return f"{listing.about}{by}{options}"


def _operation(operation: Operation) -> Iterator[str]:
    yield operation.name
    yield from wrapped("  ", operation.about)
    yield from wrapped("  ", f"Beware: {operation.warning}") if operation.warning else ()
    yield ""
    yield from _columns(_facts(operation), indent="  ")
    yield from ("", *described_fields(operation))
    options = [] if operation.options is None else list(described_options(operation.options))
    yield from ("", "  options of the step", *options) if options else ()


def _facts(operation: Operation) -> Iterator[tuple[str, str]]:
    yield "requests", _batching(operation.batching)
    again = "harmless" if operation.repeatable else "not harmless: an unanswered request ends as unknown"
    yield "sent twice", again
    yield "undone", "never" if operation.irreversible else "by another operation, or by hand"
    if operation.needs_approval:
        yield "approval", "needed: --yes, --confirm, or a typed count"
    keeps_all = operation.adds or operation.erasing is not None
    yield "duplicates", "keep_all by default" if keeps_all else "keep_last by default"
    yield "opted out", _HELD_BACK[operation.effect]
    if operation.confirm is not None:
        yield "read back", "yes: a canary's records are compared with what the account shows"
    if operation.surfaces:
        instead = f"; {operation.instead}" if operation.instead else ""
        yield "surfaces", f"cannot do without {', '.join(operation.surfaces)}{instead}"
    if operation.erasing is not None:
        yield "looked up", "first, and whom the identifiers do not mean for certain is left alone"
        yield "read back", "until all identifiers show nobody, or the patience is over (verify)"
    if operation.erasing is not None and operation.erasing.by_hand:
        yield "by hand", operation.erasing.by_hand
    yield "known from", operation.fact


def _batching(batching: Batching | None) -> str:
    if batching is None:
        return "one record each"
    parts = [f"{batching.default} records each unless the step says otherwise, at most {batching.maximum}"]
    if batching.max_bytes is not None:
        parts.append(f"at most {batching.max_bytes:,} bytes of records")
    if batching.group is not None:
        parts.append("only records that agree in what the request says of them all share one")
    if batching.item_bytes is not None:
        parts.append(f"a record longer than {batching.item_bytes:,} bytes is rejected")
    return "; ".join(parts)


def _columns(pairs: Iterator[tuple[str, str]], indent: str = "    ") -> Iterator[str]:
    """Yield names and what is said of them, in two columns."""
    told = list(pairs)
    width = max((len(name) for name, _ in told), default=0)
    for name, said in told:
        yield from wrapped(f"{indent}{name:<{width}}  ", said)
