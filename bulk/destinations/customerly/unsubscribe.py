"""Unsubscribe users, and read back that it took effect: the two documented endpoints disagree."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import orjson

from bulk.conversation import (
    Batch,
    Conversation,
    Lost,
    Reply,
    Request,
    Response,
    Status,
    Verdict,
    lost_verdict,
)
from bulk.destinations.address import encoded
from bulk.destinations.customerly.answers import contact, is_success, look_up, says_missing, unread
from bulk.destinations.customerly.asking import ask, find, identifiers
from bulk.destinations.customerly.settings import CustomerlySettings
from bulk.destinations.operation import Terms
from bulk.destinations.verdicts import accepted, no_effect, not_found


def unsubscribe(batch: Batch, terms: Terms) -> Conversation:
    """Look up what the endpoint wants and the record lacks, unsubscribe, read back.

    Whoever is no user may still be a lead, who gets e-mail too: nobody is absent before leads are looked up.
    """
    settings: CustomerlySettings = terms.settings
    person = identifiers(batch)
    named = person
    if not settings.enough(person):
        found = yield from ask(batch, find(person), _look_among_leads)
        if found is None:
            return
        shown = contact(found) or {}
        if is_unsubscribed(shown):
            yield batch.settle(accepted(found, reason="already"))
            return
        named = _identifiers(shown, settings)
    if not settings.wants <= named.keys():
        message = f"the account shows no {' or '.join(sorted(settings.wants - named.keys()))} for this user"
        yield batch.settle(Verdict(Status.FAILED, reason="missing_id", error_message=message))
        return
    done = yield from ask(batch, unsubscribing(named, settings), partial(_look_again, settings, named))
    if done is None:
        return
    read = yield from ask(batch, find(person), _look_among_leads)
    if read is not None:
        yield batch.settle(_seen(read))


def _look_again(
    settings: CustomerlySettings, tried: Mapping[str, str], batch: Batch, absent: Response
) -> Conversation:
    """Settle somebody whom the endpoint does not know: the account may show the same user by another id."""
    for name, value in identifiers(batch).items():
        request = look_up("/users", name, value)
        reply: Reply = yield request
        if isinstance(reply, Lost):
            yield batch.settle(lost_verdict(request, reply))
        elif is_success(reply):
            yield from _unsubscribe_shown(settings, tried, batch, reply)
        elif says_missing(reply):
            continue
        else:
            yield batch.settle(unread(reply))
        return
    yield from _look_among_leads(batch, absent)


def _unsubscribe_shown(
    settings: CustomerlySettings, tried: Mapping[str, str], batch: Batch, found: Response
) -> Conversation:
    shown = contact(found) or {}
    named = _identifiers(shown, settings)
    if is_unsubscribed(shown):
        yield batch.settle(accepted(found, reason="already"))
        return
    if not settings.wants <= named.keys() or all(named[one] == tried.get(one) for one in settings.wants):
        yield batch.settle(no_effect(found, _OTHER_ENDPOINT))
        return
    done = yield from ask(batch, unsubscribing(named, settings), _settle_unknown)
    if done is None:
        return
    read = yield from ask(
        batch, look_up("/users", "email", named["email"]) if "email" in named else find(named)
    )
    if read is not None:
        yield batch.settle(_seen(read))


def _settle_unknown(batch: Batch, reply: Response) -> Conversation:
    """Settle a user whom the account shows and the endpoint does not know."""
    yield batch.settle(no_effect(reply, _OTHER_ENDPOINT))


_OTHER_ENDPOINT = (
    "the account shows this user, but the unsubscribing endpoint does not know them:"
    " see the settings unsubscribe_id and unsubscribe_path"
)


def _look_among_leads(batch: Batch, absent: Response) -> Conversation:
    """Settle somebody who is no user: a lead is named by the e-mail alone, and cannot be unsubscribed."""
    email = identifiers(batch).get("email")
    if email is None:
        yield batch.settle(not_found(absent))
        return
    found = yield from ask(batch, look_up("/leads", "email", email))
    if found is not None:
        yield batch.settle(_as_lead(found))


def _as_lead(found: Response) -> Verdict:
    if is_unsubscribed(contact(found) or {}):
        return accepted(found, reason="already")
    message = "this is a lead, and no request unsubscribes leads: unsubscribe the lead by hand in Customerly"
    return Verdict(Status.FAILED, "lead_only", found.status, "", message, found.request_id)


def _identifiers(shown: Mapping[str, Any], settings: CustomerlySettings) -> dict[str, str]:
    found = {"user_id": shown.get(settings.unsubscribe_id), "email": shown.get("email")}
    plain = {name: str(value).strip() for name, value in found.items() if value and type(value) in {str, int}}
    return {name: value for name, value in plain.items() if value not in {"", ".", ".."}}


def unsubscribing(person: Mapping[str, str], settings: CustomerlySettings) -> Request:
    """Return the request: the identifier in the path, or the e-mail in the body, as the setting has it."""
    path = settings.unsubscribe_path
    for name in settings.wants:
        path = path.replace(f"{{{name}}}", encoded(person[name]))
    if "{" in settings.unsubscribe_path:
        return Request("POST", path)
    return Request("POST", path, orjson.dumps({"email": person["email"], "unsubscribe": 1}))


def is_unsubscribed(shown: Mapping[str, Any]) -> bool:
    """Tell whether a contact's ``unsubscribe`` is set; no other field says it."""
    return str(shown.get("unsubscribe")).lower() in {"1", "true"}


def _seen(response: Response) -> Verdict:
    shown = contact(response)
    if shown is not None and is_unsubscribed(shown):
        return accepted(response)
    message = "the request was accepted, but the account still shows the user as subscribed"
    return no_effect(response, message)
