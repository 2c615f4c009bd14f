"""Carries out ``bulk purge``."""

import hashlib
import hmac
import os
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import typer

from bulk.cli.logs import logger, warn_of_network
from bulk.errors import LedgerError, UsageError
from bulk.ledger import Ledger
from bulk.mapping import names_people
from bulk.plan.changes import stable_hash
from bulk.plan.suppression import VALUE, usual
from bulk.prepare import LEDGER_SECRET, given_secrets
from bulk.source import SourceOptions, open_source


def purge_all(ledgers: Sequence[Path], people: Path | None, before: str | None) -> int:
    """Purge every ledger; return the exit code.

    Raises:
        UsageError: It is not said what is to go.
        LedgerError: One of them is no ledger; those before it were purged.
    """
    if people is None and before is None:
        raise UsageError("say what is to go: --people FILE, or --before DATE")
    earliest = None if before is None else _moment(before)
    keys = () if people is None else _keys(people)
    secrets = given_secrets(os.environ)
    if people is not None and not secrets:
        raise LedgerError(
            f"set {LEDGER_SECRET} (or {LEDGER_SECRET}_FILE): people are replaced by keyed hashes"
        )
    identities = stable_hash(None)(pl.Series(keys, dtype=pl.String))

    def hashed(text: str) -> str:
        return hmac.new(secrets[0], text.encode(), hashlib.sha256).hexdigest()

    for path in ledgers:
        if not path.exists():
            raise LedgerError(f"{path}: there is no such ledger")
        warn_of_network(logger(json=False), path)
        ledger = Ledger(path)
        try:
            done = ledger.purging().purge(keys, identities, hashed, earliest, time.time())
        finally:
            ledger.close()
        typer.echo(
            f"{path}: {done.keys:,} keys replaced, {done.outcomes:,} outcomes cleared,"
            f" rows of {len(done.passes):,} passes dropped"
        )
        for number in done.kept:
            typer.echo(f"{path}: pass {number} was left as it is, something of it is still pending")
    return 0


def _moment(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--before {text}: not a date such as 2026-01-31") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _keys(path: Path) -> list[str]:
    """Return what a file names people by, as keys are written in a ledger."""
    if not path.exists():
        raise UsageError(f"--people {path}: there is no such file")
    found: set[str] = set()
    with open_source(SourceOptions((str(path.resolve()),), path.parent)) as source:
        columns = list(_naming(source.columns, path))
        for chunk in source.chunks():
            for column in columns:
                texts = chunk.frame[column].cast(pl.String).str.strip_chars().alias(VALUE).to_frame()
                both = texts.select(pl.col(VALUE), usual(pl.col(VALUE)).alias("usual"))
                found |= {text for texts in both.get_columns() for text in texts.drop_nulls() if text}
    return sorted(found | {text.lower() for text in found if "@" in text})


def _naming(columns: Sequence[str], path: Path) -> Iterator[str]:
    """Yield the columns that name people; the only one there is does in any case."""
    chosen = [name for name in columns if len(columns) == 1 or names_people((name,))]
    if not chosen:
        raise UsageError(
            f"--people {path}: no column is called email, phone, id, user_id, externalId or cio_id"
        )
    yield from chosen
