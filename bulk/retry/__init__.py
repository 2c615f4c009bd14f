"""Whether to try again, and after how long."""

from bulk.retry.breaker import Breaker, BreakerState, Permit
from bulk.retry.decision import (
    Again,
    Decision,
    Failure,
    GiveUp,
    Moment,
    RetryPolicy,
    StopDestination,
    Tries,
    backoff,
    decide,
)
from bulk.retry.meaning import meaning_of, retry_after, server_time

__all__ = [
    "Again",
    "Breaker",
    "BreakerState",
    "Decision",
    "Failure",
    "GiveUp",
    "Moment",
    "Permit",
    "RetryPolicy",
    "StopDestination",
    "Tries",
    "backoff",
    "decide",
    "meaning_of",
    "retry_after",
    "server_time",
]
