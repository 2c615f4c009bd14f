"""What can be asked about many at once: bulk creation, change and deletion, and what became of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from bulk.sandbox.exchange import Answer, Asked, json_answer
from bulk.sandbox.kustomer_account import Account, Endpoint, Endpoints, crud_roles
from bulk.sandbox.kustomer_answers import Refused, document, resource
from bulk.sandbox.kustomer_bodies import CUSTOMER, CUSTOMER_ITEM, KOBJECT
from bulk.sandbox.kustomer_customer_api import checked
from bulk.sandbox.kustomer_jobs import Item
from bulk.sandbox.kustomer_object_api import create_kobject
from bulk.sandbox.kustomer_schema import Check

REF = "_clientRef"
LONGEST_REF = 255


@dataclass(frozen=True, slots=True)
class Bulk:
    """What a bulk request does to each of its items; ``verb`` is what becomes of them."""

    kind: str
    verb: str
    check: Check
    work: Callable[[Mapping[str, Any], float], str]


def _submit(account: Account, asked: Asked, bulk: Bulk) -> Answer:
    """Accept a body that is a bare array."""
    given = document(asked)
    if not isinstance(given, list):
        raise Refused(400, "must be an array")
    _refuse_count(account, len(given))
    refs = _refs(given)
    _count_repeated(account, bulk.verb, given, refs)
    bodies = [_body(item) for item in given]
    at_once = account.behaviour.job_refuses == "request"
    for index, body in enumerate(bodies if at_once else ()):
        _refuse_wrong(bulk, body, f"/{index}")
    make = _sure_work if at_once else _work
    items = [Item(ref, make(bulk, body)) for ref, body in zip(refs, bodies, strict=True)]
    return _accepted(account, asked, bulk, items)


def _submit_ids(account: Account, asked: Asked, bulk: Bulk, body: Mapping[str, Any]) -> Answer:
    """Accept ``?ids=`` with what is to be done to all of them."""
    ids = [identifier for identifier in asked.query.get("ids", "").split(",") if identifier]
    _refuse_count(account, len(ids))
    items = [Item(None, _work(bulk, {**body, "id": identifier})) for identifier in ids]
    return _accepted(account, asked, bulk, items)


def _accepted(account: Account, asked: Asked, bulk: Bulk, items: list[Item]) -> Answer:
    job = account.jobs.submit(bulk.kind, bulk.verb, items, asked.now)
    shown = account.jobs.shown(job, asked.now)
    return json_answer({"data": {**shown, "attributes": {**shown["attributes"], "status": "queued"}}}, 201)


def _sure_work(bulk: Bulk, body: Any) -> Callable[[float], str]:
    return lambda now: bulk.work(body, now)


def _work(bulk: Bulk, body: Any) -> Callable[[float], str]:
    def work(now: float) -> str:
        _refuse_wrong(bulk, body, "")
        return bulk.work(body, now)

    return work


def _refuse_count(account: Account, size: int) -> None:
    most = account.behaviour.max_items
    if not 1 <= size <= most:
        raise Refused(400, f"between 1 and {most} items are allowed in one bulk request")


def _refuse_wrong(bulk: Bulk, body: Any, place: str) -> None:
    wrong = bulk.check(body)
    if wrong:
        raise Refused(400, wrong.message, f"{place}{wrong.pointer}")


def _body(item: Any) -> Any:
    return {name: value for name, value in item.items() if name != REF} if isinstance(item, dict) else item


def _refs(given: list[Any]) -> list[str | None]:
    """Return the client's references: all items have one or none has, and no two have the same."""
    refs = [item.get(REF) if isinstance(item, dict) else None for item in given]
    present = [isinstance(item, dict) and REF in item for item in given]
    if not any(present):
        return refs
    if not all(present):
        raise Refused(400, f"{REF} must be set on all items or on none")
    if not all(isinstance(ref, str) and 0 < len(ref) <= LONGEST_REF for ref in refs):
        raise Refused(400, f"{REF} must be a string of 1 to {LONGEST_REF} characters")
    if len(set(refs)) < len(refs):
        raise Refused(400, f"{REF} must be unique within a request")
    return refs


def _count_repeated(account: Account, verb: str, given: list[Any], refs: list[str | None]) -> None:
    for item, ref in zip(given, refs, strict=True):
        if ref is not None:
            mark = hash((verb, orjson.dumps(item, option=orjson.OPT_SORT_KEYS)))
            account.counts["items_repeated"] += mark in account.seen
            account.seen.add(mark)


def _customers(account: Account, verb: str) -> Bulk:
    customers = account.customers
    if verb == "created":
        return Bulk("customer", verb, CUSTOMER, lambda body, now: customers.create(body, now).id)
    if verb == "deleted":
        return Bulk("customer", verb, _any, lambda body, now: _deleted(account, body, now))
    return Bulk("customer", verb, CUSTOMER_ITEM, lambda body, now: customers.update(body["id"], body, now).id)


def _any(_body: Any) -> None:
    return None


def _deleted(account: Account, body: Mapping[str, Any], now: float) -> str:
    identifier = str(body["id"])
    account.delete(identifier, now)
    return identifier


def _create(account: Account, asked: Asked) -> Answer:
    return _submit(account, asked, _customers(account, "created"))


def _update(account: Account, asked: Asked) -> Answer:
    bulk = _customers(account, "updated")
    if "ids" not in asked.query:
        return _submit(account, asked, bulk)
    return _submit_ids(account, asked, bulk, checked(document(asked), CUSTOMER))


def _delete(account: Account, asked: Asked) -> Answer:
    return _submit_ids(account, asked, _customers(account, "deleted"), {})


def _create_kobjects(account: Account, asked: Asked) -> Answer:
    kind = account.objects.klass(asked.parameters["name"])
    bulk = Bulk(kind, "created", KOBJECT, lambda body, now: create_kobject(account, kind, body, now).id)
    return _submit(account, asked, bulk)


def _delete_kobjects(account: Account, asked: Asked) -> Answer:
    kind = account.objects.klass(asked.parameters["name"])

    def work(body: Mapping[str, Any], _now: float) -> str:
        found = account.objects.get(kind, str(body["id"]))
        account.objects.remove(found)
        return found.id

    return _submit_ids(account, asked, Bulk(kind, "deleted", _any, work), {})


def _status(account: Account, asked: Asked) -> Answer:
    job = account.jobs.get(asked.parameters["id"])
    return json_answer({"data": account.jobs.shown(job, asked.now)})


def _results(account: Account, asked: Asked) -> Answer:
    job = account.jobs.get(asked.parameters["id"])
    data = [
        resource("bulk_batch", batch.id, batch.attributes(), f"/bulk/{job.id}/batches/{batch.id}")
        for batch in job.batches
    ]
    return json_answer({"data": data})


_SEES_JOBS = crud_roles("bulk", "read")

BULK_ENDPOINTS: Endpoints = {
    ("POST", "/customers/bulk"): Endpoint(_create, crud_roles("customer", "create")),
    ("PUT", "/customers/bulk"): Endpoint(_update, crud_roles("customer", "update")),
    ("DELETE", "/customers/bulk"): Endpoint(_delete, crud_roles("customer", "delete")),
    ("POST", "/klasses/{name}/bulk"): Endpoint(_create_kobjects, crud_roles("kobject", "create")),
    ("DELETE", "/klasses/{name}/bulk"): Endpoint(_delete_kobjects, crud_roles("kobject", "delete")),
    ("GET", "/bulk/{id}"): Endpoint(_status, _SEES_JOBS),
    ("GET", "/bulk/{id}/batches"): Endpoint(_results, _SEES_JOBS),
}
