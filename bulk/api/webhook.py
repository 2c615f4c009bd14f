"""Posts JSON to a webhook until it is taken, or for some seconds."""

import asyncio
import hashlib
import hmac
import random
import secrets
import time
from base64 import b64encode
from types import TracebackType
from typing import Self

from bulk.conversation import Lost, Meaning, Request, Response
from bulk.job.notify import Notify
from bulk.retry import Again, GiveUp, Moment, RetryPolicy, Tries, decide, meaning_of
from bulk.transport import Endpoint, Transport

POLICY = RetryPolicy(attempts=4, max_elapsed=15.0, cap=4.0)
"""How long somebody is tried who does not answer: a run waits for its end meanwhile."""
TIMEOUT = 10.0
"""Seconds for one answer."""
_TAKEN = range(200, 300)


class UntoldError(Exception):
    """A webhook did not take what was posted; the message says why, without its address."""


class Webhook:
    """The connection to a webhook. Build it in a running loop, use it as a context manager.

    What is posted carries the headers of the Standard Webhooks specification: ``webhook-id``, the same for
    every try, ``webhook-timestamp``, and ``webhook-signature`` if the job has a secret.

    Attributes:
        taken: How many posts were.
    """

    def __init__(self, notify: Notify, policy: RetryPolicy = POLICY) -> None:
        self._policy = policy
        origin, self._path = notify.parts
        self._key = notify.key
        self._transport = Transport(Endpoint(origin, notify.headers, TIMEOUT, 1))
        self._mark = secrets.token_hex(12)
        self._posts = 0
        self.taken = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.close()

    async def post(self, body: bytes) -> None:
        """Post some JSON.

        Raises:
            UntoldError: It was not taken.
        """
        self._posts += 1
        name = f"msg_{self._mark}_{self._posts}"
        tries = Tries(time.monotonic())
        while True:
            headers = signed(self._key, name, int(time.time()), body)
            reply = await self._transport.send(Request("POST", self._path, body, headers=headers))
            if isinstance(reply, Response) and reply.status in _TAKEN:
                self.taken += 1
                return
            tries = await self._wait(tries, reply)

    async def _wait(self, tries: Tries, reply: Response | Lost) -> Tries:
        """Wait for the next try.

        Raises:
            UntoldError: There is none.
        """
        meaning = meaning_of(reply, time.time()) if isinstance(reply, Response) else Meaning.RETRY
        if meaning is Meaning.ANSWER and isinstance(reply, Response):
            raise UntoldError(f"it answered {reply.status}")
        now = Moment(time.monotonic(), time.time(), random.random())  # noqa: S311 - spreads tries
        decision = decide(self._policy, tries, reply, meaning, now)
        if isinstance(decision, Again):
            await asyncio.sleep(decision.seconds)
            return decision.tries
        raise UntoldError(decision.lost.message if isinstance(decision, GiveUp) else decision.why)


def signed(key: bytes | None, name: str, at: int, body: bytes) -> tuple[tuple[str, str], ...]:
    """Return the headers that let a receiver know doubles, and whom a post is from."""
    headers = (("webhook-id", name), ("webhook-timestamp", str(at)))
    if key is None:
        return headers
    seal = hmac.digest(key, f"{name}.{at}.".encode() + body, hashlib.sha256)
    return (*headers, ("webhook-signature", f"v1,{b64encode(seal).decode()}"))
