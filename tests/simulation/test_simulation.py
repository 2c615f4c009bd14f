"""Whatever goes wrong, and whenever: what the ledger says is true, and nothing is lost or done twice."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from life import live_one

LIVES, AT_ONCE = 300, 15
COMMAND = "python tests/simulation/simulate.py --seed"


@pytest.mark.parametrize("first", range(0, LIVES, AT_ONCE))
def test_lives_end_well(first: int) -> None:
    told = [live_one(seed) for seed in range(first, first + AT_ONCE)]
    bad = [f"{COMMAND} {one.seed} ({one.scenario}): {one.problems[:3]}" for one in told if one.problems]
    assert bad == []


def test_a_seed_is_one_life_in_whatever_process() -> None:
    script = Path(__file__).with_name("simulate.py")
    told = []
    for number in ("1", "2"):
        environ = {**os.environ, "PYTHONHASHSEED": number}
        done = subprocess.run(
            [sys.executable, str(script), "--seed", "11"],
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        told.append((done.returncode, done.stdout, done.stderr))
    assert told[0] == told[1]
    assert told[0][0] == 0
