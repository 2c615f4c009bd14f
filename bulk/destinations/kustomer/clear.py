"""Remove what belongs to a customer: redact messages, which cannot be deleted, and delete everything else."""

from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from bulk.conversation import Act, Lost, Reply, Request, Response, Status, Verdict, Wait, lost_verdict
from bulk.destinations.address import encoded
from bulk.destinations.kustomer.answers import NOT_FOUND, refusal
from bulk.destinations.kustomer.children import (
    KINDS,
    MESSAGES,
    MOST_PAGES,
    PAGE_SIZE,
    REPLACEMENT,
    Child,
    Reading,
    read,
)
from bulk.destinations.kustomer.settings import KustomerSettings
from bulk.destinations.verdicts import is_2xx

ROUNDS = 5
"""How often the lists are worked through until nothing is left in them."""
_MOST_ATTACHMENTS = 10
"""Of one redaction."""

Removing = Generator[Act, Any, int | Verdict]
"""How many were tried; a verdict if one was refused."""


def clear(
    customer: str, done: Counter[str], settings: KustomerSettings
) -> Generator[Act, Any, Verdict | None]:
    """Remove everything that belongs to a customer; return a verdict if something stays.

    The lists are worked through until a round finds nothing to do; ``done`` counts what was removed.
    """
    left: list[str] = []
    for number in range(ROUNDS):
        if number > 1:
            yield Wait(settings.pause(number - 2))
        left = []
        for kind in KINDS:
            through = _redact_all if kind == MESSAGES else _delete_all
            tried = yield from through(_Round(customer, kind, number, settings), done)
            if isinstance(tried, Verdict):
                return tried
            left += [kind] * bool(tried)
        if not left:
            return None
    for kind in left:
        del done[kind]
    return _no_effect(left)


def told(done: Mapping[str, int]) -> list[str]:
    """Say what was removed, kind by kind."""
    return [
        ("the text of " if kind == MESSAGES else "") + f"{number:,} {kind if number > 1 else kind[:-1]}"
        for kind, number in done.items()
        if number
    ]


def _no_effect(left: list[str]) -> Verdict:
    message = (
        f"the account accepts that {' and '.join(left)} be removed, but still shows them; the customer was"
        " left as it is"
    )
    return Verdict(Status.FAILED, "no_effect", error_message=message, ours=True)


@dataclass(frozen=True, slots=True)
class _Round:
    """One time of working through a customer's things of one kind."""

    customer: str
    kind: str
    number: int
    settings: KustomerSettings

    def page(self, number: int) -> Reading:
        return read(self.customer, self.kind, number, self.settings)

    def too_many(self) -> Verdict:
        message = f"the customer has more than {MOST_PAGES * PAGE_SIZE:,} {self.kind}; run again to go on"
        return Verdict(Status.FAILED, "too_many", error_message=message, ours=True)


def _delete_all(of: _Round, done: Counter[str]) -> Removing:
    """Delete what is listed, page by page.

    What is deleted makes room on its page, so that a page is read until it shows nothing new.
    """
    number, moved, tried, seen = 1, False, 0, frozenset[str]()
    for _ in range(MOST_PAGES):
        page = yield from of.page(number)
        if isinstance(page, Verdict):
            return page
        fresh = dict.fromkeys(child.id for child in page.children if child.id not in seen)
        for identifier in fresh:
            reply = yield from _send("DELETE", f"/{of.kind}/{encoded(identifier)}")
            if isinstance(reply, Verdict):
                return reply
            done[of.kind] += is_2xx(reply)
        tried += len(fresh)
        if page.last or (moved and not fresh):
            return tried
        moved, seen = not fresh, page.ids
        number += moved
    return of.too_many()


def _redact_all(of: _Round, done: Counter[str]) -> Removing:
    """Redact what says anything on all pages: messages stay in their list."""
    tried, seen = 0, frozenset[str]()
    for number in range(1, MOST_PAGES + 1):
        page = yield from of.page(number)
        if isinstance(page, Verdict):
            return page
        for message in page.children:
            if message.is_redacted or (of.number and message.says_so):
                continue
            refused = yield from _redact(message, done)
            if refused is not None:
                return refused
            tried += 1
        if page.last or page.ids == seen:
            return tried
        seen = page.ids
    return of.too_many()


def _redact(message: Child, done: Counter[str]) -> Generator[Act, Any, Verdict | None]:
    """Replace what a message says, and take away what is attached to it."""
    for body in _redactions(message.attachments):
        reply = yield from _send("POST", f"/messages/{encoded(message.id)}/redactions", orjson.dumps(body))
        if isinstance(reply, Verdict):
            return reply
        done[MESSAGES] += "preview" in body and is_2xx(reply)
    return None


def _redactions(attachments: tuple[str, ...]) -> Iterator[Mapping[str, Any]]:
    """Yield the bodies that redact a message; one has room for some attachments only."""
    first, rest = list(attachments[:_MOST_ATTACHMENTS]), attachments[_MOST_ATTACHMENTS:]
    yield {"preview": REPLACEMENT, **({"attachments": first} if first else {})}
    while rest:
        yield {"attachments": list(rest[:_MOST_ATTACHMENTS])}
        rest = rest[_MOST_ATTACHMENTS:]


def _send(method: str, path: str, body: bytes | None = None) -> Generator[Act, Any, Response | Verdict]:
    """Send what removes a child; that it is not there any more is as good."""
    request = Request(method, path, body, irreversible=True)
    reply: Reply = yield request
    if isinstance(reply, Lost):
        return lost_verdict(request, reply)
    return reply if is_2xx(reply) or reply.status == NOT_FOUND else refusal(reply)
