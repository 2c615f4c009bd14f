"""Drives conversations by hand: a batch from plain records, and scripted replies."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import polars as pl

from bulk.conversation import (
    KEY,
    RECORD,
    ROW,
    Batch,
    Conversation,
    Lost,
    Records,
    Reply,
    Request,
    Response,
    Settle,
    Split,
    Verdict,
)

LOST = Lost("timeout", "no answer in time")


def answer(body: object, status: int = 200, **more: Any) -> Response:
    return Response(status, {"x-request-id": "req-1"}, orjson.dumps(body), **more)


def refused(message: str, status: int = 400) -> Response:
    return answer({"error": {"message": message, "code": 0}}, status)


ABSENT = refused("User doesn't exist", 404)


def batch_of(*records: Mapping[str, Any], first_row: int = 1) -> Batch:
    rows = range(first_row, first_row + len(records))
    frame = pl.DataFrame(
        {
            ROW: pl.Series(list(rows), dtype=pl.UInt32),
            KEY: pl.Series([record.get("email") for record in records], dtype=pl.String),
            RECORD: pl.Series([orjson.dumps(record).decode() for record in records], dtype=pl.String),
            "email": pl.Series([record.get("email") for record in records], dtype=pl.String),
            "user_id": pl.Series([record.get("user_id") for record in records], dtype=pl.String),
        }
    )
    return Batch(Records(frame), 0, len(records))


@dataclass
class Talk:
    """What a conversation asked for and settled; ``verdicts`` by position, ``times`` how often each."""

    requests: list[Request] = field(default_factory=list)
    verdicts: dict[int, Verdict] = field(default_factory=dict)
    times: dict[int, int] = field(default_factory=dict)
    split: Split | None = None

    @property
    def settled(self) -> list[tuple[str, str]]:
        return [(str(verdict.status), verdict.reason) for _, verdict in sorted(self.verdicts.items())]

    @property
    def paths(self) -> list[str]:
        return [f"{request.method} {request.path}" for request in self.requests]


def drive(conversation: Conversation, replies: Iterable[Reply]) -> Talk:
    """Let a conversation run to its end; the last reply answers all further requests too."""
    script: Sequence[Reply] = list(replies)
    talk = Talk()
    reply: Reply | None = None
    while True:
        try:
            act = conversation.send(reply)
        except StopIteration:
            return talk
        reply = None
        if isinstance(act, Request):
            reply = script[min(len(talk.requests), len(script) - 1)]
            talk.requests.append(act)
        elif isinstance(act, Settle):
            _note(talk, act)
        elif isinstance(act, Split):
            talk.split = act
            return talk


def _note(talk: Talk, act: Settle) -> None:
    for run in act.verdicts:
        for position in range(run.start, run.stop):
            talk.verdicts[position] = run.verdict
            talk.times[position] = talk.times.get(position, 0) + 1
