"""Single JSON values: what a field takes, and what of them is not sent without fresh consent."""

import datetime as dt
import re
import unicodedata
from collections.abc import Callable
from typing import Any

from bulk.destinations.fields import Field, Kind
from bulk.mapping.wanted import Wanted, name_fault

# As the expressions over columns have it, in the words of Python's regular expressions.
_EMAIL = re.compile(r"[^\s@\"<>,]+@[^\s@\"'<>,.]+(?:\.[^\s@\"'<>,.]+)+")
_HIDDEN = {"Cc", "Cf"}
LONGEST_EMAIL = 254
_IDENTIFIER = re.compile(r"(?!\.{1,2}$)[^\x00-\x1f\x7f-\x9f]+")
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)")
_TYPES: dict[Kind, tuple[type, ...]] = {
    Kind.INTEGER: (int,),
    Kind.NUMBER: (int, float),
    Kind.OBJECT: (dict,),
    Kind.LIST: (list,),
    Kind.IDENTIFIER: (str, int),
}


def is_of(value: Any, kind: Kind) -> bool:
    """Tell whether a JSON value has the JSON type of a kind."""
    if kind is Kind.TEXTS:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if kind is Kind.BOOLEAN or isinstance(value, bool):
        return isinstance(value, bool) and kind is Kind.BOOLEAN
    return isinstance(value, _TYPES.get(kind, (str,)))


def fits(value: Any, wanted: Wanted) -> bool:
    """Tell whether a JSON value is what is asked of it; null always is, because it says nothing."""
    if value is None or wanted.field is None:
        return True
    if isinstance(value, dict):
        taken = wanted.kind in {None, Kind.OBJECT} and not (wanted.whole and misnamed(value, wanted.whole))
        return taken and all(fits(item, wanted.member(name)) for name, item in value.items())
    wanted = wanted.value()
    if wanted.kind is None:
        return True
    return is_of(value, wanted.kind) and _shaped(value, wanted.kind) and _within(value, wanted.field)


def _shaped(value: Any, kind: Kind) -> bool:
    shaped = _SHAPES.get(kind)
    return not isinstance(value, str) or shaped is None or bool(shaped(value))


def _is_email(text: str) -> bool:
    shaped = len(text) <= LONGEST_EMAIL and _EMAIL.fullmatch(text) is not None
    return shaped and _HIDDEN.isdisjoint(map(unicodedata.category, text))


def _is_moment(text: str) -> bool:
    if _MOMENT.fullmatch(text) is None:
        return False
    try:
        dt.datetime.fromisoformat(text[:19] if text[16] == ":" else text[:16])
    except ValueError:
        return False
    return True


_SHAPES: dict[Kind, Callable[[str], object]] = {
    Kind.EMAIL: _is_email,
    Kind.IDENTIFIER: _IDENTIFIER.fullmatch,
    Kind.PHONE: _PHONE.fullmatch,
    Kind.MOMENT: _is_moment,
}


def _within(value: Any, field: Field | None) -> bool:
    """Tell whether a value keeps the limits of its field; an object around it is no field of its own."""
    if field is None or field.kind is Kind.OBJECT:
        return True
    listed = isinstance(value, list)
    texts = [item for item in (value if listed else [value]) if isinstance(item, str)]
    crowded = listed and field.max_items is not None and len(value) > field.max_items
    return not crowded and all(_allowed(text, field) for text in texts)


def _allowed(text: str, field: Field) -> bool:
    return (
        (not field.choices or text in field.choices)
        and (field.pattern is None or re.fullmatch(field.pattern, text) is not None)
        and (field.max_chars is None or len(text) <= field.max_chars)
        and (field.max_bytes is None or len(text.encode()) <= field.max_bytes)
    )


def misnamed(value: Any, field: Field) -> bool:
    """Tell whether an object has a member of a name that its field does not allow."""
    return isinstance(value, dict) and any(name_fault(field, name) is not None for name in value)


def permitted(value: Any, wanted: Wanted, *, resubscribe: bool = False) -> Any:
    """Return what may be sent of a value, each member under its name in the request.

    Without fresh consent, what would re-subscribe is None, and so is an object of which nothing is left.
    """
    if isinstance(value, dict):
        kept = {}
        for name, item in value.items():
            inner = wanted.member(name)
            left = permitted(item, inner, resubscribe=resubscribe)
            # A null may reset what somebody chose, so it needs consent as well.
            if left is not None or (item is None and (resubscribe or inner.consent is None)):
                kept[inner.sent_name(name)] = left
        return kept or (None if value else value)
    asked = wanted.value()
    boolean = asked.kind is Kind.BOOLEAN and asked.consent is not None
    return None if boolean and not resubscribe and value is asked.consent else value
