"""People are erased at Customerly and Customer.io: exactly those who are meant, even through a kill."""

from collections.abc import Mapping
from typing import Any

import pytest
from workshop import Sandbox, Workshop, sandbox_with, until

from bulk.sandbox import CustomerioBehaviour, CustomerlyBehaviour, SandboxOptions

SECRET = {"BULK_LEDGER_SECRET": "made up for this test"}
SOON = {"wait": "500ms"}
COUNT, BYSTANDERS = 40, 5
STEPS: Mapping[str, dict[str, Any]] = {
    "customerly": {"operation": "erase_person", "fields": {"user_id": "id", "email": "email"}},
    "customerio": {"operation": "erase_person", "fields": {"id": "id", "email": "email"}, "batch_size": 10},
}


def put(sandbox: Sandbox, count: int) -> None:
    named = [(f"u{n}", f"p{n}@example.com") for n in range(1, count + 1)]
    sandbox.put("users", [{"user_id": name, "email": email} for name, email in named])
    sandbox.put("leads", [{"email": email} for _, email in named])
    sandbox.put_people(*({"id": name, "email": email} for name, email in named))


def addresses(sandbox: Sandbox, system: str) -> list[set[str]]:
    kinds = ("users", "leads") if system == "customerly" else ("people",)
    return [{one["email"] for one in sandbox.contents(system, kind)} for kind in kinds]


@pytest.mark.parametrize("system", STEPS)
def test_a_killed_erasure_is_carried_to_its_end_and_takes_nobody_else(shop: Workshop, system: str) -> None:
    options = SandboxOptions(
        rates={"customerly": "300/s", "customerio_app": "20/s"},
        customerly=CustomerlyBehaviour(delete_seconds=0.2),
    )
    with sandbox_with(options) as sandbox:
        shop.at(sandbox)
        put(sandbox, COUNT + BYSTANDERS)
        shop.source((f"u{n},p{n}@example.com" for n in range(1, COUNT + 1)), header="id,email")
        place = {"rate": "300/s"} | ({"app_rate": "20/s"} if system == "customerio" else {})
        shop.job({**STEPS[system], "verify": SOON}, to=system, place=place)
        with shop.running("--yes", **SECRET) as run:
            until(lambda: len(addresses(sandbox, system)[0]) <= COUNT, "somebody to be gone")
            assert run.poll() is None, "the run was over before it could be killed"
            run.kill()
        last = shop.run("--yes", **SECRET)
        left = addresses(sandbox, system)
    assert last.returncode == 0, last.stderr
    kept = {f"p{n}@example.com" for n in range(COUNT + 1, COUNT + BYSTANDERS + 1)}
    assert left == [kept] * len(left)
    assert {(line["status"], line["verification"]) for line in shop.export()} == {("succeeded", "absent")}


@pytest.mark.parametrize("system", STEPS)
def test_who_is_kept_or_meant_by_nobody_for_certain_is_failed_and_never_there_is_told(
    shop: Workshop, system: str
) -> None:
    kept = frozenset({"p1@example.com"})
    options = SandboxOptions(
        customerly=CustomerlyBehaviour(delete_ignored=kept),
        customerio=CustomerioBehaviour(delete_ignored=kept),
    )
    rows = ["u1,p1@example.com", "u2,p3@example.com", "u4,", "u99,p99@example.com"]
    with sandbox_with(options) as sandbox:
        shop.at(sandbox)
        put(sandbox, 4)
        shop.source(rows, header="id,email")
        shop.job({**STEPS[system], "verify": SOON}, to=system)
        ended = shop.run("--yes", **SECRET)
        left = addresses(sandbox, system)[0]
    assert ended.returncode == 3
    assert left == {f"p{n}@example.com" for n in (1, 2, 3)}
    gone = "by_hand" if system == "customerly" else ""
    assert shop.outcomes() == [
        (1, "failed", "still_present"),
        (2, "failed", "identity_conflict"),
        (3, "succeeded", gone),
        (4, "succeeded", "not_present"),
    ]


def test_without_the_app_key_people_are_erased_only_by_a_step_that_says_so(
    shop: Workshop, sandbox: Sandbox
) -> None:
    put(sandbox, 3)
    shop.source(["u1,p1@example.com"], header="id,email")
    del shop.environ["CUSTOMERIO_APP_API_KEY"]
    shop.job(STEPS["customerio"], to="customerio")
    refused = shop.run("--yes", **SECRET)
    shop.job({**STEPS["customerio"], "verify": "none"}, to="customerio")
    ended = shop.run("--yes", **SECRET)
    assert refused.returncode == 2
    assert "set CUSTOMERIO_APP_API_KEY" in refused.stderr
    assert "verify: none" in refused.stderr
    assert ended.returncode == 3
    assert shop.outcomes() == [(1, "unknown", "not_verifiable")]
    assert addresses(sandbox, "customerio") == [{"p2@example.com", "p3@example.com"}]
