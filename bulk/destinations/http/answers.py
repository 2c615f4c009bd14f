"""What an answer says of the records that were sent, as far as the job file tells how to read it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bulk.conversation import Batch, Response, Settle, Settled, Split, Status, Verdict
from bulk.destinations.http.options import ErrorsAt, HttpOptions
from bulk.destinations.http.templates import text_of
from bulk.destinations.verdicts import LONGEST_MESSAGE, accepted, is_2xx, refused

_NOWHERE = object()
_GONE = frozenset({404, 410})
_REFUSALS = range(400, 500)
_WORDLESS = "listed as refused, without a reason"


@dataclass(frozen=True, slots=True)
class Named:
    """The records an answer names as refused: messages by position, and those that name nobody."""

    messages: Mapping[int, str]
    nameless: tuple[str, ...] = ()


def outcomes(batch: Batch, options: HttpOptions, response: Response) -> Settle | Split:
    """Settle what an answer speaks about, or split what it refuses as a whole."""
    success = response.status in options.success if options.success else is_2xx(response)
    if success and options.errors is not None and response.body.strip() and response.json is None:
        return batch.settle(_doubtful(response, options, "the answer is not JSON"))
    named = named_in(response, options.errors, len(batch))
    if success:
        return _after_success(batch, options, response, named)
    if _is_gone(batch, options, response):
        return batch.settle(accepted(response, "gone"))
    return _after_refusal(batch, response, named)


def _after_success(batch: Batch, options: HttpOptions, response: Response, named: Named) -> Settle | Split:
    if len(batch) == 1 and named.nameless and not named.messages:
        return batch.settle(refused(response, named.nameless[0]))
    if not named.nameless:
        return Settle(_settled(named.messages, response, accepted(response), len(batch)))
    if options.divisible and not named.messages:
        return Split(refused(response, named.nameless[0]))
    rest = _doubtful(response, options, f"refused, or not: {named.nameless[0]}")
    return Settle(_settled(named.messages, response, rest, len(batch)))


def _after_refusal(batch: Batch, response: Response, named: Named) -> Settle | Split:
    if len(named.messages) == len(batch):
        whole = refused(response, explanation(response))
        return Settle(_settled(named.messages, response, whole, len(batch)))
    said = next(iter((*named.nameless, *named.messages.values())), "") or explanation(response)
    verdict = refused(response, said)
    return Split(verdict) if len(batch) > 1 and response.status in _REFUSALS else batch.settle(verdict)


def _is_gone(batch: Batch, options: HttpOptions, response: Response) -> bool:
    """Tell whether what was to be deleted is missing because an earlier try of ours deleted it."""
    ours = response.repeated or batch.attempted
    return ours and len(batch) == 1 and options.method == "DELETE" and response.status in _GONE


def _doubtful(response: Response, options: HttpOptions, message: str) -> Verdict:
    """Return the verdict on records of which the answer does not say whether they were taken."""
    status = Status.FAILED if options.divisible else Status.UNKNOWN
    return Verdict(
        status, "unclear_answer", response.status, "", message[:LONGEST_MESSAGE], response.request_id
    )


def _settled(messages: Mapping[int, str], response: Response, rest: Verdict, size: int) -> list[Settled]:
    """Return runs of alike verdicts: the others between those that are named."""
    runs: list[Settled] = []
    start = 0
    for position in sorted({*messages, size}):
        if position > start:
            runs.append(Settled(start, position, rest))
        if position < size:
            runs.append(Settled(position, position + 1, refused(response, messages[position])))
        start = position + 1
    return runs


def named_in(response: Response, at: ErrorsAt | None, size: int) -> Named:
    """Return what an answer says where the job tells to look."""
    messages: dict[int, str] = {}
    nameless: list[str] = []
    for element in _elements(response, at):
        position = _position(element, at, size)
        message = _message(element, at)
        if position is None:
            nameless.append(message)
        else:
            messages[position] = message
    return Named(messages, tuple(nameless))


def _elements(response: Response, at: ErrorsAt | None) -> Iterator[Any]:
    found = _NOWHERE if at is None else lead(response.json, at.path)
    if isinstance(found, list):
        yield from found
    elif found is not _NOWHERE and found:
        yield found


def _position(element: Any, at: ErrorsAt | None, size: int) -> int | None:
    index = lead(element, at.index) if at is not None and isinstance(element, dict) else None
    if isinstance(index, str) and index.isascii() and index.isdecimal():
        index = int(index[:9])
    return index if type(index) is int and 0 <= index < size else None


def _message(element: Any, at: ErrorsAt | None) -> str:
    found = lead(element, at.message) if at is not None and isinstance(element, dict) else element
    text = None if found is _NOWHERE else text_of(found)
    return (text or _WORDLESS)[:LONGEST_MESSAGE]


def lead(value: Any, path: str) -> Any:
    """Follow a dotted path into JSON; ``_NOWHERE`` if it ends early."""
    for name in path.split(".") if path else ():
        if not isinstance(value, dict) or name not in value:
            return _NOWHERE
        value = value[name]
    return value


def explanation(response: Response) -> str:
    """Return a refusal's own words, where they stand in one of the usual places."""
    found = response.json
    for _ in range(2):
        if not isinstance(found, dict):
            break
        found = next((found[name] for name in ("message", "error", "detail", "title") if found.get(name)), "")
    return found if isinstance(found, str) else ""
