"""Reads what a destination lists, page by page, through the same pacing and retries as everything else."""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from bulk.conversation import Lost, Reply, Request
from bulk.destinations.listing import Listing, ListingError, Page, Query
from bulk.errors import StoppedError
from bulk.runner.lane import Lane
from bulk.runner.talk import Tries

Record = Mapping[str, Any]


class Pull:
    """One journey over a listing; records met again, because pages shifted meanwhile, are left out.

    Attributes:
        records: How many were new so far.
        met_again: How many were not.
    """

    def __init__(self, lane: Lane, listing: Listing, query: Query, settings: Any, limit: int | None) -> None:
        self.records = 0
        self.met_again = 0
        self._lane = lane
        self._pages = listing.pages(query, settings)
        self._identity = listing.identity
        self._limit = limit
        self._met: set[bytes] = set()

    async def next_page(self) -> Sequence[Record] | None:
        """Return the new records of the next page; None at the end.

        Raises:
            StoppedError: The listing cannot go on.
            StoppingError: The destination stopped, for the lane's reason.
        """
        reply: Reply | None = None
        while self._limit is None or self.records < self._limit:
            try:
                act = self._pages.send(reply)
            except StopIteration:
                return None
            except ListingError as error:
                raise StoppedError(f"{self._lane.name}: {error}") from None
            reply = None
            if isinstance(act, Request):
                reply = await self._answer(act)
            elif isinstance(act, Page):
                return list(self._new(act.records))
            else:
                await self._lane.wait(act.seconds)
        return None

    async def _answer(self, request: Request) -> Reply:
        reply = await self._lane.exchange(request, Tries())
        if isinstance(reply, Lost):
            raise StoppedError(f"{self._lane.name}: {reply.message}; nothing was written, run it again")
        return reply

    def _new(self, records: Sequence[Record]) -> Iterator[Record]:
        for record in records:
            mark = blake2b(self._identity(record).encode(), digest_size=8).digest()
            if mark in self._met:
                self.met_again += 1
            elif self._limit is None or self.records < self._limit:
                self._met.add(mark)
                self.records += 1
                yield record
