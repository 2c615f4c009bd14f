"""Any JSON API as data: its credentials, its probe, its one operation."""

from collections.abc import Sequence
from dataclasses import replace

from bulk.conversation import (
    Batch,
    Conversation,
    Lost,
    Reply,
    Request,
    Response,
    Status,
    Verdict,
    lost_verdict,
)
from bulk.destinations.http.answers import outcomes
from bulk.destinations.http.options import HttpOptions, problems
from bulk.destinations.http.request import group_of, item_without, request_of
from bulk.destinations.http.settings import HttpSettings, headers
from bulk.destinations.http.templates import BadValueError
from bulk.destinations.operation import Batching, Effect, Operation, Terms
from bulk.destinations.system import Credential, Place, Probe, System
from bulk.destinations.verdicts import is_2xx

_LARGEST = 100_000
"""More records in one request than any server takes: what is sensible, only the job can know."""
_UNWELCOME = frozenset({401, 403})


def converse(batch: Batch, terms: Terms) -> Conversation:
    """Send a batch with one request; a record whose values cannot stand in its address is not sent."""
    options: HttpOptions = terms.options
    try:
        request = request_of(batch, options, terms.seed)
    except BadValueError as error:
        yield batch.settle(Verdict(Status.REJECTED, error.reason, error_message=str(error)))
        return
    reply: Reply = yield request
    if isinstance(reply, Lost):
        yield batch.settle(lost_verdict(request, reply))
    else:
        yield outcomes(batch, options, reply)


def tailor(operation: Operation, options: HttpOptions) -> Operation:
    """Make the operation that a step describes."""
    together = tuple(dict.fromkeys((*options.used, *options.groups)))
    batching = Batching(default=1, maximum=_LARGEST, group=group_of(together))
    return replace(
        operation,
        effect=Effect.REMOVES if options.destructive else Effect.WRITES,
        batching=None if options.envelope is None else batching,
        repeatable=options.repeatable,
        irreversible=options.destructive,
        keep=together,
        item=item_without(options.exclude) if options.exclude else None,
    )


def _probes(place: Place) -> Sequence[Probe]:
    settings: HttpSettings = place.settings
    if settings.check is None:
        return ()
    return (Probe("the credentials are accepted", Request("GET", settings.check), _problem),)


def _problem(response: Response) -> str | None:
    if is_2xx(response):
        return None
    if response.status in _UNWELCOME:
        return f"the destination does not accept the credentials (HTTP {response.status})"
    return f"the address to check answered HTTP {response.status}"


_REQUEST = Operation(
    name="request",
    about="Send records to any JSON API, as the step describes it.",
    fields=(),
    effect=Effect.WRITES,
    converse=converse,
    fact="the job file",
    adds=True,
    repeatable=False,
    options=HttpOptions,
    tailor=tailor,
    check=problems,
)

HTTP = System(
    name="http",
    base_url="",
    hosts="",
    credentials=tuple(
        Credential(option, "", required=False, secret=option != "header.name")
        for option in ("bearer", "basic.user", "basic.password", "header.name", "header.value")
    ),
    settings=HttpSettings,
    headers=headers,
    read=lambda _response: None,
    probes=_probes,
    operations={_REQUEST.name: _REQUEST},
)
