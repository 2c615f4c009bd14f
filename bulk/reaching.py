"""A destination made ready to be sent to: its credentials, its ways, its connections."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager

from bulk.destinations.system import Credential, Place
from bulk.errors import JobError
from bulk.job import Job
from bulk.job.environment import fill_text, variable
from bulk.job.resolved import Destination
from bulk.runner.setup import LaneSetup, WaySetup
from bulk.runner.way import Sender
from bulk.transport import Endpoint, Transport


def missing_surfaces(job: Job, place: Destination, environ: Mapping[str, str]) -> Iterator[str]:
    """Say which credentials are not set of surfaces that a step needs, and what else it may say."""
    for step in job.steps:
        for surface in step.operation.surfaces if step.destination == place.name else ():
            names = [one.variable for one in place.credentials if one.surface == surface]
            if surface not in open_surfaces(place, environ):
                instead = f"; {step.operation.instead}" if step.operation.instead else ""
                yield f"{place.auth_at}: set {_to_set(names)}, which {step.operation.name} needs{instead}"


def operations_of(job: Job, place: Destination) -> frozenset[str]:
    """Return the names of the operations a job uses at a destination."""
    return frozenset(step.operation.name for step in job.steps if step.destination == place.name)


def lane_setup(
    place: Destination, environ: Mapping[str, str], operations: frozenset[str] = frozenset()
) -> LaneSetup:
    """Return a destination made ready to be sent to."""
    where = place_of(place, environ, operations)
    preflight = place.system.preflight
    return LaneSetup(
        name=place.name,
        read=place.system.read,
        concurrency=place.concurrency,
        policy=place.retry,
        drain=place.drain,
        ways={surface: _way(place, surface, environ) for surface in ("", *sorted(where.surfaces))},
        preflight=preflight(where) if preflight else None,
        pinned=place.system.pinned(place.settings),
    )


def _way(place: Destination, surface: str, environ: Mapping[str, str]) -> WaySetup:
    return WaySetup(
        rate=place.surface_rates[surface] if surface else place.rate,
        reserve=0.0 if surface else place.reserve,
        period=None if surface else place.answering.budget_period,
        concurrency=place.concurrency,
        open_sender=opener(place, environ, surface),
    )


def place_of(place: Destination, environ: Mapping[str, str], operations: frozenset[str]) -> Place:
    """Return what a system's probes are told of a destination."""
    return Place(place.base_url, place.settings, operations, open_surfaces(place, environ))


def open_surfaces(place: Destination, environ: Mapping[str, str]) -> frozenset[str]:
    """Return the further surfaces whose credentials are set."""
    wanted = [credential for credential in place.credentials if credential.surface]
    unset = {one.surface for one in wanted if not _credential(place, one, environ)}
    return frozenset(place.system.surfaces) - unset


def opener(
    place: Destination, environ: Mapping[str, str], surface: str = ""
) -> Callable[[], AbstractAsyncContextManager[Sender]]:
    """Return what opens the connections to a surface of a destination; credentials are looked up only then.

    The function it returns raises JobError if a credential is not set.
    """

    def open_sender() -> AbstractAsyncContextManager[Sender]:
        secrets = credentials(place, environ, surface)
        headers = (place.system.surfaces[surface] if surface else place.system).headers(
            secrets, place.settings
        )
        url = place.surface_urls[surface] if surface else place.base_url
        return Transport(Endpoint(url, headers, place.timeout, place.concurrency))

    return open_sender


def account(place: Destination, environ: Mapping[str, str]) -> str:
    """Name an account by its address and credentials; the name is only ever used as a hash.

    Raises:
        JobError: A credential is not set.
    """
    return "|".join((place.system.name, place.base_url, *credentials(place, environ).values()))


def credentials(place: Destination, environ: Mapping[str, str], surface: str = "") -> dict[str, str]:
    """Return a destination's secrets: what the job names, else the system's own variables.

    Raises:
        JobError: One that the surface needs is not set.
    """
    wanted = place.credentials
    found = {one.option: _credential(place, one, environ) for one in wanted}
    needed = [one for one in wanted if one.surface == surface and (surface or one.required)]
    missing = [one.variable for one in needed if not found[one.option]]
    if missing:
        raise JobError([f"{place.auth_at}: set {_to_set(missing)}"])
    return {option: secret for option, secret in found.items() if secret}


def _to_set(variables: Iterable[str]) -> str:
    return " and ".join(f"{name} (or {name}_FILE)" for name in variables)


def _credential(place: Destination, wanted: Credential, environ: Mapping[str, str]) -> str:
    if wanted.option not in place.auth:
        return (variable(wanted.variable, environ) or "") if wanted.variable else ""
    text, missing = fill_text(place.auth[wanted.option], environ)
    if missing and wanted.required:
        raise JobError([f"{place.auth_at}.{wanted.option}: set {missing[0]} (or {missing[0]}_FILE)"])
    return "" if missing else text
