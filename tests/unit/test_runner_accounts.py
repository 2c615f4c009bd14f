from pathlib import Path

import pytest

from bulk.errors import HeldError, JobError
from bulk.runner.accounts import hold_accounts


def test_an_account_is_held_by_one_run_at_a_time_and_then_free(tmp_path: Path) -> None:
    environ = {"BULK_STATE_DIR": str(tmp_path)}
    with hold_accounts({"crm": "one"}, environ), pytest.raises(HeldError, match="destination crm"):
        hold_accounts({"crm": "one"}, environ).__enter__()

    with hold_accounts({"crm": "one", "shop": "other"}, environ):
        assert len(list(tmp_path.iterdir())) == 2


def test_two_destinations_that_are_one_account_are_a_mistake(tmp_path: Path) -> None:
    held = hold_accounts({"a": "one", "b": "other", "c": "one"}, {"BULK_STATE_DIR": str(tmp_path)})

    with pytest.raises(JobError, match="destinations a and c are the same account"):
        held.__enter__()


def test_an_account_is_named_by_its_hash_alone(tmp_path: Path) -> None:
    with hold_accounts(
        {"crm": "customerly|https://api.example.com|t0ken"}, {"BULK_STATE_DIR": str(tmp_path)}
    ):
        (lock,) = tmp_path.iterdir()

    assert "t0ken" not in lock.name
    assert lock.read_bytes() == b""
