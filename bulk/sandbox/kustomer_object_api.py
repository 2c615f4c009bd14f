"""What can be asked about what belongs to customers: conversations and the like, and custom objects."""

from collections.abc import Callable, Mapping
from typing import Any

from bulk.sandbox.exchange import Answer, Asked, json_answer
from bulk.sandbox.kustomer_account import Account, Endpoint, Endpoints, crud_roles
from bulk.sandbox.kustomer_answers import NO_CONTENT, Refused, document, moment, object_id, page, resource
from bulk.sandbox.kustomer_bodies import KOBJECT, KOBJECT_CHANGE, REDACTION
from bulk.sandbox.kustomer_customer_api import checked
from bulk.sandbox.kustomer_objects import CHILDREN, Object
from bulk.sandbox.kustomer_schema import any_object

Handler = Callable[[Account, Asked], Answer]
REDACTION_KIND = 0xF0


def _told(found: Object, status: int = 200) -> Answer:
    return json_answer({"data": found.shown()}, status)


def _listed(asked: Asked, found: list[Object]) -> Answer:
    some, meta, links = page(asked, found)
    return json_answer({"data": [one.shown() for one in some], "meta": meta, "links": links})


def _create_child(kind: str) -> Handler:
    def handler(account: Account, asked: Asked) -> Answer:
        customer = account.customers.get(asked.parameters["id"])
        body = checked(document(asked), any_object)
        return _told(account.objects.create(kind, customer.id, body, asked.now), 201)

    return handler


def _list_children(kind: str) -> Handler:
    def handler(account: Account, asked: Asked) -> Answer:
        customer = account.customers.get(asked.parameters["id"])
        return _listed(asked, account.objects.of_customer(customer.id, kind))

    return handler


def _read_child(kind: str) -> Handler:
    return lambda account, asked: _told(account.objects.get(kind, asked.parameters["id"]))


def _delete_child(kind: str) -> Handler:
    def handler(account: Account, asked: Asked) -> Answer:
        child = account.objects.get(kind, asked.parameters["id"])
        if _takes_effect(account, kind):
            account.delete_child(child, asked.now)
        return NO_CONTENT

    return handler


def _takes_effect(account: Account, kind: str) -> bool:
    """Tell whether deleting or redacting something of a kind does anything, unless it is refused."""
    if kind in account.behaviour.children_refused:
        raise Refused(400, f"{kind} are kept by a retention policy")
    return kind not in account.behaviour.children_kept


def _list_nothing(account: Account, asked: Asked) -> Answer:
    account.customers.get(asked.parameters["id"])
    return _listed(asked, [])


def _redact(account: Account, asked: Asked) -> Answer:
    """Replace what a message says, and drop its attachments."""
    message = account.objects.get("messages", asked.parameters["id"])
    body: Mapping[str, Any] = checked(document(asked), REDACTION)
    if not body:
        raise Refused(400, "at least one of preview, attachments and meta is required")
    if _takes_effect(account, "messages"):
        _blacken(message, body)
    account.counts["messages_redacted"] += 1
    identifier = object_id(REDACTION_KIND, account.counts["messages_redacted"])
    attributes = {"createdAt": moment(asked.now)}
    path = f"/messages/{message.id}/redactions/{identifier}"
    return json_answer({"data": resource("message_redaction", identifier, attributes, path)}, 201)


def _blacken(message: Object, body: Mapping[str, Any]) -> None:
    if "preview" in body:
        message.attributes["preview"] = body["preview"]
    gone = set(body.get("attachments", ()))
    attachments = message.attributes.get("attachments", [])
    message.attributes["attachments"] = [one for one in attachments if one not in gone]
    if "meta" in body:
        message.attributes["meta"] = body["meta"]
    message.attributes["redacted"] = True


def create_kobject(account: Account, kind: str, body: Mapping[str, Any], now: float) -> Object:
    """Create a custom object, for the customer its body names if it names one."""
    return account.objects.create(kind, _customer_of(account, body), body, now)


def _customer_of(account: Account, body: Mapping[str, Any]) -> str | None:
    named = body.get("customer")
    if named is None:
        return None
    try:
        return account.customers.get(named).id
    except Refused:
        raise Refused(400, "customer does not exist", "/customer") from None


def _klass(account: Account, asked: Asked) -> str:
    return account.objects.klass(asked.parameters["name"])


