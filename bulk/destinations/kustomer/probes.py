"""Harmless requests that prove the API key, its region and, where the account shows them, its roles."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bulk.conversation import Meaning, Request, Response
from bulk.destinations.kustomer.answers import errors, read
from bulk.destinations.system import Place, Probe
from bulk.destinations.verdicts import is_2xx

_READ = ("org.permission.customer.read", "org.user.customer.read")
_CREATE = ("org.permission.customer.create", "org.user.customer.write")
_UPDATE = ("org.permission.customer.update", "org.user.customer.write")
_DELETE = ("org.permission.customer.delete", "org.user.customer.delete")
_BULK = ("org.permission.bulk.read", "org.user.bulk.read")
_MERGE = (
    "org.permission.customer_merge.create",
    "org.user.customer.write",
    "org.admin.customer.merge.write",
)
_CHILDREN = (
    ("org.permission.message.read", "org.user.message.read"),
    ("org.permission.message_redaction.create", "org.admin.message.write"),
    ("org.permission.conversation.read", "org.user.conversation.read"),
    ("org.permission.conversation.delete", "org.user.conversation.delete"),
    ("org.permission.note.read", "org.user.note.read"),
    ("org.permission.note.delete", "org.user.note.write"),
)
"""What belongs to customers; which role drafts need is not documented."""
ROLES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "upsert_customer": (_READ, _CREATE, _UPDATE, _BULK),
    "create_customer": (_READ, _CREATE, _BULK),
    "update_customer": (_READ, _UPDATE, _BULK),
    "delete_customer": (_READ, _DELETE),
    "erase_person": (_READ, _DELETE, *_CHILDREN),
    "unsubscribe_customer": (_READ, _UPDATE),
    "merge_customers": (_MERGE,),
}
"""Roles an operation needs: one of each group."""
_WITHOUT = {_BULK: "bulk_jobs: false", **dict.fromkeys(_CHILDREN, "children: keep")}
"""What a step says to do without a role."""

_TOKEN = Request("GET", "/auth/tokens/current")
_ANY_CUSTOMER = Request("GET", "/customers?page=1&pageSize=1")


def probes(place: Place) -> Sequence[Probe]:
    """Return what proves that the operations used can be carried out, as far as that can be proven."""

    def roles(response: Response) -> str | None:
        return _problem(response) or missing_role(response, place.operations)

    return (
        Probe("the API key is accepted, in this region", _TOKEN, _problem),
        Probe("customers can be read", _ANY_CUSTOMER, _problem),
        Probe("no role is missing that the account shows (it may show none)", _TOKEN, roles),
    )


def _problem(response: Response) -> str | None:
    reading = read(response)
    if reading is not None and reading.meaning is Meaning.STOP:
        return reading.why
    if is_2xx(response):
        return None
    said = "; ".join(message for _, message in errors(response))
    return said or f"the account answered HTTP {response.status}"


def missing_role(response: Response, operations: frozenset[str]) -> str | None:
    """Say which role the key lacks for which operation; None if none, or if the answer shows no roles."""
    shown = set(_roles(response.json))
    if not shown:
        return None
    for operation in sorted(operations & ROLES.keys()):
        for group in ROLES[operation]:
            if not any(_has(shown, role) for role in group):
                hint = f"; without it, give its step {_WITHOUT[group]}" if group in _WITHOUT else ""
                return f"the API key lacks a role for {operation}: {' or '.join(group)}{hint}"
    return None


def _roles(value: Any) -> Iterator[str]:
    """Yield every text that looks like a role, wherever it stands: the answer's form is not documented."""
    if isinstance(value, str) and (value == "org" or value.startswith("org.")):
        yield value
    if isinstance(value, dict):
        value = [inner for name, inner in value.items() if name != "type"]  # of an object, "org" is no role
    for inner in value if isinstance(value, list) else ():
        yield from _roles(inner)


def _has(shown: set[str], role: str) -> bool:
    """Tell whether a role is there, itself or as a part of a wider one."""
    return any(role == other or role.startswith(f"{other}.") for other in shown)
