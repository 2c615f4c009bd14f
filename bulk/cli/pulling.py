"""Carries out ``bulk pull``: finds the destination and the listing, reads page by page, writes the file."""

import asyncio
import os
import random
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from bulk.cli.listed import Listed, listed_file
from bulk.cli.logs import logger
from bulk.cli.loop import runner, signals
from bulk.cli.output import format_of
from bulk.destinations import SYSTEMS
from bulk.destinations.listing import Listing, Query
from bulk.errors import StoppedError, UsageError, suggestion
from bulk.job import load_job
from bulk.job.load import lone_destination
from bulk.job.match import unlisted
from bulk.job.resolved import Destination
from bulk.reaching import account, credentials, lane_setup
from bulk.runner.accounts import hold_accounts
from bulk.runner.opening import open_lane
from bulk.runner.pull import Pull
from bulk.runner.setup import LaneSetup
from bulk.runner.stop import Stop, StoppingError
from bulk.runner.way import World

EVERY = 10.0
"""Seconds between two lines about how far it is."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks for."""

    destination: str
    kind: str
    output: Path
    job: Path | None
    limit: int | None
    by: tuple[str, Path] | None
    where: tuple[str, ...]
    settings: tuple[str, ...]
    json_log: bool


def fetch(wanted: Wanted) -> int:
    """List what is wanted; return the exit code.

    Raises:
        BulkError: It cannot be listed, or the listing stopped early; no file was written.
    """
    format_of(wanted.output)
    place = _place(wanted)
    listing = _listing(place, wanted.kind)
    query = _query(listing, wanted)
    for surface in ("", *listing.surfaces):
        credentials(place, os.environ, surface)
    held = hold_accounts({place.name: account(place, os.environ)}, os.environ)
    with held, listed_file(wanted.output) as listed:
        runner()(_pull(lane_setup(place, os.environ), listing, query, place, listed, wanted))
    typer.echo(f"{listed.records:,} {listing.name} in {wanted.output}", err=True)
    return 0


def _place(wanted: Wanted) -> Destination:
    if wanted.job is None:
        if wanted.destination not in SYSTEMS:
            near = suggestion(wanted.destination, SYSTEMS) or f"; there are {', '.join(SYSTEMS)}"
            raise UsageError(
                f'there is no system "{wanted.destination}"{near}; a destination of a job needs --job JOB'
            )
        return lone_destination(wanted.destination, os.environ, wanted.settings)
    places = load_job(wanted.job, os.environ, wanted.settings).destinations
    if wanted.destination not in places:
        near = suggestion(wanted.destination, places) or f"; it has {', '.join(places)}"
        raise UsageError(f'{wanted.job} has no destination "{wanted.destination}"{near}')
    return places[wanted.destination]


def _listing(place: Destination, kind: str) -> Listing:
    problem = unlisted(place.system, kind)
    if problem is not None:
        raise UsageError(problem)
    return place.system.listings[kind]


def _query(listing: Listing, wanted: Wanted) -> Query:
    options: dict[str, str] = {}
    for item in wanted.where:
        name, equals, value = item.partition("=")
        if not equals or name not in listing.options:
            known = ", ".join(f"{known}=…" for known in listing.options) or "none"
            raise UsageError(f"--where {name}: {listing.name} can be narrowed by: {known}")
        options[name] = value
    if wanted.by is None:
        return Query(options=options)
    by, file = wanted.by
    if by not in listing.by:
        known = ", ".join(listing.by) or "none"
        raise UsageError(f"--by {by}: single {listing.name} can be read by: {known}")
    return Query(by, _identifiers(file, by), options)


def _identifiers(file: Path, by: str) -> list[str]:
    """Return the lines of a file, trimmed; empty ones, repetitions and a header that says ``by`` left out."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise UsageError(f"--by: {file} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise UsageError(f"--by: {file} is not text in UTF-8, one identifier a line") from None
    given = list(dict.fromkeys(line.strip() for line in lines if line.strip()))
    return given[1:] if given[:1] == [by] else given


async def _pull(
    setup: LaneSetup, listing: Listing, query: Query, place: Destination, listed: Listed, wanted: Wanted
) -> None:
    log: Any = logger(json=wanted.json_log)
    stop = Stop()
    world = World(unix=time.time, draw=random.random, sleep=asyncio.sleep)
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        caught = stack.enter_context(signals(stop.request))
        lane = await open_lane(setup, stack, stop=stop, world=world)
        pull = Pull(lane, listing, query, place.settings, wanted.limit)
        said = loop.time()
        try:
            while (page := await pull.next_page()) is not None:
                listed.add(page)
                if loop.time() - said >= EVERY:
                    said = loop.time()
                    log.info("pulling", records=pull.records, requests=lane.traffic.requests)
        except StoppingError:
            if caught:
                log.info("interrupted", written=0)
                raise typer.Exit(128 + caught[0]) from None
            raise stop.reason or StoppedError("stopped; nothing was written") from None
        log.info("pulled", records=pull.records, met_again=pull.met_again, requests=lane.traffic.requests)
