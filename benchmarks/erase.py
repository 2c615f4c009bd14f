"""People erased one by one: looked up, deleted, read back, every intent on disk before its request."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import quote

import polars as pl
from fixed_server import Server, fixed_server
from measuring import Measured, cpu_of, in_turn, memory_of, seconds_of, sending_of
from place import Place
from table import Row

SHARE = 10
"""So many times fewer people than rows that are sent one by one: each takes several requests."""


def erase(place: Place) -> Iterator[Row]:
    """Erase people at a server that holds a file for each, and answers at once."""
    rows = place.single // SHARE
    with fixed_server() as server:
        if server.people is None:
            raise SystemExit("erasures are measured with nginx only: install it")
        runs = in_turn(place.times, ours=partial(erased, place, server, server.people, rows))["ours"]
        yield {
            "people": rows,
            "requests": runs[-1].requests,
            "people/s": round(rows / sending_of(runs)),
            "requests/s": round(runs[-1].requests / sending_of(runs)),
            "people/s, from process start": round(rows / seconds_of(runs)),
            "CPU s per thousand": round(cpu_of(runs) / rows * 1e3, 2),
            "anonymous MB": round(memory_of(runs)),
            "ledger bytes per person": round(place.ledger_bytes() / rows),
        }


def erased(place: Place, server: Server, people: Path, rows: int) -> Measured:
    """Put everybody there, and erase them."""
    source = place.plain(rows)
    for email in pl.read_csv(source, infer_schema=False)["email"]:
        shown = f'{{"data":{{"crmhero_user_id":1,"email":"{email}"}}}}'
        (people / quote(email, safe="")).write_text(shown)
    run = place.run("erasure", source, server, "erasing")
    left = len(list(people.iterdir()))
    if left:
        raise SystemExit(f"{left} people were not erased")
    return run
