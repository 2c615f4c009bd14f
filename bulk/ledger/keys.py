"""How keys are written to the ledger."""

import hashlib
import hmac
from collections.abc import Callable

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
