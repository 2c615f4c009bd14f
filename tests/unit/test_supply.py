"""What the image is built from: pinned by hash, and no more in it than is needed."""

import re
from pathlib import Path

import pytest

import bulk

REPOSITORY = Path(bulk.__file__).resolve().parents[1]
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")
LOCKS = sorted(path.name for path in REPOSITORY.glob("requirements*.lock"))
PINNED = re.compile(
    r"[a-z0-9][a-z0-9._-]*(?:\[[a-z0-9,-]+\])?==\S+(?: ; [^\\]+)?(?: \\\s+--hash=sha256:[0-9a-f]{64})+"
)


def requirements(lock: str) -> list[str]:
    lines = (REPOSITORY / lock).read_text(encoding="utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    return [part.strip() for part in re.split(r"\n(?=\S)", text) if part.strip()]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_pinned_and_has_a_hash(lock: str) -> None:
    found = requirements(lock)

    assert len(found) > 3
    assert [one for one in found if not PINNED.fullmatch(one)] == []


def test_every_lock_that_the_image_is_built_from_is_installed_by_hash() -> None:
    installs = re.findall(r"pip(?: --python \S+)? install[^&]*", DOCKERFILE.replace("\\\n", " "))

    assert [one for one in installs if "--require-hashes" not in one and "--no-index" not in one] == []
    assert {"requirements.lock", "requirements-build.lock"} <= set(" ".join(installs).split())


def test_the_image_needs_no_root_no_shell_and_no_pip() -> None:
    final = DOCKERFILE.rpartition("\nFROM ")[2]

    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", final, re.MULTILINE)
    assert re.search(r'^ENTRYPOINT \["bulk"\]$', final, re.MULTILINE)
    assert "--without-pip /opt/bulk" in DOCKERFILE
    assert re.findall(r"^COPY (.*)$", final, re.MULTILINE) == ["--from=build /opt/bulk /opt/bulk"]
