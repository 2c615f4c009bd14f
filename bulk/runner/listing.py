"""Lists the contacts of a job's destinations, side by side, before its source is read."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from bulk.destinations.listing import Listing, Query
from bulk.destinations.operation import Naming
from bulk.errors import BulkError, StoppedError
from bulk.runner.lane import Lane
from bulk.runner.opening import open_lane
from bulk.runner.pull import Pull
from bulk.runner.records import Kept
from bulk.runner.setup import LaneSetup
from bulk.runner.stop import Stop, StoppingError
from bulk.runner.way import World

EVERY = 10.0
"""Seconds between two lines about how far it is."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is listed of a destination.

    Attributes:
        lane: The destination.
        settings: Its system's own options.
        listings: What is listed, one after another.
        columns: What is kept of each record.
        namings: By listing, what yields everything that names a record; empty if that is not asked for.
        quiet_for: Seconds since a former run's last request; None if there was none.
        found: Requests per second that a former run found it to allow, if one did.
    """

    lane: LaneSetup
    settings: Any
    listings: tuple[Listing, ...]
    columns: frozenset[str]
    namings: Mapping[str, Naming] = field(default_factory=dict)
    quiet_for: float | None = None
    found: float | None = None


@dataclass(frozen=True, slots=True)
class Pulled:
    """The contacts of a destination.

    Attributes:
        schema: All columns they have.
        frame: What is kept of them, beside it LISTING and, if asked for, NAMES.
        at: When the last request was sent, in unix seconds.
        found: Requests per second that the destination was found to allow; None if it never refused any.
    """

    schema: pl.Schema
    frame: pl.DataFrame = field(repr=False)
    at: float
    found: float | None


class Lister:
    """Lists what is asked of several destinations; everything it needs of the world is handed to it."""

    def __init__(self, asked: Sequence[Asked], world: World, note: Callable[..., None]) -> None:
        self._asked = asked
        self._world = world
        self._note = note
        self._stops = [Stop() for _ in asked]

    def interrupt(self) -> None:
        """Stop: no new requests."""
        for stop in self._stops:
            stop.request()

    async def go(self) -> Mapping[str, Pulled]:
        """Return the contacts by destination.

        Raises:
            BulkError: They cannot be listed to the end, or it was interrupted.
        """
        try:
            async with asyncio.TaskGroup() as group:
                tasks = {
                    one.lane.name: group.create_task(self._list(one, stop), name=f"listing {one.lane.name}")
                    for one, stop in zip(self._asked, self._stops, strict=True)
                }
        except* BulkError as errors:
            raise errors.exceptions[0] from None
        return {name: task.result() for name, task in tasks.items()}

    async def _list(self, asked: Asked, stop: Stop) -> Pulled:
        kept = Kept(asked.columns)
        async with AsyncExitStack() as stack:
            lane = await open_lane(
                asked.lane,
                stack,
                stop=stop,
                world=self._world,
                quiet_for=asked.quiet_for,
                found=asked.found,
            )
            try:
                for number in range(len(asked.listings)):
                    await self._pages(lane, asked, number, kept)
            except StoppingError:
                raise stop.reason or StoppedError(f"{lane.name}: the listing was interrupted") from None
            return Pulled(kept.columns.schema, kept.frame(), self._world.unix(), lane.found_rate)

    async def _pages(self, lane: Lane, asked: Asked, number: int, kept: Kept) -> None:
        listing, loop = asked.listings[number], asyncio.get_running_loop()
        pull = Pull(lane, listing, Query(), asked.settings, None)
        naming = asked.namings.get(listing.name)

        def say(event: str) -> None:
            counts = {"contacts": pull.records, "requests": lane.traffic.requests}
            self._note(event, destination=lane.name, listing=listing.name, **counts)

        say("listing")
        said = loop.time()
        while (page := await pull.next_page()) is not None:
            kept.add(page, number, naming)
            if loop.time() - said >= EVERY:
                said = loop.time()
                say("listing")
        say("listed")
