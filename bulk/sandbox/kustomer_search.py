"""The search for customers, as far as looking for an address needs it."""

from collections.abc import Iterator, Mapping
from typing import Any

from bulk.sandbox.exchange import Answer, Asked, json_answer
from bulk.sandbox.kustomer_account import Account
from bulk.sandbox.kustomer_answers import Refused, document, moment, page, resource
from bulk.sandbox.kustomer_claims import Claim, digits
from bulk.sandbox.kustomer_customers import Customer
from bulk.sandbox.kustomer_shown import shown

LARGEST_PAGE = 500
MOST_CLAUSES = 20
_OPERATORS = frozenset(("equals", "eq"))
_ATTRIBUTES = {
    "customer_email": "email",
    "customer_phone": "phone",
    "customer_externalId": "externalId",
    "customer_shared_email": "email",
    "customer_shared_phone": "phone",
    "customer_shared_externalId": "externalId",
}


def search(account: Account, asked: Asked) -> Answer:
    """Find customers by addresses; clauses under ``or`` widen the search, those under ``and`` narrow it."""
    body = document(asked)
    if not isinstance(body, dict):
        raise Refused(400, "must be an object")
    found = dict(_found(account, body))
    if body.get("includeDeleted") is True:
        found |= _deleted(account, body)
    some, meta, links = page(asked, list(found.values()), LARGEST_PAGE)
    size = meta["pageSize"]
    meta = {**meta, "total": len(found), "totalPages": -(-len(found) // size)}
    return json_answer({"data": list(some), "meta": meta, "links": links})


def _found(account: Account, body: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    narrow = [_matches(account, clause) for clause in _clauses(body, "and")]
    wide = [_matches(account, clause) for clause in _clauses(body, "or")]
    chosen = set.intersection(*narrow) if narrow else None
    if wide:
        either = set.union(*wide)
        chosen = either if chosen is None else chosen & either
    for customer in account.customers:
        if chosen is None or customer.id in chosen:
            yield customer.id, shown(customer, account.customers, account.behaviour)


def _deleted(account: Account, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return those deleted; nothing but their ids is known any more, so only ids narrow them."""
    wanted = {
        str(condition.get("equals", condition.get("eq")))
        for clause in (*_clauses(body, "and"), *_clauses(body, "or"))
        for name, condition in clause.items()
        if name == "customer_id" and isinstance(condition, dict)
    }
    return {
        gone["id"]: resource(
            "customer",
            gone["id"],
            {"deleted": True, "deletedAt": moment(gone["at"])},
            f"/customers/{gone['id']}",
        )
        for gone in account.customers.deleted.values()
        if not wanted or gone["id"] in wanted
    }


def _clauses(body: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    clauses: Any = body.get(name, [])
    good = isinstance(clauses, list) and all(isinstance(clause, dict) for clause in clauses)
    if not good or len(clauses) > MOST_CLAUSES:
        raise Refused(400, f"must be an array of at most {MOST_CLAUSES} objects", f"/{name}")
    return list(clauses)


def _matches(account: Account, clause: Mapping[str, Any]) -> set[str]:
    matches = [_with(account, name, _wanted(condition)) for name, condition in clause.items()]
    return set.intersection(*matches) if matches else set()


def _with(account: Account, name: str, value: str) -> set[str]:
    if name == "customer_id":
        return {value}
    if name not in _ATTRIBUTES:
        raise Refused(400, f"unknown search attribute {name}")
    claim = _claim(_ATTRIBUTES[name], value)
    found = account.customers.sharing(claim) if "shared" in name else _owner(account, claim)
    return {customer.id for customer in found}


def _owner(account: Account, claim: Claim) -> list[Customer]:
    owner = account.customers.owner(claim)
    return [] if owner is None else [owner]


def _claim(kind: str, value: str) -> Claim:
    return kind, digits(value) if kind == "phone" else value.lower() if kind == "email" else value


def _wanted(condition: Any) -> str:
    if not isinstance(condition, dict) or len(condition) != 1 or not _OPERATORS & condition.keys():
        raise Refused(400, "only equals can be searched for")
    return str(next(iter(condition.values())))
