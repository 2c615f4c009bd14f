"""Customerly's REST API as far as it is known, the unpleasant parts included."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from bulk.sandbox.customerly_answers import Refused, body_of, done, error, page_of, text_of
from bulk.sandbox.customerly_behaviour import CustomerlyBehaviour
from bulk.sandbox.customerly_companies import MISSING_USER, Companies
from bulk.sandbox.customerly_contacts import Contact, Contacts
from bulk.sandbox.customerly_knowledge import Knowledge
from bulk.sandbox.customerly_messages import Messages
from bulk.sandbox.customerly_records import attributes_refusal, refusal
from bulk.sandbox.exchange import Answer, Asked, Route, Routes, json_answer, not_found

SANDBOX_TOKEN = "sandbox-token"  # noqa: S105 - opens nothing but a sandbox
NO_TOKEN = "You must provide a valid header Authorization: Bearer <TOKEN>"  # noqa: S105 - made up, or a message
WRONG_TOKEN = "Access token not found."  # noqa: S105 - made up, or a message
_LEGACY = "AccessToken: "


class Customerly:
    """One Customerly project, kept in memory."""

    name = "customerly"
    prefix = "/v1"

    def __init__(self, behaviour: CustomerlyBehaviour, token: str) -> None:
        self.behaviour = behaviour
        self.token = token
        self.max_body = behaviour.max_body
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.users = Contacts(users=True)
        self.leads = Contacts(users=False)
        self.tags: dict[str, None] = {}
        self.companies = Companies(self.behaviour, self.users)
        self.messages = Messages(self.behaviour, self.users, self.leads)
        self.knowledge = Knowledge(self.behaviour)
        self.routes = self._routes()
        self._last_id = 0
        self._seen: set[int] = set()
        self._leaving: deque[tuple[float, Contacts, Contact]] = deque()
        self._counts = {"records_upserted": 0, "records_refused": 0, "records_repeated": 0}

    def answer(self, asked: Asked, route: Route | None) -> Answer:
        """Check the token first, then everything else."""
        self._let_go(asked.now)
        problem = self._token_problem(asked.headers)
        if problem:
            return error(problem, 500)
        if route is None:
            return not_found()
        try:
            return route.handler(asked)
        except Refused as refused:
            return refused.answer

    def too_large(self) -> Answer:
        """Refuse a body beyond ``max_body``."""
        return error("Request Entity Too Large", 413)

    def contents(self, kind: str) -> Iterable[Any] | None:
        """Return all of a kind, exactly as received.

        Kinds are ``users``, ``leads``, ``tags``, ``companies``, ``messages``, ``collections``, ``articles``.
        """
        kinds: dict[str, Iterable[Any]] = {
            "users": self._all(self.users),
            "leads": self._all(self.leads),
            "tags": list(self.tags),
            "companies": self.companies,
            "messages": self.messages,
            "collections": self.knowledge.collections,
            "articles": self.knowledge.articles,
        }
        return kinds.get(kind)

    def counts(self) -> Mapping[str, int]:
        """Return what was done so far, in numbers."""
        kept = {
            "users": len(self.users),
            "leads": len(self.leads),
            "tags": len(self.tags),
            "companies": len(self.companies),
            "messages": len(self.messages),
            "messages_repeated": self.messages.repeated,
            "collections": len(self.knowledge.collections.all),
            "articles": len(self.knowledge.articles.all),
        }
        return {**kept, **self._counts}

    def _routes(self) -> Routes:
        table = {
            ("POST", "/users"): lambda asked: self._upsert(asked, self.users, "users"),
            ("POST", "/leads"): lambda asked: self._upsert(asked, self.leads, "leads"),
            ("GET", "/users"): lambda asked: self._one(asked, self.users),
            ("GET", "/leads"): lambda asked: self._one(asked, self.leads),
            ("GET", "/users/list"): lambda asked: self._list(asked, self.users, "users"),
            ("GET", "/leads/list"): lambda asked: self._list(asked, self.leads, "leads"),
            ("DELETE", "/users"): lambda asked: self._delete(asked, self.users),
            ("DELETE", "/leads"): lambda asked: self._delete(asked, self.leads),
            ("POST", "/users/add-attributes/{user_id}"): self._add_attributes,
            ("GET", "/tags"): lambda _: json_answer({"data": list(self.tags)}),
            ("POST", "/tags"): self._tag,
            ("DELETE", "/tags"): self._delete_tag,
            **self.companies.handlers(),
            **self.messages.handlers(),
            **self.knowledge.handlers(),
        }
        if self.behaviour.unsubscribe_by == "email":
            return Routes({**table, ("POST", "/user/unsubscribe"): self._unsubscribe_email})
        return Routes({**table, ("POST", "/users/unsubscribe/{user_id}"): self._unsubscribe})

    def _token_problem(self, headers: Mapping[str, str]) -> str:
        given = headers.get("Authorization", "")
        legacy = headers.get("Authentication", "")
        if given.startswith("Bearer "):
            token = given.removeprefix("Bearer ").strip()
        elif legacy.startswith(_LEGACY):
            token = legacy.removeprefix(_LEGACY).strip()
        else:
            return NO_TOKEN
        return "" if token == self.token else WRONG_TOKEN

    def _upsert(self, asked: Asked, contacts: Contacts, envelope: str) -> Answer:
        records = body_of(asked).get(envelope)
        if not isinstance(records, list) or not records:
            raise Refused(f"The parameter {envelope} is required and must be an array.")
        if len(records) > self.behaviour.max_batch:
            raise Refused(f"You can send at most {self.behaviour.max_batch} {envelope} per request.")
        now = int(asked.now)
        refused = [
            (index, record, problem)
            for index, record in enumerate(records)
            if (problem := self._take(record, contacts, now))
        ]
        self._counts["records_upserted"] += len(records) - len(refused)
        self._counts["records_refused"] += len(refused)
        return json_answer({"data": self._told(len(records) - len(refused), refused)})

    def _take(self, record: Any, contacts: Contacts, now: int) -> str:
        mark = hash(orjson.dumps(record, option=orjson.OPT_SORT_KEYS))
        self._counts["records_repeated"] += mark in self._seen
        self._seen.add(mark)
        problem = refusal(record, truncate=self.behaviour.long_text == "truncate")
        if problem:
            return problem
        contact = contacts.by_email(record["email"]) or contacts.add(record["email"], self._next_id(), now)
        if record.get("user_id") not in {None, ""} and contacts.users:
            contacts.identify(contact, str(record["user_id"]))
        contact.change(record, replace_tags=self.behaviour.replace_tags)
        self.tags.update(dict.fromkeys(record.get("tags") or ()))
        contacts.touch(contact, now)
        return ""

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def _told(self, inserted: int, refused: list[tuple[int, Any, str]]) -> dict[str, Any]:
        addresses = [record.get("email") if isinstance(record, dict) else None for _, record, _ in refused]
        if self.behaviour.refusals == "count":
            return {"inserted": inserted}
        if self.behaviour.refusals == "not_added":
            return {"inserted": inserted, "not_added": addresses}
        if self.behaviour.refusals == "messages":
            return {"inserted": inserted, "errors": [problem for _, _, problem in refused]}
        errors = [
            {"index": index, "email": address, "message": problem}
            for (index, _, problem), address in zip(refused, addresses, strict=True)
        ]
        return {"inserted": inserted, "errors": errors}

    def _found(self, asked: Asked, contacts: Contacts) -> Contact:
        email = asked.query.get("email")
        user_id = asked.query.get("user_id") if contacts.users else None
        found = contacts.by_email(email) if email else contacts.by_user_id(user_id) if user_id else None
        return self._existing(found)

    def _existing(self, found: Contact | None) -> Contact:
        if found is None:
            raise Refused(MISSING_USER, self.behaviour.missing_status)
        return found

    def _shown(self, contact: Contact) -> dict[str, Any]:
        return contact.shown(numbers_as_text=self.behaviour.numbers_as_text)

    def _one(self, asked: Asked, contacts: Contacts) -> Answer:
        contact = self._found(asked, contacts)
        more: dict[str, list[Any]] = {"user_tags": contact.tags}
        more |= {name: [] for name in ("user_segments", "user_events", "user_notes")}
        more["companies"] = self.companies.of_user(contact.internal_id)
        return json_answer({"data": {**self._shown(contact), **more}})

    def _list(self, asked: Asked, contacts: Contacts, envelope: str) -> Answer:
        number, size = page_of(asked)
        page = contacts.page(
            number,
            size,
            asked.query.get("sort", ""),
            descending=asked.query.get("sort_direction") == "desc",
        )
        return json_answer({"data": {envelope: [self._shown(contact) for contact in page]}})

    def _delete(self, asked: Asked, contacts: Contacts) -> Answer:
        names = ("email", "user_id") if contacts.users else ("email",)
        given = [asked.query[name] for name in names if name in asked.query]
        if len(given) != 1 or not given[0]:
            raise Refused(f"Exactly one of these parameters is required: {', '.join(names)}.")
        contact = self._found(asked, contacts)
        if contact.email.lower() not in self.behaviour.delete_ignored:
            self._leaving.append((asked.now + self.behaviour.delete_seconds, contacts, contact))
            self._let_go(asked.now)
        return done()

    def _let_go(self, now: float) -> None:
        """Remove whoever was deleted long enough ago."""
        while self._leaving and self._leaving[0][0] <= now:
            _, contacts, contact = self._leaving.popleft()
            if contacts.by_email(contact.email) is not contact:
                continue
            contacts.remove(contact)
            self.companies.leave(contact.internal_id)
            lead = self.leads.by_email(contact.email)
            if lead and contacts.users and self.behaviour.delete_user_takes_lead:
                self.leads.remove(lead)

    def _unsubscribe(self, asked: Asked) -> Answer:
        by_internal = self.behaviour.unsubscribe_by == "internal_id"
        find = self.users.by_internal_id if by_internal else self.users.by_user_id
        return self._unsubscribed(find(asked.parameter), asked)

    def _unsubscribe_email(self, asked: Asked) -> Answer:
        email = body_of(asked).get("email")
        if not isinstance(email, str) or not email:
            raise Refused("The parameter email is required.")
        return self._unsubscribed(self.users.by_email(email), asked)

    def _unsubscribed(self, found: Contact | None, asked: Asked) -> Answer:
        contact = self._existing(found)
        if contact.email.lower() not in self.behaviour.unsubscribe_ignored:
            contact.unsubscribed = True
            self.users.touch(contact, int(asked.now))
        return done()

    def _add_attributes(self, asked: Asked) -> Answer:
        contact = self._existing(self.users.by_user_id(asked.parameter))
        attributes: Any = body_of(asked).get("attributes")
        problem = attributes_refusal(attributes, truncate=self.behaviour.long_text == "truncate")
        if problem:
            raise Refused(problem)
        contact.merge(attributes)
        self.users.touch(contact, int(asked.now))
        return done()

    def _tag(self, asked: Asked) -> Answer:
        """Tag or untag; contacts that are not there are passed over without a word."""
        body = body_of(asked)
        tag = text_of(body, "tag")
        self.tags[tag] = None
        for contact in self._named(body):
            others = [other for other in contact.tags if other != tag]
            contact.tags = others if body.get("untag") is True else [*others, tag]
        return done()

    def _delete_tag(self, asked: Asked) -> Answer:
        tag = text_of(body_of(asked), "tag")
        self.tags.pop(tag, None)
        for contact in (*self.users, *self.leads):
            contact.tags = [other for other in contact.tags if other != tag]
        return json_answer({})

    def _named(self, body: Mapping[str, Any]) -> Iterator[Contact]:
        for contacts, envelope in ((self.users, "users"), (self.leads, "leads")):
            for named in body.get(envelope) or ():
                if not isinstance(named, dict):
                    raise Refused(f"The parameter {envelope} must be an array of objects.")
                found = contacts.by_user_id(str(named.get("user_id") or ""))
                found = found or contacts.by_email(str(named.get("email") or ""))
                if found:
                    yield found

    def _all(self, contacts: Contacts) -> Iterator[dict[str, Any]]:
        for contact in contacts:
            yield {**contact.shown(numbers_as_text=False), "user_tags": contact.tags}
