"""Audits a ledger of erasures, and evidence made from it."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import typer

from bulk.errors import UsageError
from bulk.ledger.chain import Checked
from bulk.ledger.record import Reader, reading
from bulk.report.evidence import FORMAT, Issued, differences, statement
from bulk.report.signing import public_key, seal_problems

CHANGED = 3
MOST_SHOWN = 20
"""Problems that are told one by one."""


def examine(ledger: Path, evidence: Path | None, key_file: Path | None) -> int:
    """Say what was changed in a ledger or in evidence; return the exit code.

    Raises:
        LedgerError: The file is no ledger, or records no erasures.
        UsageError: A file cannot be read.
    """
    if key_file is not None and evidence is None:
        raise UsageError("--public-key checks evidence; name that as well: bulk audit LEDGER EVIDENCE")
    with reading(ledger) as reader:
        reader.secret()
        checked = reader.check()
        _tell(f"{ledger}: {checked.links:,} links, {checked.rows:,} rows compared", checked.problems)
        problems = list(checked.problems)
        if evidence is not None:
            problems += _examine_evidence(evidence, key_file, reader, checked)
    return CHANGED if problems else 0


def _tell(what: str, problems: Sequence[str]) -> None:
    typer.echo(f"{what}: {'SOMETHING WAS CHANGED' if problems else 'nothing was changed'}")
    for problem in problems[:MOST_SHOWN]:
        typer.echo(f"  {problem}")
    if len(problems) > MOST_SHOWN:
        typer.echo(f"  and {len(problems) - MOST_SHOWN:,} more")


def _examine_evidence(path: Path, key_file: Path | None, reader: Reader, checked: Checked) -> list[str]:
    key = None if key_file is None else public_key(_read(key_file), str(key_file))
    given = _parsed(_read(path))
    if given is None:
        problems = ["it cannot be read as evidence: it was changed, or it is another file"]
        _tell(str(path), problems)
        return problems
    made = given["statement"]
    problems = [*seal_problems(given, key), *_ledger_problems(made, reader, checked)]
    signed = "signed" if given.get("signature") else "not signed"
    links = made["ledger"]["links"]
    _tell(f"{path}: made {made['created_at']} over {links:,} links, {signed}", problems)
    if given.get("signature") and key is None:
        typer.echo("  whose signature it is, only --public-key can tell")
    return problems


def _ledger_problems(made: dict[str, Any], reader: Reader, checked: Checked) -> list[str]:
    """Compare evidence with what the ledger said when it was made."""
    links, head = made["ledger"]["links"], made["ledger"]["head"]
    if checked.heads.get(links) != head:
        return [
            f"the ledger's chain has no link {links:,} of that hash: it is another ledger, or was rewritten"
        ]
    record = reader.record(checked, links)
    at = datetime.fromisoformat(made["created_at"]).timestamp()
    then = statement(record, Issued(at, made["version"], links, head))
    return differences(made, then, record.purged)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None


def _parsed(text: bytes) -> dict[str, Any] | None:
    """Return evidence, if a text is any."""
    try:
        given = orjson.loads(text)
        made = given["statement"]
        complete = (
            made["format"] == FORMAT
            and type(made["ledger"]["links"]) is int
            and isinstance(made["version"], str)
            and bool(datetime.fromisoformat(made["created_at"]))
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return None
    return dict(given) if complete else None
