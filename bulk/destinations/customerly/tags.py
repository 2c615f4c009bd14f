"""What can be done with tags."""

from dataclasses import replace

from bulk.conversation import RECORD, Request
from bulk.destinations.customerly.fields import BLUEPRINT, BY_EMAIL, BY_USER_ID
from bulk.destinations.customerly.remove import remove
from bulk.destinations.customerly.tagging import BATCHING, TagOptions, exchanges_each, item, tag, tailor
from bulk.destinations.fields import Field, Kind
from bulk.destinations.operation import Effect, Operation

_TAG = Field("tag", Kind.TEXT, "The tag.", BLUEPRINT, required=True)
_CONTACT = Field(
    "contact",
    Kind.TEXT,
    "What the contact is, where that differs from the step's option of the same name.",
    BLUEPRINT,
    choices=("user", "lead"),
)
_SILENT = "Customerly passes over unknown contacts in silence: only read_back tells who was not there."

_TAGGING = Operation(
    name="tag",
    about="Tag users or leads; a record without user_id and email creates the tag alone.",
    fields=(_TAG, BY_USER_ID, BY_EMAIL, _CONTACT),
    effect=Effect.WRITES,
    converse=tag(untag=False),
    fact=f"POST /tags: {BLUEPRINT}; the largest batch is not documented",
    batching=BATCHING,
    adds=True,
    warning=_SILENT,
    keep=("tag", "contact", "user_id", "email"),
    item=item,
    exchanges_each=exchanges_each,
    options=TagOptions,
    tailor=tailor,
)

OPERATIONS = (
    _TAGGING,
    replace(
        _TAGGING,
        name="untag",
        about="Take a tag off users or leads.",
        converse=tag(untag=True),
        one_of=("user_id", "email"),
    ),
    Operation(
        name="delete_tag",
        about="Delete tags, each from every contact that has it.",
        fields=(_TAG,),
        effect=Effect.REMOVES,
        converse=remove(
            lambda batch: Request("DELETE", "/tags", str(batch.value(RECORD)).encode(), irreversible=True)
        ),
        fact=f"DELETE /tags with a JSON body: {BLUEPRINT}",
        irreversible=True,
        warning="A deleted tag leaves every contact; who had it cannot be told afterwards.",
    ),
)
