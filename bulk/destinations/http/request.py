"""A batch as one request: its address, headers and body."""

import hashlib
import re
from collections.abc import Callable
from urllib.parse import urlencode

import orjson
import polars as pl

from bulk.conversation import RECORD, ROW, Batch, Request
from bulk.destinations.http.options import BARE, HttpOptions
from bulk.destinations.http.templates import Filler, text_of
from bulk.destinations.operation import Terms
from bulk.destinations.shape import braced, member

_FORM = ("Content-Type", "application/x-www-form-urlencoded")
_KEY_BYTES = 16


def request_of(batch: Batch, options: HttpOptions, seed: str) -> Request:
    """Return the request that sends a batch; its records agree on every field the templates use.

    Raises:
        BadValueError: A value cannot stand where a template puts it.
    """
    filler = Filler(batch.value)
    headers = [*filler.headers(options.headers)]
    if options.sends == "form" and not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(_FORM)
    if options.idempotency_key is not None:
        headers.append((options.idempotency_key, key_of(batch, seed)))
    return Request(
        options.method,
        filler.path(options.path) + filler.query(options.query),
        body_of(batch, options),
        repeatable=options.repeatable,
        irreversible=options.destructive,
        headers=tuple(headers),
    )


def key_of(batch: Batch, seed: str) -> str:
    """Return a key that is the same for the same rows of the same step and pass, and for no others."""
    digest = hashlib.blake2b(digest_size=_KEY_BYTES)
    digest.update(len(seed.encode()).to_bytes(8, "little") + seed.encode())
    digest.update(batch.rows.astype("<u4").tobytes())
    return digest.hexdigest()


def body_of(batch: Batch, options: HttpOptions) -> bytes | None:
    """Return the body: records in their envelope, or one record as JSON or as a form."""
    if options.sends == "none":
        return None
    if options.sends == "form":
        return form_of(str(batch.value(RECORD)))
    if options.envelope is None:
        return str(batch.value(RECORD)).encode()
    if options.envelope == BARE:
        return batch.joined(b"[", b"]")
    return batch.joined(b"{%b:[" % orjson.dumps(options.envelope), b"]}")


def form_of(record: str) -> bytes:
    """Return a record as a form: text as it is, null as empty text, anything else as JSON writes it."""
    pairs = [(name, text_of(value) or "") for name, value in orjson.loads(record).items()]
    return urlencode(pairs).encode()


def group_of(names: tuple[str, ...]) -> pl.Expr | None:
    """Return the text on which records of one request agree; None if there are no such fields."""
    if not names:
        return None
    return pl.struct(pl.col(f"^{re.escape(name)}$") for name in names).struct.json_encode()


def item_without(exclude: tuple[str, ...]) -> Callable[[Terms], pl.Expr]:
    """Return what sends every field but these."""

    def without(fields: pl.Series) -> pl.Series:
        frame = fields.struct.unnest()
        kept = [name for name in frame.columns if name not in {ROW, *exclude}]
        members = [member(name, pl.lit(frame[name])) for name in kept]
        return frame.select(braced(*members) if members else pl.repeat("{}", pl.len())).to_series()

    def item(_terms: Terms) -> pl.Expr:
        return pl.struct(pl.all()).map_batches(without, return_dtype=pl.String)

    return item
