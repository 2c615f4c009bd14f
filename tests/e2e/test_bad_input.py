"""Bad input of every kind ends with its exit code and a few sentences, and shows and sends nobody's data."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bad_input_case import MARKERS, Case
from bad_input_table import CASES, Met, meet
from forked_bulk import ROOT, ForkedBulk, forked_bulk
from workshop import Sandbox

from bulk.sandbox import SANDBOX_TOKEN

MOST_SENTENCES = 5
Meeting = Callable[[Case], Met]

every_case = pytest.mark.parametrize(
    "case",
    [
        pytest.param(
            case,
            id=case.name,
            marks=pytest.mark.skipif(case.needs_user and not os.geteuid(), reason="root may read everything"),
        )
        for case in CASES
    ],
)


@pytest.fixture(scope="module")
def bulk() -> Iterator[ForkedBulk]:
    with forked_bulk() as helper:
        yield helper


@pytest.fixture(scope="module")
def met(bulk: ForkedBulk, shared_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Meeting:
    """Each case is met once, however many tests look at it."""
    known: dict[str, Met] = {}

    def find(case: Case) -> Met:
        if case.name not in known:
            known[case.name] = meet(case, bulk, tmp_path_factory.mktemp("case"), shared_sandbox)
        return known[case.name]

    return find


@every_case
def test_the_exit_code_and_the_sentences_are_as_agreed(case: Case, met: Meeting) -> None:
    found = met(case)
    pattern = ".*".join(map(re.escape, case.says.split("…")))
    assert re.fullmatch(pattern, found.says, re.DOTALL), found.says
    assert case.code == found.ended.code


@every_case
def test_what_is_said_is_short_and_no_traceback(case: Case, met: Meeting) -> None:
    found = met(case)
    assert "Traceback" not in found.ended.stderr + found.ended.stdout
    assert "unexpected error" not in found.ended.stderr
    assert 1 <= len(found.says.splitlines()) <= MOST_SENTENCES


@every_case
def test_no_value_of_a_row_and_no_secret_is_shown(case: Case, met: Meeting) -> None:
    ended = met(case).ended
    shown = [mark for mark in (*MARKERS, SANDBOX_TOKEN) if mark in ended.stderr + ended.stdout]
    assert not shown


@every_case
def test_requests_reach_the_server_only_where_rows_are_good(case: Case, met: Meeting) -> None:
    assert case.sends == bool(met(case).requests)


def test_every_kind_has_a_name_of_its_own() -> None:
    names = [case.name for case in CASES]
    assert sorted(set(names)) == sorted(names)


def test_the_command_itself_says_what_the_table_says(tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-m", "bulk", "run", "nowhere.yaml"],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    expected = (2, "bulk: nowhere.yaml: there is no such job file\n", "")
    assert expected == (ended.returncode, ended.stderr, ended.stdout)
