"""Customerly as data: fields, operations, credentials."""

from collections.abc import Mapping

from bulk.conversation import Meaning, Request, Response
from bulk.destinations.customerly.answers import error_message, is_success, read
from bulk.destinations.customerly.remove import delete
from bulk.destinations.customerly.settings import CustomerlySettings
from bulk.destinations.customerly.unsubscribe import unsubscribe
from bulk.destinations.customerly.upsert import confirm, upsert
from bulk.destinations.fields import Field, Kind
from bulk.destinations.operation import Batching, Effect, Operation
from bulk.destinations.system import Credential, Probe, System

_CODE = "vendor's own text and code, or two independent clients (sure)"
_BLUEPRINT = "vendor's API blueprint as transcribed by one client (fairly sure)"

_EMAIL = Field(
    "email", Kind.EMAIL, "The address that names the contact; upserts go by it.", _CODE, required=True
)
_USER_ID = Field("user_id", Kind.IDENTIFIER, "Your own id of the user.", _CODE)
_NAME = Field("name", Kind.TEXT, "The full name.", _CODE)
_ATTRIBUTES = Field(
    "attributes",
    Kind.OBJECT,
    "Your own properties: text up to 128 characters, numbers, booleans, dates as unix seconds.",
    "vendor's help pages (sure); what becomes of longer text is not documented, so it is rejected",
    max_chars=128,
    member_pattern=r"[A-Za-z0-9_-]+",
)
_TAGS = Field(
    "tags", Kind.TEXTS, "Tags to put on the contact.", "vendor's code (sure); add or replace: unsure"
)
_BATCHING = Batching(default=50, maximum=1000)

_BY_EMAIL = Field("email", Kind.EMAIL, "The address that names the contact.", _BLUEPRINT)
_BY_USER_ID = Field("user_id", Kind.IDENTIFIER, "Your own id of the user.", _BLUEPRINT)

_OPERATIONS = (
    Operation(
        name="upsert_user",
        about="Create users, or update those whose e-mail is known.",
        fields=(_EMAIL, _USER_ID, _NAME, _ATTRIBUTES, _TAGS),
        effect=Effect.WRITES,
        converse=upsert("/users", "users"),
        confirm=confirm("/users"),
        fact=f"POST /users: {_CODE}; the largest batch is not documented, 50 is in use",
        batching=_BATCHING,
        keep=("email", "user_id"),
    ),
    Operation(
        name="upsert_lead",
        about="Create leads, or update those whose e-mail is known.",
        fields=(_EMAIL, _USER_ID, _NAME, _ATTRIBUTES, _TAGS),
        effect=Effect.WRITES,
        converse=upsert("/leads", "leads"),
        confirm=confirm("/leads"),
        fact=f"POST /leads: {_CODE}; user_id and tags are passed on, their effect on leads is not documented",
        batching=_BATCHING,
        keep=("email", "user_id"),
    ),
    Operation(
        name="delete_user",
        about="Delete users, by user_id if the record has one, else by e-mail.",
        fields=(_BY_USER_ID, _BY_EMAIL),
        effect=Effect.REMOVES,
        converse=delete("/users", ("user_id", "email")),
        fact=f"DELETE /users: {_BLUEPRINT}; whether it is permanent is disputed by the vendor's help pages",
        one_of=("user_id", "email"),
        irreversible=True,
        keep=("email", "user_id"),
    ),
    Operation(
        name="delete_lead",
        about="Delete leads by e-mail.",
        fields=(Field("email", Kind.EMAIL, "The address that names the lead.", _BLUEPRINT, required=True),),
        effect=Effect.REMOVES,
        converse=delete("/leads", ("email",)),
        fact=f"DELETE /leads: {_BLUEPRINT}",
        irreversible=True,
        keep=("email",),
    ),
    Operation(
        name="unsubscribe_user",
        about="Unsubscribe users from e-mail campaigns, and read back that they are.",
        fields=(_BY_USER_ID, _BY_EMAIL),
        effect=Effect.UNSUBSCRIBES,
        converse=unsubscribe,
        exchanges=lambda fields, terms: 2 if terms.settings.enough(fields) else 3,
        fact="two documented endpoints disagree (unsure): see the setting unsubscribe_path",
        one_of=("user_id", "email"),
        keep=("email", "user_id"),
    ),
)


def _headers(auth: Mapping[str, str], settings: CustomerlySettings) -> dict[str, str]:
    if settings.auth_header == "legacy":
        return {"Authentication": f"AccessToken: {auth['token']}"}
    return {"Authorization": f"Bearer {auth['token']}"}


def _probe_problem(response: Response) -> str | None:
    reading = read(response)
    if reading is not None and reading.meaning is Meaning.STOP:
        return reading.why
    if is_success(response):
        return None
    return error_message(response) or f"the tag list answered HTTP {response.status}"


CUSTOMERLY = System(
    name="customerly",
    base_url="https://api.customerly.io/v1",
    hosts=r"api\.customerly\.io",
    credentials=(Credential("token", "CUSTOMERLY_TOKEN"),),
    settings=CustomerlySettings,
    headers=_headers,
    read=read,
    probes=lambda _place: (Probe("the credentials are accepted", Request("GET", "/tags"), _probe_problem),),
    operations={operation.name: operation for operation in _OPERATIONS},
)
