"""What Customerly can list: contacts, tags, and the knowledge base."""

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from bulk.conversation import Lost, Reply, Request, Response, Wait
from bulk.destinations import address
from bulk.destinations.customerly.answers import contact, is_success, look_up, says_absent
from bulk.destinations.customerly.knowledge import ARTICLE_ID, ARTICLES, COLLECTION_ID, COLLECTIONS
from bulk.destinations.listing import Listed, Listing, ListingError, Page, Query

PER_PAGE = 100
USUAL_PAGE = 50
"""A server that knows no larger pages than its usual ones is still read to its end."""

Records = Sequence[Mapping[str, Any]]
Identity = Callable[[Mapping[str, Any]], str]


def _identity(*names: str) -> Identity:
    """Return what tells records apart: the first of these members that one has."""
    return lambda record: next((f"{name} {record[name]}" for name in names if record.get(name)), "")


_CONTACT = _identity("crmhero_user_id", "user_id", "email")
_ARTICLE = _identity(ARTICLE_ID, "id", "slug")


def _ask(request: Request, what: str) -> Generator[Request | Wait | Page, Reply | None, Response]:
    reply = yield request
    if isinstance(reply, Lost):
        raise ListingError(f"the {what} cannot be listed: {reply.message}")
    if reply is None or not is_success(reply):
        status = "no answer" if reply is None else f"HTTP {reply.status}"
        raise ListingError(f"the {what} cannot be listed: Customerly refused ({status})")
    return reply


def _elements(response: Response, what: str) -> list[Any]:
    """Return what an answer lists, in ``data`` itself or under its name there."""
    body = response.json
    data = body.get("data") if isinstance(body, dict) else None
    listed = data.get(what) if isinstance(data, dict) else data
    if not isinstance(listed, list):
        raise ListingError(f"the {what} cannot be listed: the answer holds no list of them")
    return listed


def _objects(elements: list[Any]) -> Records:
    return [element for element in elements if isinstance(element, dict)]


def _paged(path: str, what: str, parameters: Mapping[str, str], identity: Identity) -> Listed:
    """Yield page after page until one is short, empty, or holds nothing new."""
    seen: set[str] = set()
    number = 0
    while True:
        page = {"page": str(number), "per_page": str(PER_PAGE), **parameters}
        answer = yield from _ask(Request("GET", path + address.query(page)), what)
        found = _objects(_elements(answer, what))
        new = {identity(record) for record in found} - seen
        if new:
            yield Page(found)
        if not new or len(found) < USUAL_PAGE:
            return
        seen |= new
        number += 1


def _single(path: str, query: Query) -> Listed:
    """Yield the contacts that exist among those asked for."""
    what = path.removeprefix("/")
    for value in query.values:
        reply = yield look_up(path, query.by, value)
        if isinstance(reply, Response) and says_absent(reply):
            continue
        if not isinstance(reply, Response) or not is_success(reply):
            raise ListingError(f"one of the {what} cannot be read")
        shown = contact(reply)
        if shown is not None:
            yield Page((shown,))


def _contacts(path: str) -> Callable[[Query, Any], Listed]:
    def pages(query: Query, _settings: Any) -> Listed:
        if query.by:
            yield from _single(path, query)
        else:
            order = {"sort": "name", "sort_direction": "asc"}
            yield from _paged(f"{path}/list", path.removeprefix("/"), order, _CONTACT)

    return pages


def _tags(_query: Query, _settings: Any) -> Listed:
    answer = yield from _ask(Request("GET", "/tags"), "tags")
    yield Page([{"tag": tag} for tag in _elements(answer, "tags") if isinstance(tag, str)])


def _collections(_query: Query, _settings: Any) -> Listed:
    answer = yield from _ask(Request("GET", COLLECTIONS), "collections")
    yield Page(_objects(_elements(answer, "collections")))


def _articles(query: Query, _settings: Any) -> Listed:
    chosen = {name: value for name, value in query.options.items() if name == COLLECTION_ID}
    yield from _paged(ARTICLES, "articles", chosen, _ARTICLE)


LISTINGS = (
    Listing("users", "All users, or single ones.", _contacts("/users"), _CONTACT, by=("email", "user_id")),
    Listing("leads", "All leads, or single ones.", _contacts("/leads"), _CONTACT, by=("email",)),
    Listing("tags", "All tags of the account.", _tags, _identity("tag")),
    Listing(
        "collections",
        "The collections of the knowledge base.",
        _collections,
        _identity(COLLECTION_ID, "id", "slug"),
    ),
    Listing(
        "articles",
        "The articles of the knowledge base.",
        _articles,
        _ARTICLE,
        options={COLLECTION_ID: "Only articles of this collection."},
    ),
)
