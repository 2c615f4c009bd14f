"""Batches of the Track API: one request, and what its answer says about each record."""

from collections.abc import Callable, Collection, Mapping, Sequence

from bulk.conversation import (
    RECORD,
    Batch,
    Conversation,
    Lost,
    Reply,
    Request,
    Response,
    Settle,
    Settled,
    Split,
    Status,
    Verdict,
    lost_verdict,
)
from bulk.destinations.customerio.answers import Fault, faults, refusal
from bulk.destinations.operation import Batching, Terms
from bulk.destinations.verdicts import accepted, is_2xx

_HEAD, _TAIL = '{"batch":[', "]}"
BATCHING = Batching(
    default=100,
    maximum=1000,
    max_bytes=500_000 - len(_HEAD) - len(_TAIL),
    item_bytes=32_000,
)
"""Sizes are the vendor's, kB read as 1000 bytes; how many records a batch may hold is not documented."""
_MULTI_STATUS = 207
_UNNAMED = "of this batch something was refused, and the answer does not say which record"


def request_of(records: Sequence[str], *, repeatable: bool = True, irreversible: bool = False) -> Request:
    """Return the request that carries these records."""
    body = f"{_HEAD}{','.join(records)}{_TAIL}".encode()
    return Request("POST", "/api/v2/batch", body, repeatable, irreversible)


def sending(*, repeatable: bool = True, irreversible: bool = False) -> Callable[[Batch, Terms], Conversation]:
    """Return the conversation that sends a batch and settles each record by the answer."""

    def converse(batch: Batch, _terms: Terms) -> Conversation:
        request = request_of(batch.column(RECORD), repeatable=repeatable, irreversible=irreversible)
        reply: Reply = yield request
        said = verdicts(request, reply, len(batch))
        yield said if isinstance(said, Split) else Settle(said)

    return converse


def verdicts(request: Request, reply: Reply, size: int) -> list[Settled] | Split:
    """Say what a reply makes of each of ``size`` records, or that the batch has to be split.

    An error that names no record of the batch is found by splitting, where the request is repeatable:
    alone, every record gets an answer of its own. Elsewhere the records left open are unknown.
    """
    if isinstance(reply, Lost):
        return [Settled(0, size, lost_verdict(request, reply))]
    named, nameless = _sorted(reply, size)
    refusals = {position: refusal(reply, told) for position, told in named.items()}
    if len(refusals) == size or (is_2xx(reply) and not nameless):
        return runs(refusals, size, accepted(reply))
    if size == 1:
        return runs({}, size, refusal(reply))
    whole = not is_2xx(reply) and not refusals
    if request.repeatable or whole:
        return Split(refusal(reply))
    return runs(refusals, size, _open(reply))


def _sorted(response: Response, size: int) -> tuple[dict[int, list[Fault]], list[Fault]]:
    """Return the errors by position of the record they name, and those that name none."""
    named: dict[int, list[Fault]] = {}
    nameless: list[Fault] = []
    for fault in faults(response):
        if fault.index is not None and 0 <= fault.index < size:
            named.setdefault(fault.index, []).append(fault)
        else:
            nameless.append(fault)
    if response.status == _MULTI_STATUS and not _tells(response):
        nameless.append(Fault(None, "", "HTTP 207 without a list of errors"))
    return named, nameless


def _tells(response: Response) -> bool:
    """Tell whether an answer has a list of errors, be it empty."""
    return isinstance(response.json, dict) and isinstance(response.json.get("errors"), list)


def _open(response: Response) -> Verdict:
    return Verdict(Status.UNKNOWN, "unnamed_refusal", response.status, "", _UNNAMED, response.request_id)


def runs(apart: Mapping[int, Verdict], size: int, rest: Verdict) -> list[Settled]:
    """Return ``size`` records settled as ``rest``, but those that stand apart."""
    found: list[Settled] = []
    start = 0
    for position in sorted({*apart, size}):
        if position > start:
            found.append(Settled(start, position, rest))
        if position in apart:
            found.append(Settled(position, position + 1, apart[position]))
        start = position + 1
    return found


def alone(positions: Collection[int], verdict: Verdict) -> list[Settled]:
    """Return single records settled alike."""
    return [Settled(position, position + 1, verdict) for position in positions]
