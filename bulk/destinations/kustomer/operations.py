"""Kustomer's operations as data."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import orjson

from bulk.conversation import Request, Response
from bulk.destinations.erasure import REQUEST_FIELDS, REQUEST_NAMES
from bulk.destinations.fields import Field, Kind
from bulk.destinations.kustomer.children import KINDS
from bulk.destinations.kustomer.confirm import confirm
from bulk.destinations.kustomer.erase import ERASING, erase, supposed, tailored
from bulk.destinations.kustomer.fields import (
    CONTENT,
    CUSTOM,
    EMAIL,
    EXTERNAL_ID,
    ID,
    OBJECT_ID,
    OPENAPI,
    PHONE,
    TAGS,
)
from bulk.destinations.kustomer.merge import merge
from bulk.destinations.kustomer.remove import delete
from bulk.destinations.kustomer.settings import EraseOptions, UpsertOptions, WriteOptions
from bulk.destinations.kustomer.together import writing
from bulk.destinations.kustomer.unsubscribe import unsubscribe
from bulk.destinations.kustomer.whom import options_of
from bulk.destinations.kustomer.write import Aim
from bulk.destinations.operation import Batching, Effect, Operation, Terms

_BULK = (
    "vendor's guide to bulk operations and OpenAPI file (sure); refusals by conflict: no code is documented"
)
_BATCHING = Batching(default=100, maximum=100, max_bytes=95_000, item_bytes=95_000)
"""The body may have 100,000 bytes; what is added to each record must find room in it."""
_JOB_REQUESTS = 4
"""Submit, ask twice, read the results."""
_CONTACTS = (EXTERNAL_ID, EMAIL, PHONE)
_IDENTIFIERS = ("id", "externalId", "email", "phone")


def _named(fields: Collection[str], *names: str) -> int:
    """Count the identifiers a step maps."""
    return sum(name in fields for name in names)


def _is_bulk(terms: Terms) -> bool:
    return terms.options is None or bool(terms.options.bulk_jobs)


def _looks_first(terms: Terms) -> bool:
    return terms.options is None or terms.options.lookup == "first"


def _upsert_exchanges(_fields: Collection[str], terms: Terms) -> int:
    if not _is_bulk(terms):
        return 1
    return 2 * _JOB_REQUESTS if _looks_first(terms) else _JOB_REQUESTS


def _upsert_look_ups(fields: Collection[str], terms: Terms) -> int:
    """Somebody new is looked up by every identifier there is."""
    return _look_ups(fields, terms) if _looks_first(terms) else 0


def _look_ups(fields: Collection[str], terms: Terms) -> int:
    """Count the look-ups by every identifier there is, by a phone number perhaps in two forms."""
    forms = 2 if terms.settings.phone_look_up == "both" else 1
    return _named(fields, "id", "externalId", "email") + forms * _named(fields, "phone")


def _erase_exchanges(fields: Collection[str], terms: Terms) -> int:
    """Somebody who has nothing is looked up, found to have nothing, deleted and read back."""
    options, look_ups = options_of(terms), _look_ups(fields, terms)
    lists = len(KINDS) if options.children == "delete" else 0
    by_id = "id" not in fields
    return look_ups + lists + 1 + (0 if options.verify == "none" else look_ups + by_id)


def _job_exchanges(_fields: Collection[str], terms: Terms) -> int:
    return _JOB_REQUESTS if _is_bulk(terms) else 1


def _tailored(operation: Operation, options: Any) -> Operation:
    return operation if options.bulk_jobs else replace(operation, batching=None)


def _nobody(request: Request) -> Response | None:
    """Suppose that everybody is new."""
    return Response(404) if request.method == "GET" else None


def _somebody(request: Request) -> Response | None:
    """Suppose that everybody is known, under an id that only looking up would tell."""
    shown = {"data": {"type": "customer", "id": "ID-LOOKED-UP", "attributes": {}}}
    return Response(200, {}, orjson.dumps(shown)) if request.method == "GET" else None


def _merged(name: str, about: str) -> Field:
    return Field(name, Kind.IDENTIFIER, about, OPENAPI, required=True, pattern=OBJECT_ID)


OPERATIONS = (
    Operation(
        name="upsert_customer",
        about="Look customers up by externalId, e-mail, phone; update those there are, create the others.",
        fields=(*_CONTACTS, *CONTENT),
        whom="customer",
        effect=Effect.WRITES,
        converse=writing(Aim.UPSERT),
        fact=f"POST and PUT /customers/bulk, GET /customers/externalId=…: {_BULK}",
        one_of=("externalId", "email", "phone", "emails", "phones"),
        batching=_BATCHING,
        confirm=confirm,
        exchanges=_upsert_exchanges,
        exchanges_each=_upsert_look_ups,
        suppose=_nobody,
        options=UpsertOptions,
        tailor=_tailored,
    ),
    Operation(
        name="create_customer",
        about="Create customers; somebody the account has already is failed: duplicate.",
        fields=(*_CONTACTS, *CONTENT),
        whom="customer",
        effect=Effect.WRITES,
        converse=writing(Aim.CREATE),
        fact=f"POST /customers/bulk: {_BULK}",
        batching=_BATCHING,
        warning="A record without externalId, e-mail or phone number is created anew whenever it is sent.",
        confirm=confirm,
        exchanges=_job_exchanges,
        options=WriteOptions,
        tailor=_tailored,
    ),
    Operation(
        name="update_customer",
        about="Update customers found by id, externalId, e-mail or phone; others are skipped: not_found.",
        fields=(ID, *_CONTACTS, *CONTENT),
        whom="customer",
        effect=Effect.WRITES,
        converse=writing(Aim.UPDATE),
        fact=f"PUT /customers/bulk, PATCH /customers/ID: {_BULK}; that other attributes stay: likely",
        one_of=("id", "externalId", "email", "phone", "emails", "phones"),
        batching=_BATCHING,
        confirm=confirm,
        exchanges=_job_exchanges,
        exchanges_each=lambda _fields, _terms: 1,
        suppose=_somebody,
        options=WriteOptions,
        tailor=_tailored,
    ),
    Operation(
        name="delete_customer",
        about="Delete customers by id, externalId or e-mail; a phone number alone is failed: ambiguous.",
        fields=(ID, *_CONTACTS),
        whom="customer",
        effect=Effect.REMOVES,
        converse=delete,
        fact=f"DELETE /customers/ID: {OPENAPI}",
        one_of=_IDENTIFIERS,
        irreversible=True,
        warning=(
            "Kustomer does not say whether a deleted customer's conversations, messages, notes and"
            " attachments go too; and anybody who writes again is created again."
        ),
        exchanges=lambda fields, _terms: 1 if set(fields) <= {"id", "phone"} else 2,
        suppose=_somebody,
    ),
    Operation(
        name="erase_person",
        about="Find customers by every identifier there is, remove what is theirs and then them, read back.",
        fields=(ID, *_CONTACTS, *REQUEST_FIELDS),
        effect=Effect.REMOVES,
        converse=erase,
        fact=(
            f"DELETE /customers/ID, POST /messages/ID/redactions, DELETE of conversations, notes, drafts:"
            f" {OPENAPI}; that messages show whether they are redacted, and their attachments: two clients"
        ),
        one_of=_IDENTIFIERS,
        irreversible=True,
        warning=(
            "Kustomer does not say what becomes of a deleted customer's conversations, messages and notes:"
            " they go first, unless the step says children: keep. A message can only be redacted; who sent"
            " it, to whom and about what may stay. Deleted customers stay for a time in the audit log and in"
            " searches with includeDeleted; and anybody who writes again is created again."
        ),
        keep=(*_IDENTIFIERS, *REQUEST_NAMES),
        exchanges=_erase_exchanges,
        suppose=supposed,
        options=EraseOptions,
        tailor=tailored,
        erasing=ERASING,
    ),
    Operation(
        name="unsubscribe_customer",
        about="Set the custom attributes and tags that stand for having unsubscribed, and read them back.",
        fields=(ID, *_CONTACTS, CUSTOM, replace(TAGS, about="Tags that stand for having unsubscribed.")),
        whom="customer",
        effect=Effect.UNSUBSCRIBES,
        converse=unsubscribe,
        fact=f"PATCH /customers/ID: {OPENAPI}; Kustomer has no consent of its own (sure)",
        one_of=_IDENTIFIERS,
        also_one_of=("custom", "tags"),
        warning="Kustomer sends on regardless: your workflows must honour the attribute or tag.",
        exchanges=lambda _fields, _terms: 3,
        suppose=_somebody,
    ),
    Operation(
        name="merge_customers",
        about="Merge the customer source into target, whose own values win.",
        fields=(
            _merged("source", "Kustomer's id of whom to merge."),
            _merged("target", "Kustomer's id of who remains."),
        ),
        effect=Effect.WRITES,
        converse=merge,
        fact=f"POST /customers/merges: {OPENAPI}",
        adds=True,
        repeatable=False,
        irreversible=True,
        warning="There is no way to take a merge back.",
        keep=("source", "target"),
        exchanges=lambda _fields, _terms: 2,
    ),
)
