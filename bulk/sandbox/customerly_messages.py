"""The messages of a Customerly project, and the teammates who may send them."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from bulk.sandbox.customerly_answers import Refused, body_of, text_of
from bulk.sandbox.customerly_behaviour import CustomerlyBehaviour
from bulk.sandbox.customerly_contacts import Contact, Contacts
from bulk.sandbox.exchange import Answer, Asked, Handler, json_answer

ACCOUNTS = (
    {"account_id": 1, "email": "support@example.com", "name": "Support"},
    {"account_id": 2, "email": "marketing@example.com", "name": "Marketing"},
)
MISSING_SENDER = "Admin doesn't exist"
MISSING_RECIPIENT = "User doesn't exist"


class Messages:
    """All messages in the order in which they were sent; the same message sent twice is there twice."""

    def __init__(self, behaviour: CustomerlyBehaviour, users: Contacts, leads: Contacts) -> None:
        self._behaviour = behaviour
        self._contacts = {"user": users, "lead": leads}
        self._all: list[dict[str, Any]] = []
        self._seen: set[bytes] = set()
        self.repeated = 0

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._all)

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        """Return what can be asked."""
        return {("POST", "/messages"): self._send, ("GET", "/accounts/"): _accounts}

    def _send(self, asked: Asked) -> Answer:
        body = body_of(asked)
        sender, recipient = _party(body, "from"), _party(body, "to")
        text_of(body, "content")
        if not isinstance(body.get("attachments", []), list):
            raise Refused("The attachments must be an array.")
        if sender.get("type") == "admin":
            if not any(_is(sender, account) for account in ACCOUNTS):
                raise Refused(MISSING_SENDER, self._behaviour.missing_status)
        elif self._contact(sender, "from", ("user",)) is None:
            raise Refused(MISSING_RECIPIENT, self._behaviour.missing_status)
        if self._contact(recipient, "to", ("user", "lead")) is None:
            raise Refused(MISSING_RECIPIENT, self._behaviour.missing_status)
        return self._sent(body, int(asked.now))

    def _sent(self, body: dict[str, Any], now: int) -> Answer:
        mark = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
        self.repeated += mark in self._seen
        self._seen.add(mark)
        self._all.append({**body, "timestamp": now})
        return json_answer({"data": {"timestamp": now}})

    def _contact(self, party: Mapping[str, Any], name: str, kinds: tuple[str, ...]) -> Contact | None:
        kind = party.get("type")
        if kind not in kinds:
            allowed = ("admin", *kinds) if name == "from" else kinds
            raise Refused(f"The type of {name} must be one of {', '.join(allowed)}.")
        contacts = self._contacts[kind]
        found = contacts.by_user_id(str(party.get("id") or "")) if contacts.users else None
        return found or contacts.by_email(str(party.get("email") or ""))


def _party(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    party = body.get(name)
    if not isinstance(party, dict) or not (party.get("id") or party.get("email")):
        raise Refused(f"The parameter {name} is required and must have an id or an email.")
    return party


def _is(party: Mapping[str, Any], account: Mapping[str, Any]) -> bool:
    if party.get("id"):
        return str(party["id"]) == str(account["account_id"])
    return bool(str(party.get("email", "")).lower() == account["email"])


def _accounts(_asked: Asked) -> Answer:
    shown = [{"account_id": account["account_id"], "email": account["email"]} for account in ACCOUNTS]
    return json_answer({"data": shown})
