"""What is said between a batch of records and a destination, with no I/O in it.

A conversation is a generator. It yields what it wants done and is sent what came of it:

    yield Request(...)        -> Response, or Lost when no usable answer is to be had
    yield Wait(seconds)       -> None; holds neither a slot nor the rate
    yield Settle(verdicts)    -> None; committed to the ledger at once
    yield Remember(data)      -> None; durable before the conversation continues, handed back on resume
    yield Found(names)        -> positions of whom to leave alone, settled already; durable likewise
    yield Split()             -> never resumed; each half becomes a conversation of its own

It ends when every record of its batch is settled. The runner does the pacing, the sending and the
retrying; so the same conversations run against a server, a simulation or a list in a test.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import polars as pl

ROW = "__row__"
"""Column of row numbers (UInt32, from 1) in every frame of records."""
KEY = "__key__"
"""Column of normalised keys (String)."""
RECORD = "__record__"
"""Column of records encoded as JSON (String)."""
MATCH = "__match__"
"""Column that says whether a row's contact was found (UInt8): 0, or the number of what is wrong."""
WITHHELD, WHY = "__withheld__", "__why__"
"""Columns (String) of records that may no longer be sent, as their contacts are now: a reason, a sentence."""
IDENTITY, CONTENT = "identity", "content"
"""Columns of 64-bit hashes (UInt64): of what a record is about, and of what it says."""
NAMELESS, GONE = 0, 1
"""In the place of CONTENT: the record has no key, so it names nobody; the person is to be removed."""
IDENTIFIER = "__identifier__"
"""Begins the names of the columns that hold what names the people of a record: one for each field, and one
of this name alone for the key."""


class Status(StrEnum):
    """What became of one record in one step."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REJECTED = "rejected"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"
    PENDING = "pending"


class Verification(StrEnum):
    """Whether an erasure was seen to have taken effect."""

    NONE = ""
    ABSENT = "absent"
    STILL_PRESENT = "still_present"
    PENDING = "pending"
    """Accepted, and not read back yet."""
    NOT_VERIFIABLE = "not_verifiable"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A settled status and why; shared by all records that settled alike.

    ``ours`` says that the message is in our own words and names nobody; a destination's may name somebody.
    """

    status: Status
    reason: str = ""
    http_status: int | None = None
    error_code: str = ""
    error_message: str = ""
    request_id: str = ""
    object_id: str = ""
    verification: str = Verification.NONE
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Settled:
    """Records ``start`` (included) to ``stop`` (excluded) of a batch, counted from 0, that settled alike."""

    start: int
    stop: int
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request.

    Attributes:
        method: HTTP method.
        path: Percent-encoded path and query, appended to the destination's base URL; begins with ``/``.
        body: The bytes to send, or None.
        repeatable: Whether sending it a second time is harmless.
        irreversible: Whether what it does can never be undone.
        headers: More headers, beside the destination's own.
        surface: Which of the system's further surfaces it goes to; empty for its main one.
    """

    method: str
    path: str
    body: bytes | None = None
    repeatable: bool = True
    irreversible: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    surface: str = ""


@dataclass(frozen=True)
class Response:
    """One whole HTTP answer; header names are in lower case.

    ``repeated`` says that an earlier try of the same request may have done the work already.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    repeated: bool = False

    @cached_property
    def json(self) -> Any:
        """The body as JSON, or None if it is not JSON (or nested beyond orjson's 1,024 levels)."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None

    @property
    def request_id(self) -> str:
        """What the server called this exchange, if it said so."""
        return self.headers.get("x-request-id", "")[:200]


NOT_CONFIGURED = "not_configured"
"""Why nothing was sent to a surface whose credential is not set."""
LOST_REASONS = ("connection", "timeout", "broken_answer", "server_error", NOT_CONFIGURED)
"""Why there may be no usable answer."""


@dataclass(frozen=True, slots=True)
class Lost:
    """No usable answer, and no more tries.

    Attributes:
        reason: One of ``LOST_REASONS``.
        message: A sentence for people, without personal data.
        http_status: The last status seen, if there was one.
        processed: Whether the server may have done the work. False only if that is excluded.
    """

    reason: str
    message: str
    http_status: int | None = None
    processed: bool = True


Reply = Response | Lost


class Meaning(StrEnum):
    """What an answer means for the run."""

    ANSWER = "answer"
    """The conversation reads it."""
    RETRY = "retry"
    """The server is ill; the request may have been processed."""
    THROTTLED = "throttled"
    """The server asks for patience; the request was not processed."""
    STOP = "stop"
    """No request to this destination can succeed: bad credentials, wrong region."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Let ``seconds`` pass before going on."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Settle:
    """Record these outcomes."""

    verdicts: Sequence[Settled]


@dataclass(frozen=True, slots=True)
class Remember:
    """Keep ``data`` (JSON values) with the batch, durable before the conversation continues."""

    data: Mapping[str, Any]


