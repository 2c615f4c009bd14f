"""Attributes of users and companies, and the companies that users belong to."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import orjson
import polars as pl

from bulk.conversation import RECORD, Batch, Conversation, Request, Response, Status, Verdict
from bulk.destinations.address import encoded
from bulk.destinations.customerly.answers import contact
from bulk.destinations.customerly.asking import ask, find, identifiers, tell
from bulk.destinations.customerly.fields import (
    ATTRIBUTES,
    BLUEPRINT,
    BY_EMAIL,
    BY_USER_ID,
    REQUIRED_ATTRIBUTES,
)
from bulk.destinations.customerly.items import first_of, only
from bulk.destinations.customerly.upsert import differences
from bulk.destinations.fields import Field, Kind
from bulk.destinations.operation import Effect, Operation, Terms
from bulk.destinations.shape import braced, member
from bulk.destinations.verdicts import accepted, no_effect

_COMPANY_ID = Field("company_id", Kind.IDENTIFIER, "Your own id of the company.", BLUEPRINT, required=True)
_COMPANY_NAME = Field("company_name", Kind.TEXT, "The company's name.", BLUEPRINT)
_INTERNAL_ID = Field(
    "internal_user_id",
    Kind.INTEGER,
    "Customerly's own id of the user.",
    f"{BLUEPRINT}; very likely what the API shows as crmhero_user_id",
)


def add_to_user(batch: Batch, _terms: Terms) -> Conversation:
    """Add attributes to a user; one who is known by e-mail only is looked up for the id in the path."""
    person = identifiers(batch)
    user_id = person.get("user_id")
    if user_id is None:
        found = yield from ask(batch, find(person))
        if found is None:
            return
        user_id = shown_user_id(found)
        if user_id is None:
            yield batch.settle(_no_id(found))
            return
    body = str(batch.value(RECORD)).encode()
    yield from tell(batch, Request("POST", f"/users/add-attributes/{encoded(user_id)}", body))


def shown_user_id(response: Response) -> str | None:
    """Return the ``user_id`` that a contact is shown with, if it can stand in a path."""
    value: Any = (contact(response) or {}).get("user_id")
    text = str(value).strip() if type(value) in {str, int} else ""
    return None if text in {"", ".", ".."} else text


def _no_id(response: Response) -> Verdict:
    message = "the account shows no user_id for this user, and attributes are added by user_id only"
    return Verdict(Status.FAILED, "missing_id", response.status, "", message, response.request_id)


def confirm_user(batch: Batch, _terms: Terms) -> Conversation:
    """Settle one record by the attributes that the account shows."""
    reply = yield from ask(batch, find(identifiers(batch)))
    if reply is None:
        return
    differing = differences(orjson.loads(batch.value(RECORD)), contact(reply) or {})
    if differing:
        message = f"the account shows another value for {', '.join(differing)}"
        yield batch.settle(no_effect(reply, message))
    else:
        yield batch.settle(accepted(reply, "read_back"))


def add_to_company(batch: Batch, _terms: Terms) -> Conversation:
    """Put a user into a company, which is made if there is none of that id."""
    yield from tell(batch, Request("POST", "/users/add-to-company", str(batch.value(RECORD)).encode()))


def add_company_attributes(batch: Batch, _terms: Terms) -> Conversation:
    """Name a company, or add attributes to it."""
    path = f"/company/add-attributes/{encoded(str(batch.value('company_id')))}"
    yield from tell(batch, Request("POST", path, str(batch.value(RECORD)).encode()))


def _exchanges(fields: Collection[str], _terms: Terms) -> int:
    return 1 if "user_id" in fields else 2


OPERATIONS = (
    Operation(
        name="add_user_attributes",
        about="Add attributes to users, by user_id; one known by e-mail only is looked up first.",
        fields=(BY_USER_ID, BY_EMAIL, REQUIRED_ATTRIBUTES),
        whom="user",
        effect=Effect.WRITES,
        converse=add_to_user,
        confirm=confirm_user,
        exchanges=_exchanges,
        fact=f"POST /users/add-attributes/{{user_id}}: {BLUEPRINT}",
        one_of=("user_id", "email"),
        keep=("user_id", "email"),
        item=only("attributes"),
    ),
    Operation(
        name="add_user_to_company",
        about="Put users into a company, which is made if there is none of that id.",
        fields=(
            _INTERNAL_ID,
            BY_USER_ID,
            BY_EMAIL,
            _COMPANY_ID,
            _COMPANY_NAME,
            replace(ATTRIBUTES, name="company_attributes", about="Your own properties of the company."),
        ),
        effect=Effect.WRITES,
        converse=add_to_company,
        fact=f"POST /users/add-to-company: {BLUEPRINT}; sources disagree on whether the company must exist",
        one_of=("internal_user_id", "user_id", "email"),
        adds=True,
        item=lambda _terms: braced(
            first_of("internal_user_id", "user_id", "email"),
            *(member(name, pl.col(name)) for name in ("company_id", "company_name", "company_attributes")),
        ),
    ),
    Operation(
        name="add_company_attributes",
        about="Name companies, or add attributes to them.",
        fields=(_COMPANY_ID, _COMPANY_NAME, ATTRIBUTES),
        effect=Effect.WRITES,
        converse=add_company_attributes,
        fact=f"POST /company/add-attributes/{{company_id}}, company in the singular: {BLUEPRINT}",
        one_of=("company_name", "attributes"),
        keep=("company_id",),
        item=only("company_name", "attributes"),
    ),
)
