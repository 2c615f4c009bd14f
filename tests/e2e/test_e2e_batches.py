"""However an account tells which records of a batch it refuses, exactly those have failed."""

from typing import Literal

import pytest
from workshop import Workshop, sandbox_with

from bulk.sandbox import CustomerlyBehaviour, SandboxOptions

REFUSED = {3, 50, 51, 120}
"""Rows whose address the account does not take, though its shape is none that can be known to be wrong."""


@pytest.mark.parametrize("refusals", ["errors", "messages", "not_added", "count"])
def test_the_refused_records_have_failed(
    shop: Workshop, refusals: Literal["errors", "messages", "not_added", "count"]
) -> None:
    shop.source(f"person{';' if n in REFUSED else '.'}{n}@example.com,Person {n}" for n in range(1, 121))
    with sandbox_with(SandboxOptions(customerly=CustomerlyBehaviour(refusals=refusals))) as sandbox:
        shop.url = sandbox.url
        shop.job()
        assert shop.run().returncode == 3
        assert len(sandbox.contacts()) == 120 - len(REFUSED)
    assert {row for row, status, _ in shop.outcomes() if status == "failed"} == REFUSED
    assert shop.counts() == {"succeeded": 120 - len(REFUSED), "failed": len(REFUSED)}
