"""Send messages, each at most once."""

from collections.abc import Mapping
from typing import Any

import orjson

from bulk.conversation import RECORD, Batch, Conversation, Request, Status, Verdict
from bulk.destinations.customerly.asking import tell
from bulk.destinations.customerly.fields import BLUEPRINT, CODE
from bulk.destinations.fields import Field, Kind
from bulk.destinations.operation import Effect, Operation, Terms

_ID = Field("id", Kind.IDENTIFIER, "A teammate's account_id, or your own id of a user.", CODE)
_ADDRESS = Field("email", Kind.EMAIL, "The address that names them.", CODE)


def _party(name: str, about: str, choices: tuple[str, ...]) -> Field:
    kind = Field("type", Kind.TEXT, "What they are.", CODE, required=True, choices=choices)
    return Field(name, Kind.OBJECT, about, CODE, required=True, members=(kind, _ID, _ADDRESS))


def send(batch: Batch, _terms: Terms) -> Conversation:
    """Send one message; without an answer nobody knows whether it was sent, and it is not sent again."""
    record = str(batch.value(RECORD))
    nameless = [name for name in ("from", "to") if not _is_named(orjson.loads(record).get(name))]
    if nameless:
        message = f'"{nameless[0]}" has neither id nor email'
        yield batch.settle(Verdict(Status.REJECTED, "missing_field", error_message=message))
        return
    request = Request("POST", "/messages", record.encode(), repeatable=False)
    yield from tell(batch, request, "message_id")


def _is_named(party: Any) -> bool:
    return isinstance(party, Mapping) and bool(party.get("id") or party.get("email"))


OPERATIONS = (
    Operation(
        name="send_message",
        about="Send a message to users or leads; one that is not answered is unknown, and never sent again.",
        fields=(
            _party("from", "Who it is from: type admin or user, and id or email.", ("admin", "user")),
            _party("to", "Who gets it: type user or lead, and id or email.", ("user", "lead")),
            Field("content", Kind.TEXT, "What it says.", CODE, required=True),
            Field("attachments", Kind.LIST, "What is attached to it.", BLUEPRINT),
        ),
        effect=Effect.WRITES,
        converse=send,
        fact=f"POST /messages: {CODE}; the form of attachments is not documented",
        adds=True,
        repeatable=False,
        warning="A message cannot be taken back.",
    ),
)
