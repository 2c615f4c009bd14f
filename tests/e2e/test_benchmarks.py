"""The benchmarks work: each comparison, with a few rows, gives the rows of its table."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from workshop import REPOSITORY

BENCHMARKS = REPOSITORY / "benchmarks"
PAGE = (BENCHMARKS / "README.md").read_text(encoding="utf-8").partition("<!-- results -->")[0]
COMPARISONS = re.findall(r"`([a-z-]+)`", "".join(re.findall(r"^\| (`[^|]*) \|", PAGE, re.MULTILINE)))
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
EVERYWHERE = [name for name in COMPARISONS if name not in {"peers-batched", "peers", "erase"}]
"""Other tools are not here, and erasures need nginx."""


def measured(*arguments: str) -> list[dict[str, object]]:
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "run.py"), *arguments, "--quick"],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_every_comparison_that_the_page_tells_of_gives_its_table(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text("Before\n<!-- results -->\nold\n<!-- end of results -->\nAfter\n")
    rows = measured(*EVERYWHERE, "--write", str(tmp_path))
    written = page.read_text(encoding="utf-8")
    assert set(EVERYWHERE) == {row["table"] for row in rows}
    assert len(re.findall("^### ", written, re.MULTILINE)) == len(EVERYWHERE)
    assert "old" not in written
    assert written.startswith("Before\n<!-- results -->")
    assert written.endswith("<!-- end of results -->\nAfter\n")


@pytest.mark.skipif(not NGINX, reason="erasures are measured with nginx")
def test_erasures_are_measured_at_a_server_that_forgets_people() -> None:
    [row] = measured("erase")
    assert (row["people"], row["requests"]) == (30, 150)
