"""What the App API shows of people, some seconds after it was written."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from bulk.conversation import Request, Response
from bulk.destinations.address import encoded

SURFACE = "app"
MOST = 100
"""People read by one request."""
_FIRST_READ = 2.0
_LONGER = 3.0
"""How much later each read is than the one before it."""
_OK = 200
_BETWEEN_DIGITS = re.compile(r"[\s.()-]")


def waits(patience: float) -> Iterator[tuple[float, bool]]:
    """Yield how long to wait before each read, growing up to ``patience``, and whether it is the last."""
    before, at = 0.0, min(_FIRST_READ, patience)
    while at < patience:
        yield at - before, False
        before, at = at, min(_LONGER * at, patience)
    yield at - before, True


def look_up(kind: str, value: str) -> Request:
    """Return the request that reads one person."""
    return Request("GET", f"/v1/customers/{encoded(value)}/attributes?id_type={kind}", surface=SURFACE)


def look_up_many(kind: str, values: Sequence[str]) -> Request:
    """Return the request that reads up to 100 people; those that are not there are left out of the answer."""
    body = orjson.dumps({"ids": list(values)})
    return Request("POST", f"/v1/customers/attributes?id_type={kind}", body, surface=SURFACE)


def person(response: Response) -> Mapping[str, Any] | None:
    """Return the one person an answer shows."""
    body = response.json
    found = body.get("customer") if isinstance(body, dict) and response.status == _OK else None
    return found if isinstance(found, dict) and found else None


def people(response: Response) -> list[Mapping[str, Any]] | None:
    """Return the people an answer shows; None if it is no list of people."""
    body = response.json
    found = body.get("customers") if isinstance(body, dict) and response.status == _OK else None
    listed = isinstance(found, list) and all(isinstance(one, dict) for one in found)
    return found if listed else None


def attributes(shown: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a person's attributes."""
    found = shown.get("attributes")
    return found if isinstance(found, dict) else {}


def identifier(shown: Mapping[str, Any], kind: str) -> str:
    """Return a person's identifier of one kind; empty if it has none."""
    own = shown.get("identifiers")
    places = (own if isinstance(own, dict) else {}, attributes(shown), shown if kind == "id" else {})
    return next((str(place[kind]) for place in places if place.get(kind)), "")


def comparable(value: str, kind: str) -> str:
    """Return an identifier as it is compared: addresses in any case are the same, numbers in any form."""
    if kind == "phone":
        return _BETWEEN_DIGITS.sub("", value)
    return value.strip().lower() if kind == "email" else value.strip()


def is_unsubscribed(shown: Mapping[str, Any]) -> bool:
    """Tell whether a person is shown as unsubscribed: true in any case, or 1; anything else is subscribed."""
    flag = shown.get("unsubscribed")
    return is_true(attributes(shown).get("unsubscribed") if flag is None else flag)


def is_true(flag: Any) -> bool:
    """Tell whether a value is what Customer.io takes for true."""
    return str(flag).strip().lower() in {"true", "1"}


def same(sent: Any, shown: Any) -> bool:
    """Compare as the App API shows values: as text, whatever they were."""
    if sent is None:
        return shown in (None, "")
    if isinstance(sent, bool):
        return str(shown).lower() == str(sent).lower()
    if isinstance(sent, int | float):
        return _number(shown, sent)
    if isinstance(sent, dict | list):
        return bool(parsed(shown) == sent)
    return str(sent).strip() == str(shown).strip()


def _number(shown: Any, sent: float) -> bool:
    try:
        return math.isclose(float(shown), sent, rel_tol=1e-9)
    except (TypeError, ValueError, OverflowError):
        return False


def parsed(shown: Any) -> Any:
    """Return what a text that holds JSON stands for; anything else as it is."""
    try:
        return orjson.loads(shown) if isinstance(shown, str) else shown
    except orjson.JSONDecodeError:
        return None
