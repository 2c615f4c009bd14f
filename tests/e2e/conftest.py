"""One sandbox for all end-to-end tests of a process; each test finds it empty."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from forked_bulk import ForkedBulk, forked_bulk
from workshop import Sandbox, Workshop, sandbox_with

from bulk.sandbox import CustomerlyBehaviour, SandboxOptions


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[Sandbox]:
    with sandbox_with(SandboxOptions(customerly=CustomerlyBehaviour(max_batch=1000))) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(shared_sandbox: Sandbox) -> Sandbox:
    shared_sandbox.reset()
    return shared_sandbox


@pytest.fixture(scope="session")
def forker() -> Iterator[ForkedBulk]:
    with forked_bulk() as bulk:
        yield bulk


@pytest.fixture
def shop(tmp_path: Path, sandbox: Sandbox, forker: ForkedBulk) -> Workshop:
    return Workshop(tmp_path, sandbox.urls, forker)


@pytest.fixture
def afresh(tmp_path: Path, sandbox: Sandbox) -> Workshop:
    """A workshop whose commands are started as a user starts them; that takes longer than to fork them."""
    return Workshop(tmp_path, sandbox.urls)
