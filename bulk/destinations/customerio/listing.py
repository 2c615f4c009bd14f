"""List people: all of them, those of a segment or of a filter, or single ones."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any

import orjson

from bulk.conversation import NOT_CONFIGURED, Lost, Reply, Request, Response
from bulk.destinations.address import query as query_of
from bulk.destinations.customerio import shown
from bulk.destinations.customerio.answers import refusal
from bulk.destinations.customerio.identifiers import PERSON
from bulk.destinations.listing import Listed, Listing, ListingError, Page, Query

_LIMIT = 1000
_NAMES = ("cio_id", "id", "email")
_OK = 200
_HAS_EMAIL = {"attribute": {"field": "email", "operator": "exists"}}
EVERYBODY: Mapping[str, Any] = {"or": [_HAS_EMAIL, {"not": _HAS_EMAIL}]}
"""Matches whoever has an e-mail address and whoever has none; the vendor documents no filter for all."""

Asking = Generator[Any, Reply | None, Any]


def pages(query: Query, _settings: Any) -> Listed:
    """List people with their attributes."""
    if query.by:
        yield from _read(query.by, query.values)
        return
    chosen = _filter(query.options)
    start = ""
    while True:
        body = yield from _ask(_search(chosen, start))
        for kind, values in _names(body).items():
            yield from _read(kind, values)
        following = body.get("next")
        if not following:
            return
        if following == start:
            raise ListingError("the list of people does not come to an end")
        start = str(following)


def _search(chosen: Mapping[str, Any], start: str) -> Request:
    parameters = {"start": start, "limit": str(_LIMIT)} if start else {"limit": str(_LIMIT)}
    body = orjson.dumps({"filter": chosen})
    return Request("POST", f"/v1/customers{query_of(parameters)}", body, surface=shown.SURFACE)


def _filter(options: Mapping[str, str]) -> Mapping[str, Any]:
    """Return what the options ask for: a segment, a filter, both, or everybody."""
    parts = [*_segment(options.get("segment", "")), *_given(options.get("filter", ""))]
    if not parts:
        return EVERYBODY
    return parts[0] if len(parts) == 1 else {"and": parts}


def _segment(text: str) -> Iterator[dict[str, Any]]:
    if text:
        if not (text.isascii() and text.isdigit()):
            raise ListingError("segment takes the number of a segment")
        yield {"segment": {"id": int(text)}}


def _given(text: str) -> Iterator[dict[str, Any]]:
    if text:
        try:
            found = orjson.loads(text)
        except orjson.JSONDecodeError:
            found = None
        if not isinstance(found, dict):
            raise ListingError(
                "filter takes a JSON object, as the vendor documents it for POST /v1/customers"
            )
        yield found


def _names(body: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the identifiers a page shows, each person's first one, by kind."""
    listed = body.get("identifiers")
    if not isinstance(listed, list):
        raise ListingError("the answer holds no list of identifiers")
    found: dict[str, list[str]] = {}
    for person in listed:
        kind = next((name for name in _NAMES if isinstance(person, dict) and person.get(name)), None)
        if kind is not None:
            found.setdefault(kind, []).append(str(person[kind]))
    return found


def _read(kind: str, values: Sequence[str]) -> Listed:
    """Yield people with their attributes, a hundred at a time."""
    for start in range(0, len(values), shown.MOST):
        request = shown.look_up_many(kind, values[start : start + shown.MOST])
        body = yield from _ask(request)
        if not isinstance(body.get("customers"), list):
            raise ListingError("the answer holds no list of people")
        yield Page([flat(person) for person in body["customers"] if isinstance(person, dict)])


def _ask(request: Request) -> Asking:
    """Return the body of a good answer."""
    reply = yield request
    if isinstance(reply, Lost):
        told = "people are listed through the App API: set its key (CUSTOMERIO_APP_API_KEY)"
        raise ListingError(told if reply.reason == NOT_CONFIGURED else reply.message)
    if not isinstance(reply, Response) or reply.status != _OK or not isinstance(reply.json, dict):
        words = refusal(reply).error_message if isinstance(reply, Response) else "no answer"
        raise ListingError(f"the App API does not list people: {words}")
    return reply.json


def flat(person: Mapping[str, Any]) -> dict[str, Any]:
    """Return a person as a record: identifiers, whether unsubscribed, attributes."""
    names = {name: shown.identifier(person, name) or None for name in ("id", "email", "cio_id")}
    return {
        **names,
        "unsubscribed": shown.is_unsubscribed(person),
        "attributes": dict(shown.attributes(person)),
    }


PEOPLE = Listing(
    name="people",
    about="People with their attributes: all, those of a segment or filter, or single ones.",
    pages=pages,
    identity=lambda person: str(person.get("cio_id") or person.get("id") or person.get("email") or ""),
    by=PERSON,
    options={
        "segment": "The number of a segment.",
        "filter": "A filter as JSON, as the vendor documents it for POST /v1/customers.",
    },
    surfaces=(shown.SURFACE,),
)
