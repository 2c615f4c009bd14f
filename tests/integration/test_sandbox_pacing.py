"""The sandbox's limit and faults are exact, so that a pipeline can be measured against them."""

import math
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk.errors import UsageError
from bulk.sandbox.customerio_behaviour import CustomerioBehaviour
from bulk.sandbox.customerly_behaviour import CustomerlyBehaviour
from bulk.sandbox.faults import Fault, Faults
from bulk.sandbox.http_behaviour import HttpBehaviour
from bulk.sandbox.kustomer_behaviour import KustomerBehaviour
from bulk.sandbox.options import SandboxOptions, arguments, read_arguments
from bulk.sandbox.window import Kind, Limit, Rate, parse_rate

# Steps that floats add without error, so that the edge of a window is exact.
ARRIVALS = st.lists(st.integers(0, 12).map(lambda eighths: eighths / 8), max_size=80).map(
    lambda steps: list(accumulate(steps))
)
KINDS: st.SearchStrategy[Kind] = st.sampled_from(("sliding", "fixed", "bucket"))
RATES = st.builds(Rate, st.integers(1, 6), st.sampled_from((1.0, 3.0)))


def most_within(times: list[float], seconds: float) -> int:
    return max((sum(start <= time < start + seconds for time in times) for start in times), default=0)


@given(rate=RATES, arrivals=ARRIVALS)
def test_no_window_ever_holds_more_than_the_rate(rate: Rate, arrivals: list[float]) -> None:
    limit = Limit(rate)
    accepted = [time for time in arrivals if not limit.admit(time)]
    assert most_within(accepted, rate.seconds) <= rate.requests


@given(rate=RATES, arrivals=ARRIVALS)
def test_nothing_is_refused_that_would_have_fitted(rate: Rate, arrivals: list[float]) -> None:
    limit = Limit(rate)
    accepted: list[float] = []
    for time in arrivals:
        fits = sum(time - rate.seconds < other for other in accepted) < rate.requests
        assert (limit.admit(time) == 0) == fits
        if fits:
            accepted.append(time)


@given(rate=RATES, arrivals=ARRIVALS)
def test_windows_by_the_clock_hold_what_the_rate_allows_and_no_more(
    rate: Rate, arrivals: list[float]
) -> None:
    limit = Limit(rate, "fixed")
    accepted: list[int] = []
    for time in arrivals:
        window = math.floor(time / rate.seconds)
        fits = accepted.count(window) < rate.requests
        assert (limit.admit(time) == 0) == fits
        accepted += [window] * fits


@given(rate=RATES, arrivals=ARRIVALS)
def test_a_bucket_lets_pass_what_it_holds_and_what_is_refilled(rate: Rate, arrivals: list[float]) -> None:
    limit = Limit(rate, "bucket")
    filled, before = float(rate.requests), 0.0
    for time in arrivals:
        filled = min(rate.requests, filled + (time - before) * rate.requests / rate.seconds)
        before = time
        fits = filled >= 1 - 1e-6
        assert (limit.admit(time) == 0) == fits
        filled -= fits


@given(rate=RATES, arrivals=ARRIVALS, kind=KINDS)
def test_what_is_left_would_be_admitted_and_one_more_would_not(
    rate: Rate, arrivals: list[float], kind: Kind
) -> None:
    limit = Limit(rate, kind)
    for time in arrivals:
        limit.admit(time)
    now = arrivals[-1] if arrivals else 0.0
    left = limit.left(now)
    assert left is not None
    assert [limit.admit(now) == 0 for _ in range(left.remaining + 1)] == [True] * left.remaining + [False]


@given(rate=RATES, arrivals=ARRIVALS, kind=KINDS)
def test_all_is_left_once_all_is_renewed(rate: Rate, arrivals: list[float], kind: Kind) -> None:
    limit = Limit(rate, kind)
    for time in arrivals:
        limit.admit(time)
    now = arrivals[-1] if arrivals else 0.0
    left = limit.left(now)
    assert left is not None
    then = limit.left(now + left.renewed_in)
    assert then is not None
    assert (then.limit, then.remaining) == (rate.requests, rate.requests)


def test_without_a_limit_nothing_is_left_to_tell() -> None:
    limit = Limit(None)
    assert [limit.admit(0.0) for _ in range(1000)] == [0] * 1000
    assert limit.left(0.0) is None


@given(rate=RATES, arrivals=ARRIVALS, kind=KINDS)
def test_whoever_comes_back_when_told_to_is_admitted(rate: Rate, arrivals: list[float], kind: Kind) -> None:
    limit = Limit(rate, kind)
    for time in arrivals:
        wait = limit.admit(time)
        if wait:
            assert limit.admit(time + wait) == 0
            return


