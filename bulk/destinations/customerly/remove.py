"""Delete users, leads and other things, one request each."""

from collections.abc import Callable

from bulk.conversation import Batch, Conversation, Request, Response, Settled, Verdict, one_request
from bulk.destinations.address import encoded
from bulk.destinations.customerly.answers import is_success, refusal, says_missing
from bulk.destinations.operation import Terms
from bulk.destinations.verdicts import accepted, not_found

NOT_THERE = frozenset({404, 410})


def delete(path: str, identifiers: tuple[str, ...]) -> Callable[[Batch, Terms], Conversation]:
    """Return the conversation that deletes by the first of ``identifiers`` the record has, only by that."""

    def request(batch: Batch) -> Request:
        name = next(name for name in identifiers if batch.value(name))
        return deletion(path, name, str(batch.value(name)))

    return remove(request)


def deletion(path: str, name: str, value: str) -> Request:
    """Return the request that deletes one contact by exactly one identifier."""
    if not value:
        raise ValueError("an empty identifier may mean everybody")
    return Request("DELETE", f"{path}?{name}={encoded(value)}", irreversible=True)


def remove(request: Callable[[Batch], Request]) -> Callable[[Batch, Terms], Conversation]:
    """Return the conversation that removes one thing with one request."""

    def outcomes(batch: Batch, response: Response) -> list[Settled]:
        return [Settled(0, 1, _verdict(batch, response))]

    converse = one_request(request, outcomes)
    return lambda batch, _terms: converse(batch)


def _verdict(batch: Batch, response: Response) -> Verdict:
    ours = response.repeated or batch.attempted
    if ours and response.status in NOT_THERE:
        return accepted(response, reason="gone")  # whatever it says: it was there, and an earlier try took it
    if says_missing(response):
        return accepted(response, reason="gone") if ours else not_found(response)
    return accepted(response) if is_success(response) else refusal(response)
