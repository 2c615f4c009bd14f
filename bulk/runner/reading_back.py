"""Carries out a conversation that only reads: returns what it settles, and records nothing."""

from collections.abc import Sequence

from bulk.conversation import Conversation, Reply, Request, Settle, Settled, Wait
from bulk.runner.talk import Line, Tries


async def read_back(conversation: Conversation, line: Line) -> Sequence[Settled]:
    """Return what a read-back says of each record.

    Raises:
        StoppingError: The destination stops.
    """
    said: list[Settled] = []
    reply: Reply | None = None
    while True:
        try:
            act = conversation.send(reply)
        except StopIteration:
            return said
        reply = None
        if isinstance(act, Request):
            reply = await line.exchange(act, Tries(), None)
        elif isinstance(act, Wait):
            await line.wait(act.seconds)
        elif isinstance(act, Settle):
            said += act.verdicts
        else:
            raise TypeError(f"a read-back does not do this: {type(act).__name__}")
