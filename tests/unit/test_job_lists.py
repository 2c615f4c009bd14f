"""Suppression lists in a job file."""

from pathlib import Path

from jobs_by_hand import GOOD, load

from bulk.job.lists import People

LISTS = """\
suppression:
  - {path: [a.csv, b.csv], column: who, except: {path: back.csv, column: who}}
  - {path: c.txt, hash: hmac-sha256, secret: "${LIST_SECRET}", of: upper(value), field: email}
"""
ENVIRON = {"LIST_SECRET": "the list's secret"}


def test_lists_are_read_as_written_and_secrets_are_filled_in(tmp_path: Path) -> None:
    plain, keyed = load(tmp_path, GOOD + LISTS, ENVIRON).suppression
    assert isinstance(plain, People)
    assert isinstance(keyed, People)
    assert (plain.paths, plain.column, plain.hash) == (("a.csv", "b.csv"), "who", "none")
    assert plain.except_ is not None
    assert (plain.except_.paths, plain.except_.column) == (("back.csv",), "who")
    assert (keyed.paths, keyed.column, keyed.secret) == (("c.txt",), None, "the list's secret")
    assert (keyed.of, keyed.field, keyed.except_) == ("upper(value)", "email", None)


def test_a_secret_is_not_shown(tmp_path: Path) -> None:
    assert "the list's secret" not in repr(load(tmp_path, GOOD + LISTS, ENVIRON).suppression)


def test_lists_are_no_part_of_the_digest_since_they_change_every_night(tmp_path: Path) -> None:
    assert load(tmp_path, GOOD).digest == load(tmp_path, GOOD + LISTS, ENVIRON).digest
