"""Where there is no terminal, a run is told in lines that machines read."""

from dataclasses import replace

import orjson
import pytest

from bulk.api.progress import BEFORE, OVER, SENDING, Progress, StepProgress
from bulk.cli.logs import logger
from bulk.cli.progress import Teller

COUNTS = {"succeeded": 1240, "failed": 5, "rejected": 3, "skipped": 2, "unknown": 0, "pending": 1750}
USERS = StepProgress(
    name="users",
    destination="customerly",
    sendable=2995,
    counts=COUNTS,
    per_second=487.64,
    seconds_left=178.26,
    waiting=("paused by server 12 s",),
    state=SENDING,
    remaining=1750,
    reasons={"failed": {"refused": 4, "timeout": 1}, "rejected": {"bad_value": 3}},
    requests_per_second=9.776,
    limit=10.0,
)
TAGS = StepProgress("tags", "customerly", 3000, COUNTS | {"pending": 3000}, 0.0, None, (), BEFORE, 3000)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_line_tells_all_that_is_known_of_a_step(capsys: pytest.CaptureFixture[str]) -> None:
    Teller(logger(json=True, job="contacts")).say(Progress("sending", 3000, (USERS,)))
    (line,) = lines(capsys)

    assert line.pop("timestamp")
    assert line == {
        "event": "progress",
        "level": "info",
        "job": "contacts",
        "step": "users",
        "destination": "customerly",
        "state": "sending",
        **COUNTS,
        "remaining": 1750,
        "per_second": 487.6,
        "requests_per_second": 9.78,
        "limit": 10.0,
        "limit_learned": False,
        "seconds_left": 178.3,
        "waiting": "paused by server 12 s",
        "reasons": {"failed": {"refused": 4, "timeout": 1}, "rejected": {"bad_value": 3}},
    }


def test_what_is_not_known_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    Teller(logger(json=True)).say(Progress("sending", 3000, (TAGS,)))
    (line,) = lines(capsys)

    assert not {"requests_per_second", "limit", "seconds_left", "waiting", "reasons"} & line.keys()


def test_a_step_is_told_again_only_while_it_is_under_way_or_has_changed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    teller = Teller(logger(json=True))
    over = replace(USERS, state=OVER, remaining=0, counts=COUNTS | {"pending": 0})
    told = []
    for steps in ((USERS, TAGS), (USERS, TAGS), (over, replace(TAGS, state=SENDING)), (over, TAGS)):
        teller.say(Progress("sending", 3000, steps))
        told.append([line["step"] for line in lines(capsys)])

    assert told == [["users", "tags"], ["users"], ["users", "tags"], []]


def test_while_the_source_is_read_rows_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    Teller(logger(json=True)).say(Progress("reading", 1_000_000, rows_per_second=540_123.46))
    (line,) = lines(capsys)

    assert (line["event"], line["rows"], line["per_second"]) == ("reading", 1_000_000, 540_123.5)


def test_lines_for_people_are_without_colours_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Teller(logger(json=False)).say(Progress("sending", 3000, (USERS,)))
    said = capsys.readouterr().err

    assert "waiting='paused by server 12 s'" in said
    assert "\x1b" not in said
