"""What may go wrong with one request, drawn from a seed."""

import random
from dataclasses import dataclass, field
from email.utils import formatdate
from enum import StrEnum
from math import ceil

from bulk.conversation import Lost, Reply, Response

Headers = dict[str, str]


class Fault(StrEnum):
    """What goes wrong."""

    NO_CONNECTION = "no connection"
    LOST_REQUEST = "lost request"
    LOST_ANSWER = "lost answer after the work was done"
    LATE_WORK = "work done after the client gave up"
    DUPLICATE = "request that arrives twice"
    DELAY = "late answer"
    THROTTLED_SECONDS = "429 with seconds"
    THROTTLED_DATE = "429 with a date"
    THROTTLED_RESET = "429 with a reset header"
    THROTTLED_BARE = "429 without a word"
    BUSY = "503 with seconds"
    ERROR_BEFORE = "5xx before the work"
    ERROR_AFTER = "5xx after the work"
    HALF_ANSWER = "half an answer"
    CUT_JSON = "JSON that ends early"
    WRONG_TYPE = "HTML instead of JSON"
    EMPTY = "an empty 200"


THROTTLES = frozenset(
    (Fault.THROTTLED_SECONDS, Fault.THROTTLED_DATE, Fault.THROTTLED_RESET, Fault.THROTTLED_BARE, Fault.BUSY)
)
BEFORE_WORK = THROTTLES | {Fault.NO_CONNECTION, Fault.LOST_REQUEST, Fault.ERROR_BEFORE}
"""Nothing was done at the destination."""
ANSWERED_AMISS = frozenset((Fault.CUT_JSON, Fault.WRONG_TYPE, Fault.EMPTY))
"""A whole answer with a status of 200 that does not say what became of the work."""
_HTML = b"<html><head><title>Welcome</title></head><body>Please log in.</body></html>"


@dataclass
class Weather:
    """How often what goes wrong in one run.

    Attributes:
        share: Of requests with which something goes wrong.
        kinds: What that may be.
        counts: What did go wrong, over all runs of a life.
    """

    share: float
    kinds: tuple[Fault, ...]
    counts: dict[Fault, int] = field(default_factory=dict)

    def strike(self, chance: random.Random) -> Fault | None:
        """Draw what goes wrong with a request, if anything."""
        if not self.kinds or chance.random() >= self.share:
            return None
        fault = chance.choice(self.kinds)
        self.counts[fault] = self.counts.get(fault, 0) + 1
        return fault


@dataclass(frozen=True)
class Throttled:
    """A refusal, and for how long nothing may be sent after it."""

    response: Response
    seconds: float


def throttled(fault: Fault, chance: random.Random, unix: float) -> Throttled:
    """Return a refusal; ``unix`` is what the server's clock shows."""
    seconds = chance.choice((1, 2, 5, 13))
    headers = {"date": formatdate(unix, usegmt=True), "content-type": "application/json"}
    if fault in {Fault.THROTTLED_SECONDS, Fault.BUSY}:
        headers["retry-after"] = str(seconds)
    elif fault is Fault.THROTTLED_DATE:
        headers["retry-after"] = formatdate(ceil(unix) + seconds, usegmt=True)
    elif fault is Fault.THROTTLED_RESET:
        headers |= {
            "x-ratelimit-limit": "100",
            "x-ratelimit-remaining": "0",
            "x-ratelimit-reset": str(ceil(unix) + seconds),
        }
    said = 0.0 if fault is Fault.THROTTLED_BARE else float(seconds)
    status = 503 if fault is Fault.BUSY else 429
    return Throttled(Response(status, headers, b'{"error":{"message":"slow down","code":0}}'), said)


def amiss(fault: Fault, answer: Response, chance: random.Random) -> Reply:
    """Return what arrives of an answer."""
    if fault is Fault.HALF_ANSWER:
        return Lost("broken_answer", "the answer is cut short or cannot be decoded", answer.status)
    if fault is Fault.CUT_JSON:
        return Response(200, answer.headers, answer.body[: chance.randrange(max(1, len(answer.body)))])
    if fault is Fault.WRONG_TYPE:
        return Response(200, {"content-type": "text/html"}, _HTML)
    return Response(200, answer.headers, b"")
