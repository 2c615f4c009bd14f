"""How long `bulk run` takes for so many records at a declared limit, beside records divided by the limit."""

import json
from collections.abc import Iterator
from urllib.request import urlopen

from measuring import measure
from pacing import LIMITS
from place import DONE, Place
from table import Row

from bulk.pacing import parse_rate
from bulk.sandbox import SandboxOptions
from bulk.sandbox.launcher import running_sandbox

LONGER = 4
"""A run lasts so many times as long as a case of the limits."""


def finish(place: Place) -> Iterator[Row]:
    """Run the job against the strictest server, which refuses what is too much in any window."""
    for rate in LIMITS[1:2] if place.quick else LIMITS:
        yield finished(place, rate)


def finished(place: Place, rate: str) -> Row:
    """Send what a limit allows in the time there is."""
    limit = parse_rate(rate)
    rows = round(LONGER * place.seconds * limit.per_second)
    options = SandboxOptions(rate=rate)
    with running_sandbox(options) as urls:
        place.forget()
        command = place.command_at(
            "single", place.plain(rows), urls["customerly"], destinations__server__rate=rate
        )
        run = measure(command, place.folder, expect=DONE, environ={"CUSTOMERLY_TOKEN": options.token})
        with urlopen(f"{urls['control']}/stats") as answer:
            refused = json.load(answer)["customerly"]["refused"]
    due = rows / limit.per_second
    return {
        "limit": rate,
        "records": rows,
        "records ÷ limit, s": round(due, 1),
        "seconds, from process start": round(run.seconds, 1),
        "ratio": round(run.seconds / due, 3),
        "refused": refused,
    }