def _create_kobject(account: Account, asked: Asked) -> Answer:
    kind = _klass(account, asked)
    body = checked(document(asked), KOBJECT)
    return _told(create_kobject(account, kind, body, asked.now), 201)


def _create_kobject_of(account: Account, asked: Asked) -> Answer:
    kind = _klass(account, asked)
    customer = account.customers.get(asked.parameters["id"])
    body = checked(document(asked), KOBJECT)
    return _told(account.objects.create(kind, customer.id, body, asked.now), 201)


def _list_kobjects(account: Account, asked: Asked) -> Answer:
    kind = _klass(account, asked)
    return _listed(asked, list(account.objects.of_kind(kind)))


def _list_kobjects_of(account: Account, asked: Asked) -> Answer:
    customer = account.customers.get(asked.parameters["id"])
    return _listed(asked, account.objects.of_customer(customer.id, _klass(account, asked)))


def _read_kobject(account: Account, asked: Asked) -> Answer:
    return _told(account.objects.get(_klass(account, asked), asked.parameters["id"]))


def _look_up_kobject(account: Account, asked: Asked) -> Answer:
    return _told(account.objects.named(_klass(account, asked), asked.parameters["value"]))


def _change_kobject(account: Account, asked: Asked) -> Answer:
    found = account.objects.get(_klass(account, asked), asked.parameters["id"])
    body = checked(document(asked), KOBJECT_CHANGE)
    return _told(account.objects.update(found, _customer_of(account, body), body))


def _delete_kobject(account: Account, asked: Asked) -> Answer:
    account.objects.remove(account.objects.get(_klass(account, asked), asked.parameters["id"]))
    return NO_CONTENT


def _child_endpoints() -> Endpoints:
    endpoints: dict[tuple[str, str], Endpoint] = {}
    for kind, thing in CHILDREN.items():
        reads, creates = crud_roles(thing, "read"), crud_roles(thing, "create")
        endpoints["POST", f"/customers/{{id}}/{kind}"] = Endpoint(_create_child(kind), creates)
        endpoints["GET", f"/customers/{{id}}/{kind}"] = Endpoint(_list_children(kind), reads)
        endpoints["GET", f"/{kind}/{{id}}"] = Endpoint(_read_child(kind), reads)
        if kind != "messages":  # a message can only be redacted
            endpoints["DELETE", f"/{kind}/{{id}}"] = Endpoint(_delete_child(kind), _DELETES[kind])
    return endpoints


_DELETES = {
    "conversations": crud_roles("conversation", "delete"),
    "notes": ("org.permission.note.delete", "org.user.note.write"),
    "drafts": (),
}
_READS, _CHANGES = crud_roles("kobject", "read"), crud_roles("kobject", "update")
_CREATES, _REMOVES = crud_roles("kobject", "create"), crud_roles("kobject", "delete")
_REDACTS = ("org.permission.message_redaction.create", "org.admin.message.write")

OBJECT_ENDPOINTS: Endpoints = {
    **_child_endpoints(),
    ("POST", "/messages/{id}/redactions"): Endpoint(_redact, _REDACTS),
    ("GET", "/customers/{id}/events"): Endpoint(_list_nothing, crud_roles("event", "read")),
    ("GET", "/customers/{id}/sessions"): Endpoint(_list_nothing, crud_roles("session", "read")),
    ("POST", "/klasses/{name}"): Endpoint(_create_kobject, _CREATES),
    ("GET", "/klasses/{name}"): Endpoint(_list_kobjects, _READS),
    ("GET", "/klasses/{name}/{id}"): Endpoint(_read_kobject, _READS),
    ("GET", "/klasses/{name}/externalId={value}"): Endpoint(_look_up_kobject, _READS),
    ("PUT", "/klasses/{name}/{id}"): Endpoint(_change_kobject, _CHANGES),
    ("PATCH", "/klasses/{name}/{id}"): Endpoint(_change_kobject, _CHANGES),
    ("DELETE", "/klasses/{name}/{id}"): Endpoint(_delete_kobject, _REMOVES),
    ("POST", "/customers/{id}/klasses/{name}"): Endpoint(_create_kobject_of, _CREATES),
    ("GET", "/customers/{id}/klasses/{name}"): Endpoint(_list_kobjects_of, _READS),
}
