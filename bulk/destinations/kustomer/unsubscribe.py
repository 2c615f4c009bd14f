"""Unsubscribe customers: having no consent of its own, Kustomer is told an attribute or a tag."""

from collections.abc import Generator
from dataclasses import replace
from typing import Any

from bulk.conversation import Act, Batch, Conversation, Status, Verdict, Wait
from bulk.destinations.kustomer.body import update_body
from bulk.destinations.kustomer.compare import custom_differences, differences, hidden, sees_tags
from bulk.destinations.kustomer.customer import Customer
from bulk.destinations.kustomer.look_up import find, look_up
from bulk.destinations.kustomer.person import Person, person
from bulk.destinations.kustomer.settings import KustomerSettings
from bulk.destinations.kustomer.write import CONFLICTS, NOT_FOUND_VERDICT, ROUNDS, patch
from bulk.destinations.operation import Terms

_NOTHING = Verdict(Status.REJECTED, "missing_field", error_message="neither custom nor tags has a value")
_ALREADY = Verdict(Status.SUCCEEDED, "already")


def unsubscribe(batch: Batch, terms: Terms) -> Conversation:
    """Set what stands for having unsubscribed on one customer, and read back that it is set."""
    who = person(batch, 0, terms.settings)
    wanted = {name: who.body[name] for name in ("custom", "tags") if who.body.get(name)}
    verdict = _NOTHING if not wanted else (yield from _unsubscribe(who, wanted, terms.settings))
    yield batch.settle(verdict)


def _unsubscribe(
    who: Person, wanted: dict[str, Any], settings: KustomerSettings
) -> Generator[Act, Any, Verdict]:
    verdict = NOT_FOUND_VERDICT
    for number in range(ROUNDS):
        shown = yield from find(who, settings, strictly=True)
        if not isinstance(shown, Customer):
            return shown or NOT_FOUND_VERDICT
        if _is_set(wanted, shown):
            return _ALREADY if not number else Verdict(_ALREADY.status, object_id=shown.id)
        body = update_body(wanted, shown, settings)
        verdict = body if isinstance(body, Verdict) else (yield from patch(shown, body))
        if verdict.status is Status.SUCCEEDED:
            return (yield from _read_back(wanted, shown, verdict, settings))
        if verdict.reason not in CONFLICTS:
            return verdict
        yield Wait(settings.pause(number))
    return verdict


def _is_set(wanted: dict[str, Any], shown: Customer) -> bool:
    tagged = sees_tags(wanted.get("tags") or [], shown.items("tags"))
    custom = wanted.get("custom")
    return tagged and not custom_differences(custom, shown) and not hidden(custom, shown)


def _read_back(
    wanted: dict[str, Any], before: Customer, done: Verdict, settings: KustomerSettings
) -> Generator[Act, Any, Verdict]:
    shown = yield from look_up(("id", before.id), settings)
    if isinstance(shown, Verdict):
        return shown
    if shown is None:
        return NOT_FOUND_VERDICT
    missing = differences(wanted, shown)
    if not missing and _tags_grew(wanted, before, shown):
        return replace(done, reason="not_readable") if hidden(wanted.get("custom"), shown) else done
    named = ", ".join(missing or ["tags"])
    message = f"the request was accepted, but the account still shows another value for {named}"
    return Verdict(Status.FAILED, "no_effect", done.http_status, "", message, done.request_id)


def _tags_grew(wanted: dict[str, Any], before: Customer, after: Customer) -> bool:
    """Tell whether the tags are there; of tags shown as ids only the number can tell."""
    tags, now = wanted.get("tags") or [], after.items("tags")
    return sees_tags(tags, now) or len(now) > len(before.items("tags"))
