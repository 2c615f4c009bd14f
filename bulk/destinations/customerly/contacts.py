"""What can be done with users and leads themselves."""

from bulk.destinations.customerly.fields import (
    ATTRIBUTES,
    BLUEPRINT,
    BY_EMAIL,
    BY_USER_ID,
    CODE,
    EMAIL,
    NAME,
    TAGS,
    USER_ID,
)
from bulk.destinations.customerly.remove import delete
from bulk.destinations.customerly.unsubscribe import unsubscribe
from bulk.destinations.customerly.upsert import confirm, upsert
from bulk.destinations.fields import Field, Kind
from bulk.destinations.operation import Batching, Effect, Operation

_BATCHING = Batching(default=50, maximum=1000)

OPERATIONS = (
    Operation(
        name="upsert_user",
        about="Create users, or update those whose e-mail is known.",
        fields=(EMAIL, USER_ID, NAME, ATTRIBUTES, TAGS),
        whom="user",
        effect=Effect.WRITES,
        converse=upsert("/users", "users"),
        confirm=confirm("/users"),
        fact=f"POST /users: {CODE}; the largest batch is not documented, 50 is in use",
        batching=_BATCHING,
        keep=("email", "user_id"),
    ),
    Operation(
        name="upsert_lead",
        about="Create leads, or update those whose e-mail is known.",
        fields=(EMAIL, USER_ID, NAME, ATTRIBUTES, TAGS),
        whom="lead",
        effect=Effect.WRITES,
        converse=upsert("/leads", "leads"),
        confirm=confirm("/leads"),
        fact=f"POST /leads: {CODE}; user_id and tags are passed on, their effect on leads is not documented",
        batching=_BATCHING,
        keep=("email", "user_id"),
    ),
    Operation(
        name="delete_user",
        about="Delete users, by user_id if the record has one, else by e-mail.",
        fields=(BY_USER_ID, BY_EMAIL),
        whom="user",
        effect=Effect.REMOVES,
        converse=delete("/users", ("user_id", "email")),
        fact=f"DELETE /users: {BLUEPRINT}; whether it is permanent is disputed by the vendor's help pages",
        one_of=("user_id", "email"),
        irreversible=True,
        keep=("email", "user_id"),
    ),
    Operation(
        name="delete_lead",
        about="Delete leads by e-mail.",
        fields=(Field("email", Kind.EMAIL, "The address that names the lead.", BLUEPRINT, required=True),),
        whom="lead",
        effect=Effect.REMOVES,
        converse=delete("/leads", ("email",)),
        fact=f"DELETE /leads: {BLUEPRINT}",
        irreversible=True,
        keep=("email",),
    ),
    Operation(
        name="unsubscribe_user",
        about="Unsubscribe users from e-mail campaigns, and read back that they are; leads are found out.",
        fields=(BY_USER_ID, BY_EMAIL),
        whom="user",
        effect=Effect.UNSUBSCRIBES,
        converse=unsubscribe,
        exchanges=lambda fields, terms: 2 if terms.settings.enough(fields) else 3,
        fact="two documented endpoints disagree (unsure): see the setting unsubscribe_path",
        one_of=("user_id", "email"),
        keep=("email", "user_id"),
    ),
)
