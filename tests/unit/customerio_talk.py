"""Records as Customer.io's operations send them, and conversations about them."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import polars as pl
from conversing import Talk, answer, drive

from bulk.conversation import KEY, RECORD, ROW, Batch, Conversation, Records, Reply, Response, Wait
from bulk.destinations.customerio import CUSTOMERIO
from bulk.destinations.customerio.settings import CustomerioSettings
from bulk.destinations.operation import Terms

SETTINGS = CustomerioSettings()
OPERATIONS = CUSTOMERIO.operations
OK = Response(200, {}, b"{}\n")
SEED = "step 0 of pass 1"


def terms(operation: str, settings: CustomerioSettings = SETTINGS, **options: Any) -> Terms:
    kind = OPERATIONS[operation].options
    return Terms(settings, None if kind is None else kind(**options), SEED)


def texts(*records: Mapping[str, Any]) -> pl.DataFrame:
    """Return ROW and the fields as JSON text, null where a record leaves one out."""
    names = sorted({name for record in records for name in record})
    columns = {name: [_text(record, name) for record in records] for name in names}
    rows = pl.Series(range(1, len(records) + 1), dtype=pl.UInt32)
    return pl.DataFrame({ROW: rows} | columns, schema={ROW: pl.UInt32} | dict.fromkeys(names, pl.String))


def _text(record: Mapping[str, Any], name: str) -> str | None:
    return orjson.dumps(record[name]).decode() if name in record else None


def written(operation: str, *records: Mapping[str, Any], **options: Any) -> list[str]:
    """Return the records as the operation sends them."""
    item = OPERATIONS[operation].item
    assert item is not None
    frame = texts(*records)
    return frame.select(ROW, item(terms(operation, **options)).alias(RECORD))[RECORD].to_list()


def sent(operation: str, *records: Mapping[str, Any], **options: Any) -> list[Any]:
    return [orjson.loads(text) for text in written(operation, *records, **options)]


def batch(operation: str, *records: Mapping[str, Any], **options: Any) -> Batch:
    frame = texts(*records).select(ROW, pl.lit("key").alias(KEY))
    kept = [
        pl.Series(name, [record.get(name) for record in records], dtype=pl.String)
        for name in OPERATIONS[operation].keep
    ]
    record = pl.Series(RECORD, written(operation, *records, **options), dtype=pl.String)
    return Batch(Records(frame.with_columns(record, *kept)), 0, len(records))


class Spoken(Talk):
    """A talk, and how long it waited."""

    waited: list[float]


def speak(
    operation: str,
    records: Sequence[Mapping[str, Any]],
    *replies: Reply,
    settings: CustomerioSettings = SETTINGS,
    **options: Any,
) -> Spoken:
    """Hold the operation's conversation about these records."""
    about = batch(operation, *records, **options)
    return hear(OPERATIONS[operation].converse(about, terms(operation, settings, **options)), *replies)


def hear(conversation: Conversation, *replies: Reply) -> Spoken:
    waited: list[float] = []

    def noting() -> Conversation:
        reply: Any = None
        while True:
            try:
                act = conversation.send(reply)
            except StopIteration:
                return
            if isinstance(act, Wait):
                waited.append(act.seconds)
            reply = yield act

    talk = drive(noting(), replies)
    spoken = Spoken(talk.requests, talk.verdicts, talk.times, talk.split)
    spoken.waited = waited
    return spoken


def errors(*listed: object, status: int = 207) -> Response:
    return answer({"errors": list(listed)}, status)


def error(index: object, **more: Any) -> dict[str, Any]:
    known = {"reason": "invalid", "field": "attributes.plan", "message": "value is too long"}
    return {"batch_index": index} | known | more


def people(count: int) -> list[dict[str, Any]]:
    return [{"email": f"p{number}@example.com"} for number in range(count)]