@given(rate=RATES, arrivals=ARRIVALS)
def test_the_most_in_a_window_is_counted(rate: Rate, arrivals: list[float]) -> None:
    limit = Limit(rate)
    accepted = [time for time in arrivals if not limit.admit(time)]
    assert limit.arrived.most == most_within(arrivals, rate.seconds)
    assert limit.admitted.most == most_within(accepted, rate.seconds)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("200/s", Rate(200, 1.0)),
        ("300/min", Rate(300, 60.0)),
        ("30/3s", Rate(30, 3.0)),
        ("5/h", Rate(5, 3600.0)),
        ("none", None),
    ],
)
def test_a_rate_is_read_as_people_write_it(text: str, rate: Rate | None) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["", "0/s", "-1/s", "1.5/s", "10", "10/d", "10/0s", "10 per s"])
def test_what_is_no_rate_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="200/s"):
        parse_rate(text)


def struck(seed: int, share: float) -> list[Fault | None]:
    return [Faults(share, seed).strike(number) for number in range(20_000)]


def test_the_same_seed_strikes_the_same_requests() -> None:
    assert struck(7, 0.05) == struck(7, 0.05)
    assert struck(7, 0.05) != struck(8, 0.05)


def test_faults_keep_to_their_share_and_are_of_every_kind() -> None:
    faults = [fault for fault in struck(1, 0.05) if fault]
    assert 800 <= len(faults) <= 1200
    assert set(faults) == set(Fault)


def test_a_system_that_is_down_is_unavailable_whatever_the_share() -> None:
    assert {Faults(0.5, 1, down=True).strike(number) for number in range(100)} == {Fault.UNAVAILABLE}


@pytest.mark.parametrize(("share", "count"), [(0.0, 0), (1.0, 20_000)])
def test_no_share_strikes_nobody_and_a_whole_one_everybody(share: float, count: int) -> None:
    assert sum(fault is not None for fault in struck(3, share)) == count


def test_options_survive_the_way_through_a_command_line() -> None:
    options = SandboxOptions(
        port=81,
        host="::1",
        rate="30/3s",
        retry_after=False,
        faults=0.25,
        fault_delay=0.5,
        seed=-3,
        token="another",
        rates={"customerio": "100/s", "http": "none"},
        limiter="bucket",
        limit_headers="kustomer",
        system_faults={"kustomer": 0.5},
        down=("http", "customerly"),
        customerly=CustomerlyBehaviour(refusals="count", delete_ignored=frozenset(["ann@example.com"])),
        customerio=CustomerioBehaviour(region="eu", unsubscribe_ignored=frozenset(["ann@example.com"])),
        kustomer=KustomerBehaviour(budget=300, roles=frozenset(["org.user"])),
        http=HttpBehaviour(secret=True),
    )
    assert read_arguments([*arguments(options), "--with-parent"]) == (options, True)


def test_a_rate_and_faults_of_a_single_system_are_its_own() -> None:
    options = SandboxOptions(
        rate="10/s", rates={"http": "5/min"}, faults=0.1, system_faults={"http": 0.5}, down=("kustomer",)
    )
    assert (options.rate_of("customerly"), options.rate_of("http")) == (Rate(10, 1.0), Rate(5, 60.0))
    assert (options.faults_of("customerly"), options.faults_of("http")) == (Faults(0.1), Faults(0.5))
    assert options.faults_of("kustomer").down


def test_usual_options_survive_the_way_through_a_command_line() -> None:
    assert read_arguments(arguments(SandboxOptions(rate="none"))) == (SandboxOptions(rate="none"), False)


@pytest.mark.parametrize(
    "behaviour", ['{"max_bath": 5}', '{"refusals": "shout"}', "[]", "5", "{", '{"max_batch": "many"}']
)
def test_a_behaviour_nobody_knows_is_refused(behaviour: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read_arguments([f"--customerly={behaviour}"])
    assert "behaviour" in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong",
    [
        {"port": -1},
        {"port": 70000},
        {"faults": 1.5},
        {"fault_delay": -1.0},
        {"rate": "x"},
        {"rates": {"http": "x"}},
        {"rates": {"htpp": "5/s"}},
        {"system_faults": {"http": 2.0}},
        {"system_faults": {"htpp": 0.5}},
        {"down": ("htpp",)},
    ],
)
def test_options_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        SandboxOptions(**wrong)
