"""One request about one record: what its answer settles, and what is left to the operation."""

from collections.abc import Callable, Generator, Mapping
from typing import Any

from bulk.conversation import Act, Batch, Conversation, Lost, Reply, Request, Response, lost_verdict
from bulk.destinations.customerly.answers import is_success, look_up, refusal, says_missing
from bulk.destinations.verdicts import accepted, not_found

Asked = Generator[Act, Any, Response | None]
Missing = Callable[[Batch, Response], Conversation]


def settle_missing(batch: Batch, reply: Response) -> Conversation:
    """Settle a record that the account does not know."""
    yield batch.settle(not_found(reply))


def ask(batch: Batch, request: Request, missing: Missing = settle_missing, named: str = "") -> Asked:
    """Send one request; return its answer, or None after settling the record because there is no good one.

    Args:
        batch: The record.
        request: What is sent.
        missing: Settles the record if the answer says that what was asked for does not exist.
        named: What the record names, such as an article: only if that is missing it counts as missing.
            Empty where the answer can speak of nothing else.
    """
    reply: Reply = yield request
    if isinstance(reply, Lost):
        yield batch.settle(lost_verdict(request, reply))
    elif says_missing(reply, named):
        yield from missing(batch, reply)
    elif not is_success(reply):
        yield batch.settle(refusal(reply))
    else:
        return reply
    return None


def tell(batch: Batch, request: Request, identity: str = "", named: str = "") -> Conversation:
    """Send one request and settle the record; ``identity`` is the member that names what was made."""
    reply = yield from ask(batch, request, named=named)
    if reply is not None:
        yield batch.settle(accepted(reply, object_id=shown_id(reply, identity)))


def shown_id(response: Response, identity: str) -> str:
    """Return what Customerly calls what it has made, empty if the answer does not say."""
    body = response.json
    data = body.get("data") if isinstance(body, dict) else None
    if not identity or not isinstance(data, dict):
        return ""
    found = (data.get(name) for name in (identity, "id"))
    return next((str(value)[:200] for value in found if type(value) in {str, int}), "")


def identifiers(batch: Batch, position: int = 0) -> dict[str, str]:
    """Return the identifiers one record has."""
    found = {name: batch.value(name, position) for name in ("user_id", "email")}
    return {name: str(value) for name, value in found.items() if value}


def find(person: Mapping[str, str]) -> Request:
    """Return the request that reads a user by exactly one identifier, the id if there is one."""
    name = "user_id" if "user_id" in person else "email"
    return look_up("/users", name, person[name])
