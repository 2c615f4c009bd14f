"""What a system can list, page by page."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bulk.conversation import Reply, Request, Wait


@dataclass(frozen=True, slots=True)
class Page:
    """Some of what is listed, as the system shows it."""

    records: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Query:
    """What is to be listed.

    Attributes:
        by: The kind of identifier in ``values``; empty to list everything.
        values: Identifiers of single people.
        options: The listing's own options, such as a segment.
    """

    by: str = ""
    values: Sequence[str] = ()
    options: Mapping[str, str] = field(default_factory=dict)


Listed = Generator[Request | Wait | Page, Reply | None, None]
"""Yields requests and is sent replies; yields pages; ends when all is listed, or raises ``ListingError``."""


class ListingError(Exception):
    """A listing cannot go on; the message is a sentence without personal data."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Something a system can list.

    Attributes:
        name: As on the command line.
        about: One sentence for people.
        pages: The listing itself.
        identity: Of a record, what tells it from others: those met again are left out.
        by: Kinds of identifiers by which single records can be read.
        options: Names of its own options, with a sentence for people.
        surfaces: Further surfaces it cannot do without.
    """

    name: str
    about: str
    pages: Callable[[Query, Any], Listed]
    identity: Callable[[Mapping[str, Any]], str]
    by: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    surfaces: tuple[str, ...] = ()
