import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk.job.units import parse_duration, parse_share


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("15m", 900),
        ("26h", 93_600),
        ("30d", 2_592_000),
        ("250ms", 0.25),
        ("1.5h", 5400),
        (45, 45),
        ("0", 0),
        (" 5 s ", 5),
    ],
)
def test_durations_are_seconds(text: str | float, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "5x", "-5s", "1h30m", "5 years", "1e3s", "nan", "5\u00b2", "inf"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a duration such as"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "share"), [("5%", 0.05), ("0.1%", 0.001), (0.05, 0.05), ("100%", 1), (0, 0), (1, 1)]
)
def test_shares_are_between_zero_and_one(text: str | float, share: float) -> None:
    assert parse_share(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["", "%", "5", "101%", "-1%", "half", "1e-2", "nan"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a share such as"):
        parse_share(text)


@given(st.text(max_size=12))
def test_whatever_the_text_a_unit_is_read_or_refused(text: str) -> None:
    for parse in (parse_duration, parse_share):
        try:
            assert parse(text) >= 0
        except ValueError as refused:
            assert str(refused).startswith("expected a")  # noqa: PT017 - either outcome is right
