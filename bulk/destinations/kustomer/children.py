"""What belongs to a customer, as the account lists it."""

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bulk.conversation import Lost, Reply, Request, Response, Status, Verdict, lost_verdict
from bulk.destinations.address import encoded, query
from bulk.destinations.kustomer.answers import NOT_FOUND, is_last_page, refusal
from bulk.destinations.kustomer.customer import is_usable_id
from bulk.destinations.kustomer.look_up import look_up
from bulk.destinations.kustomer.settings import KustomerSettings
from bulk.destinations.verdicts import is_2xx

MESSAGES = "messages"
KINDS = (MESSAGES, "conversations", "notes", "drafts")
"""In the order in which they go: what a conversation says is gone before the conversation is."""
REPLACEMENT = "[erased]"
"""What a redacted message says."""
PAGE_SIZE = 100
MOST_PAGES = 1_000
"""Of one kind."""


@dataclass(frozen=True, slots=True)
class Child:
    """One thing of a customer.

    Attributes:
        id: Kustomer's own id.
        attachments: Ids of what is attached to it.
        says_so: Whether it is shown as redacted; by whom, and whether all of it, that does not say.
        replaced: Whether it says what we make it say.
    """

    id: str
    attachments: tuple[str, ...] = ()
    says_so: bool = False
    replaced: bool = False

    @property
    def is_redacted(self) -> bool:
        """Whether nothing of it is left, beyond doubt."""
        return self.replaced and not self.attachments


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a customer's things of a kind.

    Attributes:
        children: What stands on it.
        last: Whether no page follows, as far as it says.
        total: How many there are on all pages; None if it does not say.
    """

    children: tuple[Child, ...] = ()
    last: bool = True
    total: int | None = None

    @property
    def ids(self) -> frozenset[str]:
        """The ids of what stands on it."""
        return frozenset(child.id for child in self.children)


Reading = Generator[Request, Any, Page | Verdict]


def count(customer: str, settings: KustomerSettings) -> Generator[Request, Any, int | None]:
    """Count what belongs to a customer; None if it cannot be told."""
    counted = 0
    for kind in KINDS:
        number = yield from _count(customer, kind, settings)
        if number is None:
            return None
        counted += number
    return counted


def _count(customer: str, kind: str, settings: KustomerSettings) -> Generator[Request, Any, int | None]:
    counted, seen = 0, frozenset[str]()
    for number in range(1, MOST_PAGES + 1):
        page = yield from read(customer, kind, number, settings)
        if isinstance(page, Verdict):
            return None
        if page.total is not None:
            return page.total
        counted += len(page.ids - seen)
        if page.last or page.ids == seen:
            return counted
        seen = page.ids
    return None


def read(customer: str, kind: str, number: int, settings: KustomerSettings) -> Reading:
    """Read a page; that there is no list is no news only if there is no customer any more."""
    parameters = {"page": str(number), "pageSize": str(PAGE_SIZE)}
    request = Request("GET", f"/customers/{encoded(customer)}/{kind}{query(parameters)}")
    reply: Reply = yield request
    if isinstance(reply, Lost):
        return lost_verdict(request, reply)
    if reply.status == NOT_FOUND:
        still = yield from look_up(("id", customer), settings)
        return Page() if still is None else still if isinstance(still, Verdict) else refusal(reply)
    return _page(reply) if is_2xx(reply) else refusal(reply)


def _page(response: Response) -> Page | Verdict:
    body = response.json
    data = body.get("data") if isinstance(body, dict) else None
    if not isinstance(data, list) or not all(map(_is_child, data)):
        message = "the account answered a list of what belongs to the customer in a form that is not known"
        return Verdict(Status.FAILED, "broken_answer", response.status, error_message=message, ours=True)
    meta = body.get("meta")
    total = meta.get("total") if isinstance(meta, dict) else None
    return Page(
        tuple(map(_child, data)),
        not data or is_last_page(response),
        total if type(total) is int and total >= len(data) else None,
    )


def _is_child(item: Any) -> bool:
    return isinstance(item, dict) and is_usable_id(item.get("id"))


def _child(item: Mapping[str, Any]) -> Child:
    given = item.get("attributes")
    attributes = given if isinstance(given, dict) else {}
    replaced, says_so = attributes.get("preview") == REPLACEMENT, attributes.get("redacted") is True
    return Child(item["id"], tuple(_attachments(item)), says_so, replaced)


def _attachments(item: Mapping[str, Any]) -> Iterator[str]:
    link: Any = item
    for name in ("relationships", "attachments", "data"):
        link = link.get(name) if isinstance(link, dict) else None
    for one in link if isinstance(link, list) else ():
        if isinstance(one, dict) and is_usable_id(one.get("id")):
            yield one["id"]
