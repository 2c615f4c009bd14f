"""Constants of a job: whether their field takes them."""

from typing import Any

import orjson
import polars as pl

from bulk.destinations.fields import Kind
from bulk.mapping.limits import tests_of
from bulk.mapping.reading import Reading, same
from bulk.mapping.values import fits, is_of
from bulk.mapping.wanted import Wanted

RESUBSCRIBES = "would re-subscribe people; if that is wanted, give the step `resubscribe: true`"


def constant_fault(value: Any, wanted: Wanted) -> str | None:
    """Say what is wrong with a constant, or None."""
    try:
        written = orjson.dumps(value)
    except TypeError:
        return "the value cannot be written as JSON"
    plain = orjson.loads(written)
    if plain is None:
        return "the value is not a finite number" if value is not None else None
    if wanted.kind is not None and not is_of(plain, wanted.kind):
        return f"takes {wanted.kind}"
    text = isinstance(plain, str)
    frame = pl.DataFrame({"value": [plain if text else written.decode()]})
    checks = tests_of(Reading(pl.String(), same, same, json=not text), wanted)
    fault = next((test.why for test in checks if frame.select(test.fails(pl.col("value"))).item()), None)
    shaped = wanted.kind in {Kind.PHONE, Kind.MOMENT}
    return f"is no {wanted.kind}" if fault is None and shaped and not fits(plain, wanted) else fault


def has_members(value: Any, wanted: Wanted) -> bool:
    """Tell whether a constant is an object whose members have rules of their own."""
    if not (isinstance(value, dict) and value and all(isinstance(name, str) for name in value)):
        return False
    field = wanted.field
    if field is None or not (wanted.kind is Kind.OBJECT or wanted.below_consent):
        return False
    return bool(field.members or field.special or field.suffixes or field.consent is not None)
