"""A run in a real terminal is watched on lines that fit it, and leaves nothing of them behind."""

import re
from collections.abc import Mapping

import pytest
from terminal import Watched, watched
from workshop import Workshop

PEOPLE = 24
FRAME = re.compile(rf"upsert_user .*\d+/{PEOPLE}\b")


def run_in(
    shop: Workshop,
    width: int,
    *arguments: str,
    environ: Mapping[str, str] | None = None,
    resized: tuple[int, int] | None = None,
) -> Watched:
    """Run the job of a workshop in a terminal."""
    surroundings = shop.environ | {"TERM": "xterm-256color", "LANG": "C.UTF-8", **(environ or {})}
    command = shop._command(("run", "contacts.yaml", *arguments))
    return watched(command, shop.folder, surroundings, width, resized=resized)


@pytest.fixture
def slow(afresh: Workshop) -> Workshop:
    """A job that takes more than a second; some of its rows are bad."""
    afresh.source([*(f"person{n}@example.com,P" for n in range(PEOPLE)), "nobody,P", ",P"])
    afresh.job({"operation": "upsert_user", "batch_size": 1}, place={"rate": "20/s"})
    return afresh


def frames_of(seen: Watched) -> list[list[str]]:
    """What was drawn of the step, without what stood above."""
    starts = [[n for n, line in enumerate(frame) if FRAME.match(line)] for frame in seen.frames]
    return [frame[start[-1] :] for frame, start in zip(seen.frames, starts, strict=True) if start]


@pytest.mark.parametrize("width", [60, 200])
def test_lines_fit_the_terminal_and_tell_rates_limit_and_reasons(slow: Workshop, width: int) -> None:
    seen = run_in(slow, width)
    frames = frames_of(seen)
    told = " ".join(" ".join(frame) for frame in frames)

    assert seen.code == 3
    assert len(frames) >= 3
    assert re.search(r"[\d.]+ of 20 req(uest)?s?/s", told)
    assert re.search(r"\d+ s left", told)
    assert "2 rejected (bad_value 1, missing_field 1)" in told
    assert {len(frame) for frame in frames} == {1 if width == 200 else 2}


def test_at_the_end_nothing_is_left_of_them_and_what_was_logged_is(slow: Workshop) -> None:
    seen = run_in(slow, 120)

    assert not [line for line in seen.last if FRAME.match(line)]
    assert [line for line in seen.last if "reading" in line and "contacts.csv" in line]
    assert [line for line in seen.last if " sent " in line and f"requests={PEOPLE}" in line]
    assert seen.last[-1].startswith("Ledger: ")
    assert seen.raw.endswith("\r\n")
    assert seen.raw.rindex("\x1b[?25h") > seen.raw.rindex("\x1b[?25l")


def test_a_terminal_that_is_resized_gets_lines_that_fit_it(slow: Workshop) -> None:
    seen = run_in(slow, 200, resized=(4, 60))
    frames = frames_of(seen)

    # What was on its way when the size changed is wrapped by the terminal; the frame after that fits.
    wide = [any(" requests/s" in line for line in frame) for frame in frames]
    narrow = [any(" req/s" in line for line in frame) for frame in frames]
    assert (any(wide), any(narrow)) == (True, True)
    assert wide.index(True) < narrow.index(True)
    assert not any(wide[narrow.index(True) :])


def test_who_wants_no_colour_gets_none(slow: Workshop) -> None:
    seen = run_in(slow, 120, environ={"NO_COLOR": "1"})

    assert frames_of(seen)
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", seen.raw)


def test_a_terminal_on_which_nothing_can_be_redrawn_gets_lines_alone(slow: Workshop) -> None:
    seen = run_in(slow, 80, environ={"TERM": "dumb"})

    assert "\x1b" not in seen.raw
    assert not frames_of(seen)
    assert seen.last[-1].startswith("Ledger: ")


def test_json_is_the_same_in_a_terminal(slow: Workshop) -> None:
    seen = run_in(slow, 80, "--log-format", "json")

    assert "\x1b" not in seen.raw


def test_a_terminal_without_utf_8_is_drawn_on_in_ascii(slow: Workshop) -> None:
    seen = run_in(slow, 120, environ={"LANG": "C", "LC_ALL": "C", "PYTHONIOENCODING": "ascii"})

    assert [frame for frame in frames_of(seen) if re.search("=-+ ", frame[0])]
    assert "\\u" not in "".join(" ".join(frame) for frame in frames_of(seen))
