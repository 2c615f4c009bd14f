"""What every script here is asked: where to, which contacts, how many together, how many connections."""

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ATTRIBUTES = ("plan", "country", "signed_up", "company", "score")


def asked() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("contacts", type=Path)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--batch-size", type=int, default=1)
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--arrow", action="store_true", help="dlt: through Arrow and Parquet")
    return parser.parse_args()


def records(contacts: Path) -> Iterator[dict[str, Any]]:
    """Yield the contacts as records with nested attributes."""
    with contacts.open(newline="") as file:
        for row in csv.DictReader(file):
            yield nested(row)


def nested(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as the record the jobs make of it."""
    attributes = {name: row[name] for name in ATTRIBUTES}
    return {"user_id": row["id"], "email": row["email"], "name": row["name"], "attributes": attributes}