Name = tuple[str, str]
"""An identifier: its kind in the system's words, and its value."""


@dataclass(frozen=True, slots=True)
class Found:
    """Keep who was found, durable before the conversation continues.

    It is sent the positions of those who must be left alone, because what was found of them stands in a list
    of holds; they are settled already.

    Attributes:
        names: By position in the batch, the identifiers that the destination shows of these people. They are
            handed back on resume, and when the people are read back.
    """

    names: Mapping[int, Sequence[Name]]


@dataclass(frozen=True, slots=True)
class Split:
    """Give up on this batch as a whole, because of ``refusal``, and try its halves instead."""

    refusal: Verdict


Act = Request | Wait | Settle | Remember | Found | Split
Conversation = Generator[Act, Any, None]


class Records:
    """Mapped and encoded records in source order: ROW, KEY, RECORD and the fields an operation keeps.

    Columns are turned into Python lists at most once, however many batches are cut from them.
    """

    def __init__(self, frame: pl.DataFrame) -> None:
        self.frame = frame
        self._lists: dict[str, list[Any]] = {}

    def __len__(self) -> int:
        return self.frame.height

    @cached_property
    def rows(self) -> npt.NDArray[np.uint32]:
        """Row numbers."""
        return self.frame[ROW].to_numpy()

    @cached_property
    def joined(self) -> tuple[bytes, list[int]]:
        """Return all records as JSON, a comma between them, and where each begins or would begin."""
        texts = self.frame[RECORD]
        lengths = texts.str.len_bytes().to_numpy().astype(np.int64) + 1
        return texts.str.join(",").item().encode(), [0, *np.cumsum(lengths).tolist()]

    def column(self, name: str) -> list[Any]:
        """Return one column as a list; all None if the step does not map it."""
        if name not in self._lists:
            known = name in self.frame.columns
            self._lists[name] = self.frame[name].to_list() if known else [None] * len(self)
        return self._lists[name]


@dataclass(frozen=True, slots=True)
class Batch:
    """A request's worth of records: ``records[start:stop]``.

    ``memory`` holds what an earlier conversation over the same rows asked to remember, ``found`` by row who
    one found, and ``attempted`` whether an earlier run may have sent them already.
    """

    records: Records
    start: int
    stop: int
    memory: Mapping[str, Any] = field(default_factory=dict)
    found: Mapping[int, Sequence[Name]] = field(default_factory=dict)
    attempted: bool = False

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def rows(self) -> npt.NDArray[np.uint32]:
        """Row numbers, ascending."""
        return self.records.rows[self.start : self.stop]

    def column(self, name: str) -> list[Any]:
        """Return the values of one field, one per record."""
        return self.records.column(name)[self.start : self.stop]

    def value(self, name: str, index: int = 0) -> Any:
        """Return one field of one record."""
        return self.records.column(name)[self.start + index]

    def found_at(self, index: int) -> Sequence[Name]:
        """Return the identifiers that an earlier conversation found of one record's person."""
        return self.found.get(int(self.rows[index]), ())

    def joined(self, before: bytes = b"", after: bytes = b"") -> bytes:
        """Return the records as JSON, separated by commas, between what stands before and after them."""
        text, edges = self.records.joined
        return b"".join((before, memoryview(text)[edges[self.start] : edges[self.stop] - 1], after))

    def part(self, start: int, stop: int) -> "Batch":
        """Return the records ``start`` to ``stop`` of this batch as a batch."""
        return replace(self, start=self.start + start, stop=self.start + stop)

    def settle(self, verdict: Verdict) -> Settle:
        """Settle every record alike."""
        return Settle((Settled(0, len(self), verdict),))


def halves(batch: Batch) -> tuple[Batch, Batch]:
    """Cut a batch in two: the fixed binary tree that splitting follows."""
    middle = (len(batch) + 1) // 2
    return batch.part(0, middle), batch.part(middle, len(batch))


def lost_verdict(request: Request, lost: Lost) -> Verdict:
    """Say what a lost answer makes of the records that were sent."""
    doubtful = lost.processed and not request.repeatable
    return Verdict(
        Status.UNKNOWN if doubtful else Status.FAILED,
        reason=lost.reason,
        http_status=lost.http_status,
        error_message=lost.message,
        ours=True,
    )


RequestOf = Callable[[Batch], Request]
OutcomesOf = Callable[[Batch, Response], Sequence[Settled] | Split]


def one_request(request: RequestOf, outcomes: OutcomesOf) -> Callable[[Batch], Conversation]:
    """Wrap a pair of plain functions into the conversation of a one-request operation."""

    def converse(batch: Batch) -> Conversation:
        asked = request(batch)
        reply: Reply = yield asked
        if isinstance(reply, Lost):
            yield batch.settle(lost_verdict(asked, reply))
            return
        answer = outcomes(batch, reply)
        yield answer if isinstance(answer, Split) else Settle(answer)

    return converse
