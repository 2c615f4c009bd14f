"""What bodies must look like, put together from small checks; each returns what is wrong, or nothing."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Wrong:
    """Something is wrong at a place in a body."""

    message: str
    pointer: str = ""

    def below(self, step: str | int) -> "Wrong":
        """Return it as seen from one level further up."""
        return Wrong(self.message, f"/{step}{self.pointer}")


Check = Callable[[Any], Wrong | None]


def text(most: int, least: int = 0) -> Check:
    """Ask for text of a length."""

    def check(value: Any) -> Wrong | None:
        if not isinstance(value, str):
            return Wrong("must be a string")
        if len(value) > most:
            return Wrong(f"must not be longer than {most} characters")
        return Wrong(f"must not be shorter than {least} characters") if len(value) < least else None

    return check


def matching(pattern: str, what: str) -> Check:
    """Ask for text that matches a pattern in full."""
    compiled = re.compile(pattern)
    return lambda value: (
        None if isinstance(value, str) and compiled.fullmatch(value) else Wrong(f'must match format "{what}"')
    )


def choice(*values: Any) -> Check:
    """Ask for one of some values, of the very same type."""
    return lambda value: (
        None
        if any(value == known and type(value) is type(known) for known in values)
        else Wrong("must be equal to one of the allowed values")
    )


def boolean(value: Any) -> Wrong | None:
    """Ask for true or false."""
    return None if isinstance(value, bool) else Wrong("must be a boolean")


def number(value: Any) -> Wrong | None:
    """Ask for a number."""
    good = isinstance(value, int | float) and not isinstance(value, bool)
    return None if good else Wrong("must be a number")


def between(least: float, most: float) -> Check:
    """Ask for a number within bounds."""
    return lambda value: (
        number(value) or (None if least <= value <= most else Wrong(f"must be between {least} and {most}"))
    )


def anything(_value: Any) -> Wrong | None:
    """Accept whatever comes."""
    return None


def any_object(value: Any) -> Wrong | None:
    """Ask for an object, whatever it holds."""
    return None if isinstance(value, dict) else Wrong("must be an object")


def date_time(value: Any) -> Wrong | None:
    """Ask for a date and time in ISO 8601."""
    try:
        datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return Wrong('must match format "date-time"')
    return None if "T" in value.upper() else Wrong('must match format "date-time"')


def date(value: Any) -> Wrong | None:
    """Ask for a date, with or without a time."""
    try:
        datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return Wrong('must match format "date"')
    return None


def nullable(check: Check) -> Check:
    """Accept null as well."""
    return lambda value: None if value is None else check(value)


def listing(check: Check, most: int) -> Check:
    """Ask for an array of at most so many items."""

    def checked(value: Any) -> Wrong | None:
        if not isinstance(value, list):
            return Wrong("must be an array")
        if len(value) > most:
            return Wrong(f"must not have more than {most} items")
        found = ((index, check(item)) for index, item in enumerate(value))
        return next((wrong.below(index) for index, wrong in found if wrong), None)

    return checked


def members(known: Mapping[str, Check], required: Collection[str] = ()) -> Check:
    """Ask for an object of known members and no others."""

    def check(value: Any) -> Wrong | None:
        if not isinstance(value, dict):
            return Wrong("must be an object")
        for name in required:
            if name not in value:
                return Wrong(f'must have the property "{name}"')
        for name, member in value.items():
            wrong = known[name](member) if name in known else Wrong("additional property")
            if wrong:
                return wrong.below(name)
        return None

    return check
