"""How keys are written to the ledger, and which of several secrets a ledger was made with."""

import hashlib
import hmac
from collections.abc import Callable, Sequence

import polars as pl


def hasher(secret: bytes | None) -> Callable[[pl.Series], pl.Series]:
    """Return how keys are written to the ledger: as they are, or as their HMAC-SHA256 in hex."""
    if secret is None:
        return lambda keys: keys

    def digest(key: str) -> str:
        return hmac.new(secret, key.encode(), hashlib.sha256).hexdigest()

    return lambda keys: pl.Series(
        keys.name, [None if key is None else digest(key) for key in keys], dtype=pl.String
    )


def secret_id(secret: bytes) -> str:
    """Return what a ledger calls its secret: a fingerprint, from which it cannot be told."""
    return hashlib.sha256(b"bulk ledger secret\x00" + secret).hexdigest()[:16]


def key_secret_id(fact: str | None) -> str:
    """Return what the fact ``keys`` of a ledger calls the secret of its hashed keys; empty if it has none."""
    return (fact or "").partition(" ")[2]


def called(identity: str, secrets: Sequence[bytes]) -> bytes | None:
    """Return the one of several secrets that a ledger calls so; None if it is not among them."""
    return next((secret for secret in secrets if secret_id(secret) == identity), None)
