"""How fast a step is, of late."""

import pytest

from bulk.api.measuring import LOOK_BACK, Speed


def test_one_look_tells_no_speed() -> None:
    assert Speed().of_late(5.0, 100) == 0


def test_two_looks_at_one_moment_tell_no_speed() -> None:
    speed = Speed()
    speed.of_late(5.0, 100)
    assert speed.of_late(5.0, 200) == 0


@pytest.mark.parametrize("every", [0.25, 1.0, LOOK_BACK, 30.0])
def test_a_steady_speed_is_told_however_far_apart_the_looks_are(every: float) -> None:
    speed = Speed()
    told = [speed.of_late(look * every, look * 8) for look in range(100)]
    assert told[1:] == pytest.approx([8 / every] * 99)


def test_what_was_long_ago_does_not_count() -> None:
    speed = Speed()
    speed.of_late(0.0, 0)
    speed.of_late(1.0, 1_000_000)
    assert speed.of_late(1.0 + LOOK_BACK, 1_000_000) == 0
