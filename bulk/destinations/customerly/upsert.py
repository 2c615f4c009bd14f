"""Create or update users and leads in batches, and find out which of them were taken."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

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
    Verdict,
    lost_verdict,
)
from bulk.destinations.customerly.answers import contact, is_success, look_up, refusal, says_absent, unread
from bulk.destinations.operation import Terms
from bulk.destinations.verdicts import LONGEST_MESSAGE, accepted, no_effect, refused


def upsert(path: str, envelope: str) -> Callable[[Batch, Terms], Conversation]:
    """Return the conversation that posts a batch to ``path`` as ``{envelope: [records]}``."""
    head = f'{{"{envelope}":['.encode()

    def converse(batch: Batch, _terms: Terms) -> Conversation:
        request = Request("POST", path, batch.joined(head, b"]}"))
        reply: Reply = yield request
        if isinstance(reply, Lost):
            yield batch.settle(lost_verdict(request, reply))
        elif not is_success(reply):
            yield Split(refusal(reply)) if len(batch) > 1 else batch.settle(refusal(reply))
        else:
            yield from _read_success(path, batch, reply)

    return converse


def _read_success(path: str, batch: Batch, response: Response) -> Conversation:
    """Settle every record that a 2xx speaks about, and read back those it leaves open."""
    said = read_counts(batch, response)
    yield Settle(_settled(said.refused, response, said.open_positions, len(batch)))
    for position in said.open_positions:
        yield from _read_back(path, batch, position, said.nameless)


@dataclass(frozen=True, slots=True)
class Said:
    """What a 2xx to a batch says.

    Attributes:
        refused: Messages by position of the records it names as refused.
        open_positions: Positions of the records it leaves open.
        nameless: Messages that name no record.
    """

    refused: Mapping[int, str]
    open_positions: Sequence[int]
    nameless: Sequence[str]


_ALL_TAKEN = Said({}, (), ())


def read_counts(batch: Batch, response: Response) -> Said:
    """Read ``inserted``, ``errors`` and ``not_added``, inside ``data`` or beside it."""
    body = response.json if isinstance(response.json, dict) else {}
    data = {**body, **body["data"]} if isinstance(body.get("data"), dict) else body
    inserted = data.get("inserted")
    listed = [*_elements(data.get("errors")), *_elements(data.get("not_added"))]
    if not listed and _at_least(inserted, len(batch)):
        return _ALL_TAKEN
    refused, nameless = _name(batch, listed)
    rest = [position for position in range(len(batch)) if position not in refused]
    if len(batch) == 1 and nameless:
        return Said({0: nameless[0]}, (), ())
    counted = _at_least(inserted, len(rest))
    told = inserted is None and "errors" in data
    return Said(refused, () if (counted or told) and not nameless else rest, nameless)


def _at_least(inserted: Any, records: int) -> bool:
    return isinstance(inserted, int) and inserted >= records


def _elements(listed: Any) -> Iterator[Any]:
    """Yield the elements of a list, or of an object the pairs of name and message."""
    if isinstance(listed, dict):
        yield from ({"email": name, "message": message} for name, message in listed.items())
    elif isinstance(listed, list):
        yield from listed
    elif listed:
        yield listed


def _name(batch: Batch, listed: Iterable[Any]) -> tuple[dict[int, str], list[str]]:
    """Find the records the elements speak about; return messages by position, and the nameless ones."""
    by_name: dict[str, int | None] = {}
    refused: dict[int, str] = {}
    nameless: list[str] = []
    for element in listed:
        by_name = by_name or _positions(batch)
        position = _position(element, by_name, len(batch))
        if position is None:
            nameless.append(_message(element))
        else:
            refused[position] = _message(element)
    return refused, nameless


def _positions(batch: Batch) -> dict[str, int | None]:
    """Return positions by name; a name that two records share names neither."""
    names: dict[str, int | None] = {}
    for column in ("user_id", "email"):
        for position, value in enumerate(batch.column(column)):
            if value is not None:
                name = str(value).strip().casefold()
                names[name] = position if names.get(name, position) == position else None
    return names


def _position(element: Any, by_name: Mapping[str, int | None], size: int) -> int | None:
    """Return the position an element names by index, e-mail or id, itself or in its contact."""
    if not isinstance(element, dict):
        return _named(element, by_name)
    contacts = [element.get(name) for name in ("user", "lead", "contact")]
    for item in (element, *contacts):
        names = (item.get("email"), item.get("user_id")) if isinstance(item, dict) else (item,)
        index = item.get("index") if isinstance(item, dict) else None
        if isinstance(index, int) and not isinstance(index, bool) and 0 <= index < size:
            return index
        found = next((at for name in names if (at := _named(name, by_name)) is not None), None)
        if found is not None:
            return found
    return None


def _named(name: Any, by_name: Mapping[str, int | None]) -> int | None:
    return by_name.get(str(name).strip().casefold()) if isinstance(name, str | int) else None


def _message(element: Any) -> str:
    if isinstance(element, dict):
        for name in ("message", "error", "reason"):
            if element.get(name):
                return str(element[name])[:LONGEST_MESSAGE]
    if isinstance(element, str) and "@" not in element:
        return element[:LONGEST_MESSAGE]
    return "listed as not added, without a reason"


def _settled(
    refused: Mapping[int, str], response: Response, open_positions: Sequence[int], size: int
) -> list[Settled]:
    """Return runs of alike verdicts: the accepted between the refused and the open."""
    good = accepted(response)
    runs: list[Settled] = []
    start = 0
    for position in sorted({*refused, *open_positions, size}):
        if position > start:
            runs.append(Settled(start, position, good))
        if position in refused:
            runs.append(Settled(position, position + 1, _not_added(response, refused[position])))
        start = position + 1
    return runs


def _not_added(response: Response, message: str) -> Verdict:
    return refused(response, message, reason="not_added")


def confirm(path: str) -> Callable[[Batch, Terms], Conversation]:
    """Return the conversation that settles one record by what the account shows of it."""
    return lambda batch, _terms: _read_back(path, batch, 0, ())


def _read_back(path: str, batch: Batch, position: int, nameless: Sequence[str]) -> Conversation:
    """Settle one record of a batch by what the account shows of it."""
    request = look_up(path, "email", str(batch.value("email", position)))
    reply: Reply = yield request
    if isinstance(reply, Lost):
        verdict = lost_verdict(request, reply)
    else:
        verdict = _as_shown(batch.value(RECORD, position), reply, nameless)
    yield Settle((Settled(position, position + 1, verdict),))


def _as_shown(record: str, response: Response, nameless: Sequence[str]) -> Verdict:
    shown = contact(response)
    if shown is None:
        message = nameless[0] if len(nameless) == 1 else "the account does not show this record"
        return _not_added(response, message) if says_absent(response) else unread(response)
    differing = differences(orjson.loads(record), shown)
    if not differing:
        return accepted(response, reason="read_back")
    message = f"the account shows another value for {', '.join(differing)}"
    return no_effect(response, message)


def differences(sent: Mapping[str, Any], shown: Mapping[str, Any]) -> list[str]:
    """Name the sent fields that a contact shows otherwise; tags are not shown in a known form."""
    names = [
        name
        for name in ("email", "user_id", "name")
        if name in sent and not _same(sent[name], shown.get(name), any_case=name == "email")
    ]
    attributes = shown.get("attributes") if isinstance(shown.get("attributes"), dict) else {}
    sent_attributes = sent.get("attributes") or {}
    return names + [
        f"attributes.{name}"
        for name, value in sent_attributes.items()
        if not _same(value, attributes.get(name) if attributes else None)
    ]


def _same(sent: Any, shown: Any, *, any_case: bool = False) -> bool:
    """Compare as Customerly shows values: numbers come back as text, e-mails perhaps in lower case."""
    if sent is None:
        return shown in (None, "")
    if isinstance(sent, bool):
        return str(shown).lower() in (("1", "true") if sent else ("0", "false", ""))
    if isinstance(sent, int | float):
        return _is_number(shown) and math.isclose(float(shown), sent, rel_tol=1e-9)
    sent, shown = str(sent).strip(), str(shown).strip()
    return bool(sent.casefold() == shown.casefold() if any_case else sent == shown)


def _is_number(shown: Any) -> bool:
    try:
        float(shown)
    except (TypeError, ValueError):
        return False
    return True
