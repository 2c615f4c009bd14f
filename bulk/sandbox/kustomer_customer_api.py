"""What can be asked about customers one by one, found by id or by address."""

from collections.abc import Callable, Mapping
from typing import Any

from bulk.sandbox.exchange import Answer, Asked, json_answer
from bulk.sandbox.kustomer_account import Account, Endpoint, Endpoints, crud_roles
from bulk.sandbox.kustomer_answers import NO_CONTENT, Refused, document, missing, page
from bulk.sandbox.kustomer_bodies import CUSTOMER, MERGE
from bulk.sandbox.kustomer_claims import Claim, digits
from bulk.sandbox.kustomer_customers import Customer
from bulk.sandbox.kustomer_schema import Check
from bulk.sandbox.kustomer_search import search
from bulk.sandbox.kustomer_shown import shown


def checked(body: Any, check: Check) -> Any:
    """Return a body that is as it must be."""
    wrong = check(body)
    if wrong:
        raise Refused(400, wrong.message, wrong.pointer)
    return body


def told(account: Account, customer: Customer, status: int = 200) -> Answer:
    """Answer with one customer."""
    return json_answer({"data": shown(customer, account.customers, account.behaviour)}, status)


def _create(account: Account, asked: Asked) -> Answer:
    body = checked(document(asked), CUSTOMER)
    return told(account, account.customers.create(body, asked.now), 201)


def _read(account: Account, asked: Asked) -> Answer:
    return told(account, account.customers.get(asked.parameters["id"]))


def _look_up(kind: str, normal: Callable[[str], str]) -> Callable[[Account, Asked], Answer]:
    def handler(account: Account, asked: Asked) -> Answer:
        value = asked.parameters["value"]
        claim: Claim = kind, normal(value)
        written = kind != "phone" or _as_wanted(account, value)
        found = account.customers.find(claim) if written else None
        if found is None:
            raise missing("customer")
        return told(account, found)

    return handler


def _as_wanted(account: Account, phone: str) -> bool:
    wanted = account.behaviour.phones_by
    return wanted == "any" or phone.startswith("+") == (wanted == "e164")


def _list(account: Account, asked: Asked) -> Answer:
    customers = list(account.customers)
    some, meta, links = page(asked, customers[::-1] if asked.query.get("sort") == "-createdAt" else customers)
    data = [shown(customer, account.customers, account.behaviour) for customer in some]
    return json_answer({"data": data, "meta": meta, "links": links})


def _patch(account: Account, asked: Asked) -> Answer:
    return _change(account, asked, replace=False)


def _put(account: Account, asked: Asked) -> Answer:
    replace = asked.query.get("replace", "false")
    if replace not in {"true", "false"}:
        raise Refused(400, "replace must be true or false")
    return _change(account, asked, replace=replace == "true")


def _change(account: Account, asked: Asked, *, replace: bool) -> Answer:
    body = checked(document(asked), CUSTOMER)
    customer = account.customers.update(asked.parameters["id"], body, asked.now, replace=replace)
    return told(account, customer)


def _delete(account: Account, asked: Asked) -> Answer:
    account.delete(asked.parameters["id"], asked.now)
    return NO_CONTENT


def _merge(account: Account, asked: Asked) -> Answer:
    body: Mapping[str, str] = checked(document(asked), MERGE)
    merge = account.merges.start(body["source"], body["target"], asked.now)
    return json_answer({"data": merge.shown()}, 201)


def _read_merge(account: Account, asked: Asked) -> Answer:
    return json_answer({"data": account.merges.get(asked.parameters["id"]).shown()})


def _list_merges(account: Account, asked: Asked) -> Answer:
    merges = account.merges.of_customer(account.customers.get(asked.parameters["id"]).id)
    some, meta, links = page(asked, merges)
    return json_answer({"data": [merge.shown() for merge in some], "meta": meta, "links": links})


_READS, _WRITES = crud_roles("customer", "read"), crud_roles("customer", "update")
_MERGES = (
    "org.permission.customer_merge.create",
    "org.user.customer.write",
    "org.admin.customer.merge.write",
)
_SEES_MERGES = ("org.permission.customer_merge.read", "org.user.customer.read")
_SEARCHES = ("org.permission.search.create", "org.user.search.read", "org.admin.search.read")

CUSTOMER_ENDPOINTS: Endpoints = {
    ("POST", "/customers"): Endpoint(_create, crud_roles("customer", "create")),
    ("GET", "/customers"): Endpoint(_list, _READS),
    ("GET", "/customers/{id}"): Endpoint(_read, _READS),
    ("GET", "/customers/email={value}"): Endpoint(_look_up("email", str.lower), _READS),
    ("GET", "/customers/phone={value}"): Endpoint(_look_up("phone", digits), _READS),
    ("GET", "/customers/externalId={value}"): Endpoint(_look_up("externalId", str), _READS),
    ("PUT", "/customers/{id}"): Endpoint(_put, _WRITES),
    ("PATCH", "/customers/{id}"): Endpoint(_patch, _WRITES),
    ("DELETE", "/customers/{id}"): Endpoint(_delete, crud_roles("customer", "delete")),
    ("POST", "/customers/merges"): Endpoint(_merge, _MERGES),
    ("GET", "/customers/merges/{id}"): Endpoint(_read_merge, _SEES_MERGES),
    ("GET", "/customers/{id}/merges"): Endpoint(_list_merges, _SEES_MERGES),
    ("POST", "/customers/search"): Endpoint(search, _SEARCHES),
    ("POST", "/customers/archive/search"): Endpoint(
        lambda _account, _asked: json_answer({"data": [], "meta": {"total": 0, "totalPages": 0}}), _SEARCHES
    ),
}
