"""How long `bulk --help` takes beside Python itself."""

import sys
from collections.abc import Iterator
from functools import partial

from measuring import BULK, in_turn, measure, seconds_of
from place import Place
from table import Row

OFTEN = 4
"""So many times as often as longer commands: it is short."""


def start(place: Place) -> Iterator[Row]:
    """Compare with a Python that does nothing."""
    runs = in_turn(
        place.times if place.quick else OFTEN * place.times,
        ours=partial(measure, [*BULK, "--help"], place.folder),
        nothing=partial(measure, [sys.executable, "-c", "pass"], place.folder),
    )
    ours, nothing = seconds_of(runs["ours"]), seconds_of(runs["nothing"])
    yield {
        "`bulk --help` s": round(ours, 3),
        "`python -c pass` s": round(nothing, 3),
        "difference s": round(ours - nothing, 3),
    }
