"""Every operation of every system with a record that goes well, one that is refused, one about nobody."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from workshop import Sandbox

from bulk.sandbox import CustomerioBehaviour, CustomerlyBehaviour, SandboxOptions

OPTIONS = SandboxOptions(
    customerly=CustomerlyBehaviour(unsubscribe_ignored=frozenset(["deaf@example.com"])),
    customerio=CustomerioBehaviour(phone_identifies=False, lag=0),
)
"""Phone numbers name nobody in this workspace, so that a record with one alone is refused."""
FIRST, SECOND, NOBODY = (f"650000c0{n:016x}" for n in (1, 2, 99))
"""Ids that the account gives its first customers."""
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """One operation.

    Attributes:
        system: Its system.
        operation: Its name.
        good: A record that goes well.
        refused: One that the system refuses, or takes without doing anything; None if there is none.
        unknown: One about somebody or something that is not there; None if that makes no difference.
        options: The step's own options.
    """

    system: str
    operation: str
    good: Row
    refused: Row | None = None
    unknown: Row | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def rows(self) -> Mapping[str, Row]:
        """The records there are."""
        named = {"good": self.good, "refused": self.refused, "unknown": self.unknown}
        return {name: row for name, row in named.items() if row is not None}


def seed(sandbox: Sandbox) -> None:
    """Give each system somebody and something to work on."""
    users = [{"email": f"p{n}@example.com", "user_id": f"u{n}", "tags": ["vip"]} for n in (1, 2)]
    sandbox.put("users", [*users, {"email": "deaf@example.com", "user_id": "u3"}])
    sandbox.put("leads", [{"email": "lead@example.com"}])
    sandbox.ask("customerly", "POST", "/users/add-to-company", {"user_id": "u2", "company_id": "acme"})
    sandbox.ask("customerly", "POST", "/knowledge/collections", {"title": "Basics"})
    sandbox.ask("customerly", "POST", "/knowledge/articles", {"title": "First steps"})
    sandbox.put_people(*({"id": f"i{n}", "email": f"p{n}@example.com"} for n in (1, 2)))
    sandbox.put_customers(
        *({"externalId": f"c{n}", "emails": [{"email": f"p{n}@example.com"}]} for n in (1, 2))
    )


_P1, _NEW, _NONE = ({"email": f"{name}@example.com"} for name in ("p1", "new", "nobody"))
_BROKEN = {"email": "a;b@example.com"}
_LONG = {"attributes": {"note": "x" * 129}}
_COLLECTION, _ARTICLE = "knowledge_base_collection_id", "knowledge_base_article_id"
_ADMIN = {"from": {"type": "admin", "id": "1"}}
_HELLO = {"content": "Hello"}
_TO = {"to": {"type": "user", **_P1}}

_AT_ONCE = {"verify": {"wait": "200ms"}}

CUSTOMERLY = (
    Case("customerly", "upsert_user", {**_NEW, "user_id": "u9", "name": "Ada"}, _BROKEN),
    Case("customerly", "upsert_lead", {**_NEW, "name": "Ada"}, _BROKEN),
    Case("customerly", "delete_user", _P1, unknown=_NONE),
    Case("customerly", "delete_lead", {"email": "lead@example.com"}, unknown=_NONE),
    Case("customerly", "unsubscribe_user", _P1, {"email": "deaf@example.com"}, _NONE),
    Case(
        "customerly",
        "add_user_attributes",
        {**_P1, "attributes": {"plan": "gold"}},
        unknown={**_NONE, "attributes": {"plan": "gold"}},
    ),
    Case(
        "customerly",
        "add_user_to_company",
        {**_P1, "company_id": "acme"},
        unknown={**_NONE, "company_id": "acme"},
    ),
    Case(
        "customerly",
        "add_company_attributes",
        {"company_id": "acme", "company_name": "Acme"},
        unknown={"company_id": "none", "company_name": "None"},
    ),
    Case(
        "customerly",
        "tag",
        {**_P1, "tag": "new"},
        unknown={**_NONE, "tag": "new"},
        options={"read_back": True},
    ),
    Case("customerly", "untag", {**_P1, "tag": "vip"}, unknown={**_NONE, "tag": "vip"}),
    Case("customerly", "delete_tag", {"tag": "vip"}, unknown={"tag": "none"}),
    Case(
        "customerly",
        "send_message",
        {**_ADMIN, **_TO, **_HELLO},
        unknown={**_ADMIN, **_HELLO, "to": {"type": "user", **_NONE}},
    ),
    Case("customerly", "create_collection", {"title": "Billing"}),
    Case(
        "customerly",
        "update_collection",
        {_COLLECTION: "1", "icon": "book"},
        unknown={_COLLECTION: "9", "icon": "x"},
    ),
    Case("customerly", "delete_collection", {_COLLECTION: "1"}, unknown={_COLLECTION: "9"}),
    Case(
        "customerly",
        "create_article",
        {"title": "Invoices", _COLLECTION: "1"},
        {"title": "Invoices", _COLLECTION: "9"},
    ),
    Case(
        "customerly",
        "update_article",
        {_ARTICLE: "1", "body": "Text", _COLLECTION: "1"},
        unknown={_ARTICLE: "9", "body": "Text", _COLLECTION: "1"},
    ),
    Case("customerly", "delete_article", {_ARTICLE: "1"}, unknown={_ARTICLE: "9"}),
    Case(
        "customerly",
        "erase_person",
        {"user_id": "u1"},
        {"user_id": "u2", "email": "lead@example.com"},
        {"user_id": "u9", **_NONE},
        options=_AT_ONCE,
    ),
)

_PHONE = {"phone": "+390612345678"}
_I1, _I9 = {"id": "i1"}, {"id": "i9"}
_DEVICE = {"device": {"id": "token-1", "platform": "ios"}}
_TOKEN = {"device": {"id": "token-1"}}
_VISIT = {"name": "visit", "attributes": {"page": "/"}}
_SEGMENT = {"segment_id": "7"}

CUSTOMERIO = (
    Case(
        "customerio",
        "upsert_person",
        {**_I9, "attributes": {"plan": "gold"}},
        {**_PHONE, "attributes": {"plan": "x"}},
    ),
    Case("customerio", "delete_person", _I1, _PHONE, _I9),
    Case("customerio", "suppress_person", _I1, _PHONE, _I9),
    Case("customerio", "unsuppress_person", _I1, _PHONE, _I9),
    Case("customerio", "unsubscribe_person", _I1, _PHONE, _I9),
    Case("customerio", "track_event", {**_I1, **_VISIT}, {**_PHONE, **_VISIT}, {**_I9, **_VISIT}),
    Case("customerio", "add_to_segment", {**_I1, **_SEGMENT}, unknown={**_I9, **_SEGMENT}),
    Case("customerio", "remove_from_segment", {**_I1, **_SEGMENT}, unknown={**_I9, **_SEGMENT}),
    Case(
        "customerio",
        "merge_people",
        {"primary": {"id": "i1"}, "secondary": {"id": "i2"}},
        unknown={"primary": {"id": "i1"}, "secondary": {"id": "i9"}},
    ),
    Case("customerio", "add_device", {**_I1, **_DEVICE}, {**_PHONE, **_DEVICE}, {**_I9, **_DEVICE}),
    Case("customerio", "delete_device", {**_I1, **_TOKEN}, {**_PHONE, **_TOKEN}, {**_I9, **_TOKEN}),
    Case(
        "customerio",
        "erase_person",
        {**_I1, **_PHONE},
        {"id": "i2", "email": "p9@example.com"},
        {**_I9, **_NONE},
        options=_AT_ONCE,
    ),
)

_C9 = {"externalId": "c9"}
_MOOD = {"sentiment": {"polarity": 5, "confidence": 1}}
_TAGGED = {"tags": ["opted-out"]}
_TWO = {"externalId": "c1", "email": "p2@example.com"}

KUSTOMER = (
    Case("kustomer", "upsert_customer", {**_C9, **_NEW, "name": "Ada"}, {"externalId": "c8", **_MOOD}),
    Case("kustomer", "create_customer", {**_C9, **_NEW, "name": "Ada"}, {**_P1, "name": "Ada"}),
    Case(
        "kustomer",
        "update_customer",
        {"externalId": "c1", "name": "Ada"},
        {**_TWO, "name": "Ada"},
        {**_C9, "name": "Ada"},
    ),
    Case("kustomer", "delete_customer", {"externalId": "c1"}, _TWO, _C9),
    Case("kustomer", "erase_person", {"externalId": "c1"}, _TWO, _C9),
    Case(
        "kustomer",
        "unsubscribe_customer",
        {"externalId": "c1", **_TAGGED},
        {**_TWO, **_TAGGED},
        {**_C9, **_TAGGED},
    ),
    Case(
        "kustomer",
        "merge_customers",
        {"source": FIRST, "target": SECOND},
        unknown={"source": NOBODY, "target": SECOND},
    ),
)

HTTP = (
    Case(
        "http",
        "request",
        {"id": "1", "name": "Ada"},
        {"id": "2", "poison": True},
        options={"method": "PUT", "path": "/people/{id}"},
    ),
)

CASES = (*CUSTOMERLY, *CUSTOMERIO, *KUSTOMER, *HTTP)
