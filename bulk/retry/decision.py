"""The decision about one request after a try without a usable answer."""

from dataclasses import dataclass, replace

from bulk.conversation import Lost, Meaning, Response
from bulk.retry.meaning import retry_after

Failure = Lost
"""What a single try without a usable answer is called before it is given up."""

_NOT_PROCESSED = frozenset({425})
"""Ill answers that are certain not to have been processed."""
_SPREAD = 0.1
"""How much of a wait the server asked for is added, at most, so that not all come back at once."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to keep trying.

    Attributes:
        attempts: Tries of one request that ended in an ill answer.
        max_elapsed: Seconds from the first try of a request.
        base: Seconds of the first back-off.
        cap: Seconds of the longest back-off.
    """

    attempts: int = 8
    max_elapsed: float = 900.0
    base: float = 0.5
    cap: float = 60.0


@dataclass(frozen=True, slots=True)
class Tries:
    """The tries of one request so far.

    Attributes:
        started: Time of the first try.
        repeatable: Whether sending the request a second time is harmless.
        ill: Tries that ended in an ill answer and may have been processed.
        refused: Tries that were certainly not processed; they use up nothing but time.
    """

    started: float
    repeatable: bool = True
    ill: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Moment:
    """When something is decided, and with what luck.

    Attributes:
        now: The clock that ``Tries.started`` was read from.
        unix: Seconds since 1970.
        draw: A random number from 0 (included) to 1 (excluded).
    """

    now: float
    unix: float
    draw: float


@dataclass(frozen=True, slots=True)
class Again:
    """Send the same request again after ``seconds``."""

    seconds: float
    tries: Tries


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Tell the conversation that no usable answer is to be had."""

    lost: Lost


@dataclass(frozen=True, slots=True)
class StopDestination:
    """Send no more requests there; rows stay pending. ``seconds`` is when to come back, if known."""

    why: str
    seconds: float | None = None


Decision = Again | GiveUp | StopDestination


def backoff(policy: RetryPolicy, attempt: int, draw: float) -> float:
    """Return how long to wait after try ``attempt`` (from 1): half of it fixed, half of it chance.

    The chance remains when the cap is reached, which is when most are waiting.
    """
    ceiling = min(policy.cap, policy.base * 2.0 ** min(max(attempt, 1) - 1, 64))
    return ceiling * (1 + draw) / 2


def decide(
    policy: RetryPolicy,
    tries: Tries,
    reply: Response | Failure,
    meaning: Meaning,
    moment: Moment,
    *,
    probe: bool = False,
) -> Decision:
    """Decide what becomes of a request whose last try got ``reply``, which means anything but an answer.

    Args:
        policy: How long to keep trying.
        tries: The tries before this one.
        reply: What this try got.
        meaning: What the reply means; of no account for a failure.
        moment: Now.
        probe: Whether the breaker sent it as a probe. Probes are bounded by the breaker, which stops the
            destination and leaves the rows pending; so they do not use up the request's own tries.
    """
    if isinstance(reply, Response) and meaning is Meaning.STOP:
        return StopDestination(f"the server refused the credentials ({reply.status})")
    if meaning is Meaning.THROTTLED and isinstance(reply, Response):
        return _after_refusal(policy, tries, reply, moment)
    if _maybe_processed(reply):
        return _after_illness(policy, tries, reply, moment, probe=probe)
    return _after_no_contact(policy, tries, reply, moment, probe=probe)


def _maybe_processed(reply: Response | Failure) -> bool:
    return reply.processed if isinstance(reply, Lost) else reply.status not in _NOT_PROCESSED


def _after_refusal(policy: RetryPolicy, tries: Tries, reply: Response, moment: Moment) -> Decision:
    """Wait as long as the server asks; if that is too long, the whole destination has to wait."""
    tries = replace(tries, refused=tries.refused + 1)
    asked = _asked(reply, moment)
    wait = _wait(policy, tries.refused, asked, moment.draw)
    left = _left(policy, tries, moment)
    if (wait if asked is None else asked) > left:
        return StopDestination(f"the server keeps refusing requests for now ({reply.status})", asked)
    return Again(min(wait, left), tries)


def _after_no_contact(
    policy: RetryPolicy, tries: Tries, reply: Response | Failure, moment: Moment, *, probe: bool
) -> Decision:
    """Try again whether repeatable or not: nothing was processed."""
    tries = replace(tries, refused=tries.refused + 1)
    wait = _wait(policy, tries.refused, _asked(reply, moment), moment.draw)
    return Again(wait, tries) if probe else _in_time(policy, tries, reply, moment, wait)


def _after_illness(
    policy: RetryPolicy, tries: Tries, reply: Response | Failure, moment: Moment, *, probe: bool
) -> Decision:
    """Try again only what may be done twice, and only so often."""
    tried = replace(tries, ill=tries.ill + 1)
    if not tries.repeatable:
        return GiveUp(_lost(reply, tried))
    wait = _wait(policy, tried.ill, _asked(reply, moment), moment.draw)
    if probe:
        return Again(wait, tries)
    decision = _in_time(policy, tried, reply, moment, wait)
    used_up = tried.ill >= policy.attempts
    return GiveUp(_lost(reply, tried)) if used_up and isinstance(decision, Again) else decision


def _in_time(
    policy: RetryPolicy, tries: Tries, reply: Response | Failure, moment: Moment, wait: float
) -> Decision:
    """Try again if there is time; whoever is asked to stay away for longer does, with all that is pending."""
    left = _left(policy, tries, moment)
    asked = _asked(reply, moment)
    if isinstance(reply, Response) and asked is not None:
        if asked > left:
            return StopDestination(f"the server asks to stay away for a while ({reply.status})", asked)
    elif wait > left:
        return GiveUp(_lost(reply, tries))
    return Again(min(wait, left), tries)


def _asked(reply: Response | Failure, moment: Moment) -> float | None:
    return retry_after(reply.headers, moment.unix, reply.status) if isinstance(reply, Response) else None


def _wait(policy: RetryPolicy, attempt: int, asked: float | None, draw: float) -> float:
    """Return the back-off, or what the server asked for and a little more; never less than that."""
    own = backoff(policy, attempt, draw)
    return own if asked is None else max(own, asked + draw * max(policy.base, asked * _SPREAD))


def _left(policy: RetryPolicy, tries: Tries, moment: Moment) -> float:
    """Return the seconds within which a next try must begin."""
    return policy.max_elapsed - (moment.now - tries.started)


def _lost(reply: Response | Failure, tries: Tries) -> Lost:
    count = tries.ill + tries.refused
    times = "once" if count == 1 else f"{count} times"
    if isinstance(reply, Lost):
        return replace(reply, message=f"{reply.message} (tried {times})")
    return Lost(
        reason="server_error",
        message=f"the server answered {reply.status} (tried {times})",
        http_status=reply.status,
        processed=_maybe_processed(reply),
    )
