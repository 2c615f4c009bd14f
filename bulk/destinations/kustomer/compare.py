"""What was sent against what the account shows."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bulk.destinations.kustomer.customer import Customer, is_masked, is_object_id, item_name

_WRITTEN_OTHERWISE = frozenset({"email", "phone", "externalId", "url", "username"})
"""Members that name an item: equal by name, they may still be written in another way."""
NOT_COMPARED = frozenset({"sentiment", "locations", "lastActivityAt", "lastCustomerActivityAt", "lastSeenAt"})
"""Fields that the account completes or moves on by itself."""


def differences(sent: Mapping[str, Any], shown: Customer) -> list[str]:
    """Name the sent fields that the account shows otherwise; what is hidden from us passes."""
    names = [
        name
        for name, value in sent.items()
        if name != "custom" and name not in NOT_COMPARED and not _holds(name, value, shown)
    ]
    return names + [f"custom.{name}" for name in custom_differences(sent.get("custom"), shown)]


def custom_differences(given: Any, shown: Customer) -> list[str]:
    """Name the custom attributes that the account shows otherwise."""
    there = shown.attributes.get("custom")
    custom = there if isinstance(there, dict) else {}
    sent = given if isinstance(given, dict) else {}
    return [name for name, value in sent.items() if not is_same(value, custom.get(name))]


def hidden(given: Any, shown: Customer) -> bool:
    """Tell whether some of these custom attributes are hidden from our key."""
    there = shown.attributes.get("custom")
    return isinstance(there, dict) and any(is_masked(there.get(name)) for name in given or {})


def _holds(name: str, value: Any, shown: Customer) -> bool:
    if name == "company":
        return (value or None) == shown.company
    if name == "tags":
        return has_tags(value or [], shown.items("tags"))
    if isinstance(value, list):
        return shown.hides(name) or all(shown.knows(name, item) for item in value)
    return is_same(value, shown.attributes.get(name))


def has_items(name: str, given: list[Any], shown: list[Any]) -> bool:
    """Tell whether a list holds everything that was given, with all its members."""
    there = {item_name(name, item): item for item in shown}
    return all(_covers(item, there.get(item_name(name, item))) for item in given)


def _covers(item: Any, shown: Any) -> bool:
    if not isinstance(item, dict) or not isinstance(shown, dict):
        return shown is not None
    rest = {name: value for name, value in item.items() if name not in _WRITTEN_OTHERWISE}
    return all(is_same(value, shown.get(name)) for name, value in rest.items())


def has_tags(given: list[Any], shown: list[Any]) -> bool:
    """Tell whether all tags are there; where the account shows ids, only their number can be compared."""
    missing = {str(tag) for tag in given} - {str(tag) for tag in shown}
    return len(missing) <= sum(map(is_object_id, shown))


def sees_tags(given: list[Any], shown: list[Any]) -> bool:
    """Tell whether all tags are there by name, beyond doubt."""
    return {str(tag) for tag in given} <= {str(tag) for tag in shown}


def is_same(sent: Any, shown: Any) -> bool:
    """Compare a value as the account shows it: nothing is null or empty, dates are points in time."""
    if sent in (None, "", []):
        return shown in (None, "", [])
    if is_masked(shown) and not is_masked(sent):
        return True
    if isinstance(sent, bool) or isinstance(shown, bool):
        return sent is shown
    if isinstance(sent, int | float) and isinstance(shown, int | float):
        return math.isclose(sent, shown, rel_tol=1e-9)
    if isinstance(sent, str) and isinstance(shown, str):
        return sent.strip() == shown.strip() or _same_moment(sent, shown)
    return bool(sent == shown)


def _same_moment(sent: str, shown: str) -> bool:
    one, other = _moment(sent), _moment(shown)
    return one is not None and other is not None and abs((one - other).total_seconds()) < 1e-3  # noqa: PLR2004 - it shows milliseconds


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
