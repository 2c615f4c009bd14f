"""Lists the contacts that a job finds its people among, before anything else is done."""

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from bulk.job import Job
from bulk.ledger import Ledger
from bulk.matching import ToList
from bulk.prepare import NO_CONTACTS, lanes, to_list
from bulk.reaching import account, credentials
from bulk.runner.accounts import hold_accounts
from bulk.runner.listing import Asked, Lister, Pulled
from bulk.runner.way import World
from bulk.source import Source

Note = Callable[..., None]
Listing = Callable[[Lister], Mapping[str, Pulled]]
"""Lets a lister go, on an event loop of its own, and returns the contacts by destination."""


def listed_contacts(
    job: Job,
    source: Source,
    environ: Mapping[str, str],
    note: Note,
    listing: Listing,
    ledger: Ledger | None = None,
) -> Mapping[str, Pulled]:
    """Return the contacts by destination; none if the job asks for none.

    Args:
        job: The job, whose accounts are held.
        source: Its source.
        environ: Where credentials are looked up.
        note: Is told how far it is.
        listing: Lists them.
        ledger: What former runs left.

    Raises:
        BulkError: There are mistakes that show already, or contacts cannot be listed.
    """
    wanted = to_list(job, source)
    if not wanted:
        return NO_CONTACTS
    asked = list(_asked(job, wanted, environ, ledger))
    return listing(Lister(asked, World(unix=time.time, draw=random.random, sleep=asyncio.sleep), note))


def held_and_listed(
    job: Job, source: Source, environ: Mapping[str, str], note: Note, listing: Listing
) -> Mapping[str, Pulled]:
    """Hold the accounts while contacts are listed, as ``listed_contacts`` does."""
    if job.match is None or job.match.contacts.pull is None:
        return NO_CONTACTS
    accounts = {name: account(place, environ) for name, place in job.used_destinations.items()}
    with hold_accounts(accounts, environ):
        return listed_contacts(job, source, environ, note, listing)


def _asked(
    job: Job, wanted: Sequence[ToList], environ: Mapping[str, str], ledger: Ledger | None
) -> Iterator[Asked]:
    """Yield what is asked of each destination, with what former runs found out about it."""
    rates = ledger.found_rates() if ledger else {}
    last = ledger.last_answer() if ledger else None
    quiet_for = None if last is None else max(0.0, time.time() - last)
    ready = {lane.name: lane for lane in lanes(job, environ)}
    for one in wanted:
        for surface in ("", *(name for listing in one.listings for name in listing.surfaces)):
            credentials(one.place, environ, surface)
        name, settings = one.place.name, one.place.settings
        kept = one.listings, one.columns, one.namings
        yield Asked(ready[name], settings, *kept, quiet_for, rates.get(name))
