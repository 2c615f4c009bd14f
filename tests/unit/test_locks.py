"""The lock files hold what pyproject.toml asks for, and are made by the commands that are documented."""

import re
import tomllib
from pathlib import Path

import pytest
from pages import README

import bulk

REPOSITORY = Path(bulk.__file__).resolve().parents[1]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCKS = {
    "requirements.lock": PROJECT["dependencies"],
    "requirements-dev.lock": [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]],
}
NAME = re.compile(r"[A-Za-z0-9._-]+")
PIN = re.compile(r"^([a-z0-9-]+)(\[[a-z,]+\])?==(\S+)(?: ; [^\\]+)? \\\n    --hash=sha256:", re.MULTILINE)


def text_of(lock: str) -> str:
    return (REPOSITORY / lock).read_text(encoding="utf-8")


def pins(lock: str) -> dict[str, str]:
    """Return the version that a lock file pins of each package, with a hash."""
    return {name: version for name, _, version in PIN.findall(text_of(lock))}


@pytest.mark.parametrize(("lock", "asked"), LOCKS.items())
def test_a_lock_file_pins_what_is_asked_for(lock: str, asked: list[str]) -> None:
    names = {re.sub(r"[._-]+", "-", found[0]).lower() for entry in asked if (found := NAME.match(entry))}
    assert not names - pins(lock).keys()


def test_what_is_tested_is_what_the_image_holds() -> None:
    expected = pins("requirements.lock")
    assert expected == {name: pins("requirements-dev.lock").get(name) for name in expected}


@pytest.mark.parametrize("lock", LOCKS)
def test_the_readme_says_how_a_lock_file_is_written(lock: str) -> None:
    written = [line.split() for line in text_of(lock).splitlines() if line.startswith("#    pip-compile")]
    documented = [line.split() for line in README.text.splitlines() if f"--output-file={lock} " in line]
    assert [sorted(words[1:]) for words in written] == [sorted(words) for words in documented]
