"""Kustomer's REST API as far as it is known, the unpleasant parts included."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bulk.sandbox.exchange import Answer, Asked, Handler, Route, Routes, json_answer, not_found
from bulk.sandbox.kustomer_account import Account, Endpoint, Endpoints
from bulk.sandbox.kustomer_answers import Refused, object_id, resource
from bulk.sandbox.kustomer_behaviour import KustomerBehaviour
from bulk.sandbox.kustomer_bulk_api import BULK_ENDPOINTS
from bulk.sandbox.kustomer_customer_api import CUSTOMER_ENDPOINTS
from bulk.sandbox.kustomer_object_api import OBJECT_ENDPOINTS
from bulk.sandbox.kustomer_objects import CHILDREN, KOBJECT, Object
from bulk.sandbox.kustomer_shown import ORGANISATION

POD = "prod1"
TOO_MANY = b"Too Many Requests"
NO_TOKEN = "unauthorized: missing or malformed bearer token"  # noqa: S105 - a message
WRONG_TOKEN = "unauthorized: invalid token"  # noqa: S105 - a message
_TOKEN, _USER = object_id(0xA0, 1), object_id(0xA1, 1)


class Kustomer:
    """One Kustomer organisation, kept in memory."""

    name = "kustomer"
    prefix = "/kustomer/v1"

    def __init__(self, behaviour: KustomerBehaviour, token: str) -> None:
        self.behaviour = behaviour
        self.token = token
        self.max_body = behaviour.max_body
        self._endpoints = self._all_endpoints()
        self._roles = _every_role(self._endpoints) if behaviour.roles is None else behaviour.roles
        self.routes = Routes({key: self._handler(endpoint) for key, endpoint in self._endpoints.items()})
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.account = Account(self.behaviour)
        self._now = 0.0

    def answer(self, asked: Asked, route: Route | None) -> Answer:
        """Do what has become due; check token, region and budget; then what is asked."""
        self._now = max(self._now, asked.now)
        self.account.due.advance(self._now)
        try:
            self._check_token(asked.headers)
        except Refused as refused:
            return refused.answer(self.behaviour.errors)
        admitted = self.account.budget.admit(asked.now)
        answer = self._done(asked, route) if admitted else Answer(429, TOO_MANY, "text/plain")
        headers = self.account.budget.headers(asked.now, admitted=admitted)
        return Answer(answer.status, answer.body, answer.content_type, (*answer.headers, *headers))

    def too_large(self) -> Answer:
        """Refuse a body beyond ``max_body``."""
        return Refused(413, "request entity too large").answer(self.behaviour.errors)

    def contents(self, kind: str) -> Iterable[Any] | None:
        """Return all of a kind, attributes exactly as received.

        Kinds are ``customers``, ``deleted``, ``jobs``, ``merges``, ``conversations``, ``messages``,
        ``notes``, ``drafts``, ``kobjects``, and ``kobject.NAME`` for those of one class.
        """
        own = {"customers": self._customers, "jobs": self._jobs, "merges": self._merges}
        if kind in own:
            return own[kind]()
        if kind == "deleted":
            return self.account.customers.deleted.values()
        if kind in CHILDREN or kind == "kobjects" or kind.startswith(KOBJECT):
            return self._objects(KOBJECT if kind == "kobjects" else kind)
        return None

    def counts(self) -> Mapping[str, int]:
        """Return what was done so far, in numbers."""
        account = self.account
        objects = account.objects
        return {
            "customers": len(account.customers),
            "kobjects": sum(1 for _ in objects.of_kind(KOBJECT)),
            "jobs": len(account.jobs),
            "merges": len(account.merges.all),
            **dict.fromkeys(("records_created", "records_updated", "records_deleted"), 0),
            **dict.fromkeys(("items_submitted", "items_failed", "items_repeated"), 0),
            **account.counts,
        }

    def _all_endpoints(self) -> Endpoints:
        return {
            **CUSTOMER_ENDPOINTS,
            **BULK_ENDPOINTS,
            **OBJECT_ENDPOINTS,
            ("GET", "/auth/tokens/current"): Endpoint(self._show_token),
            ("GET", "/users/current"): Endpoint(self._show_user),
        }

    def _handler(self, endpoint: Endpoint) -> Handler:
        def handler(asked: Asked) -> Answer:
            if endpoint.roles and not any(self._has(role) for role in endpoint.roles):
                wanted = ", ".join(endpoint.roles)
                raise Refused(self.behaviour.missing_role_status, f"missing any one of the roles: {wanted}")
            return endpoint.handler(self.account, asked)

        return handler

    def _has(self, role: str) -> bool:
        """Tell whether the key has a role, or one above it."""
        return any(role == held or role.startswith(f"{held}.") for held in self._roles)

    def _done(self, asked: Asked, route: Route | None) -> Answer:
        if route is None:
            return not_found()
        if len(asked.body) > self.max_body:
            return self.too_large()
        try:
            return route.handler(asked)
        except Refused as refused:
            return refused.answer(self.behaviour.errors)

    def _check_token(self, headers: Mapping[str, str]) -> None:
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not token:
            raise Refused(401, NO_TOKEN)
        if token != self.token:
            raise Refused(401, WRONG_TOKEN)
        if self.behaviour.pod:
            belongs = self.behaviour.pod
            raise Refused(
                401, f"Auth token associated with pod {belongs} but request is being handled by {POD}"
            )

    def _show_token(self, _account: Account, _asked: Asked) -> Answer:
        attributes = {"name": "sandbox", "type": "machine", "roles": sorted(self._roles), "expiresAt": None}
        data = resource("auth_token", _TOKEN, attributes, "/auth/tokens/current")
        related = {
            "org": {"data": {"type": "org", "id": ORGANISATION}},
            "user": {"data": {"type": "user", "id": _USER}},
        }
        return json_answer({"data": {**data, "relationships": related}})

    def _show_user(self, _account: Account, _asked: Asked) -> Answer:
        attributes = {"name": "Sandbox", "email": "machine@example.com", "userType": "machine"}
        return json_answer({"data": resource("user", _USER, attributes, f"/users/{_USER}")})

    def _customers(self) -> Iterator[Any]:
        for customer in self.account.customers:
            yield {"id": customer.id, "rev": customer.rev, **customer.attributes}

    def _objects(self, kind: str) -> Iterator[Any]:
        for found in self.account.objects.of_kind(kind):
            yield _plain(found)

    def _jobs(self) -> Iterator[Any]:
        for job in self.account.jobs:
            refs = [item.client_ref for batch in job.batches for item in batch.items]
            yield {
                "id": job.id,
                "kind": job.kind,
                "verb": job.verb,
                "status": self.account.jobs.status(job, self._now),
                "items": len(refs),
                "refs": [ref for ref in refs if ref is not None],
                "results": [result for batch in job.batches for result in batch.results],
                "succeeded": sum(len(batch.object_ids) for batch in job.batches),
                "failed": sum(len(batch.errors) for batch in job.batches),
            }

    def _merges(self) -> Iterator[Any]:
        for merge in self.account.merges.all.values():
            yield {"id": merge.id, "source": merge.source, "target": merge.target, "status": merge.status}


def _plain(found: Object) -> dict[str, Any]:
    klass = {"klass": found.kind.removeprefix(KOBJECT)} if found.kind.startswith(KOBJECT) else {}
    return {"id": found.id, **klass, **found.attributes, "customer": found.customer}


def _every_role(endpoints: Endpoints) -> frozenset[str]:
    return frozenset(endpoint.roles[0] for endpoint in endpoints.values() if endpoint.roles)
