"""Several destinations at once, jobs as they are shipped, and what a check says before anything is sent."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from workshop import REPOSITORY, Sandbox, Workshop, sandbox_with

from bulk.sandbox import CustomerioBehaviour, KustomerBehaviour, SandboxOptions

JOBS = sorted((REPOSITORY / "jobs").glob("*.yaml"))
NAMED = {"email": "email", "name": "name"}
THREE = (
    {"destination": "customerly", "operation": "upsert_user", "fields": NAMED},
    {
        "destination": "customerio",
        "operation": "upsert_person",
        "batch_size": 5,
        "fields": {"email": "email", "attributes": {"name": "name"}},
    },
    {
        "destination": "kustomer",
        "operation": "upsert_customer",
        "fields": NAMED,
        "lookup": "on_conflict",
    },
)
PLACES: dict[str, dict[str, Any]] = {"customerly": {}, "customerio": {}, "kustomer": {}}
ROWS = 200
EXPECTED = {f"person{n}@example.com": f"Person {n}" for n in range(1, ROWS + 1)}


def by_address(sandbox: Sandbox, system: str) -> dict[str, str]:
    """Names by address, wherever a system keeps them."""
    if system == "customerly":
        return {email: contact["name"] for email, contact in sandbox.contacts().items()}
    if system == "customerio":
        found = sandbox.contents("customerio", "people")
        return {person["email"]: person["attributes"]["name"] for person in found}
    found = sandbox.contents("kustomer", "customers")
    return {customer["emails"][0]["email"]: customer["name"] for customer in found}


def port_of(sandbox: Sandbox) -> int:
    return urlsplit(sandbox.url).port or 0


def steps(shop: Workshop) -> dict[str, dict[str, int]]:
    """The statuses that any row of each step has."""
    told: dict[str, dict[str, int]] = shop.status()["steps"]
    return {step: {status: n for status, n in counts.items() if n} for step, counts in told.items()}


def test_one_system_down_does_not_keep_the_others(shop: Workshop) -> None:
    shop.people(ROWS)
    impatient = ("--set", "destinations.customerio.retry.max_elapsed=2s")
    with sandbox_with(SandboxOptions(down=("customerio",))) as sandbox:
        port = port_of(sandbox)
        shop.at(sandbox)
        shop.job(*THREE, to=PLACES)
        assert shop.run(*impatient).returncode == 4
        assert by_address(sandbox, "customerly") == EXPECTED
        assert by_address(sandbox, "kustomer") == EXPECTED
        asked = sandbox.stats("customerio")["requests"]
    assert steps(shop) == {
        "upsert_user": {"succeeded": ROWS},
        "upsert_person": {"pending": ROWS},
        "upsert_customer": {"succeeded": ROWS},
    }
    assert 0 < asked <= 200
    with sandbox_with(SandboxOptions(port=port)) as sandbox:
        assert shop.run().returncode == 0
        assert by_address(sandbox, "customerio") == EXPECTED
        others = [sandbox.stats(system)["requests"] for system in ("customerly", "kustomer")]
    assert others == [0, 0], "what is settled is not sent again"
    assert set(map(tuple, (counts.items() for counts in steps(shop).values()))) == {(("succeeded", ROWS),)}


def test_a_single_request_that_uses_up_its_retries_fails_its_rows_and_they_can_be_sent_again(
    shop: Workshop,
) -> None:
    shop.people(10)
    with sandbox_with(SandboxOptions(down=("customerio",))) as sandbox:
        shop.at(sandbox)
        shop.job(THREE[1], to="customerio", place={"retry": {"max_elapsed": "1s"}})
        port = port_of(sandbox)
        assert shop.run().returncode == 3
    assert steps(shop) == {"upsert_person": {"failed": 10}}
    with sandbox_with(SandboxOptions(port=port)) as sandbox:
        assert shop.run("--retry", "failed").returncode == 0
        assert len(sandbox.contents("customerio", "people")) == 10
    assert steps(shop) == {"upsert_person": {"succeeded": 10}}


def test_two_accounts_of_one_system_are_told_apart(shop: Workshop, sandbox: Sandbox) -> None:
    with sandbox_with(SandboxOptions()) as other:
        shop.people(20)
        eu = {"system": "customerly", "base_url": other.url}
        shop.job(
            {"name": "ours", "destination": "us", "operation": "upsert_user", "where": "name = 'Person 1'"},
            {
                "name": "theirs",
                "destination": "eu",
                "operation": "upsert_user",
                "where": "name <> 'Person 1'",
            },
            to={"us": {"system": "customerly"}, "eu": eu},
        )
        assert shop.run().returncode == 0
        assert (len(sandbox.contacts()), len(other.contacts())) == (1, 19)
    assert shop.counts("ours") == {"succeeded": 1, "skipped": 19}
    assert shop.counts("theirs") == {"succeeded": 19, "skipped": 1}


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.stem)
def test_every_shipped_job_runs_in_the_sandbox(shop: Workshop, job: Path) -> None:
    quick = ("--set", "destinations.customerio.lag=1s") if "customerio" in job.read_text("utf-8") else ()
    run = shop.bulk(
        "run", str(job), "--sandbox", "--yes", "--limit", "15", *quick, BULK_LEDGER_SECRET="a secret"
    )
    assert run.returncode == 0, run.stderr
    told = shop.ask("status", f"{job.stem}.ledger", "--json").stdout
    assert '"balanced":true' in told.replace(" ", "")


def check(shop: Workshop, **environ: str) -> tuple[int, str]:
    shop.environ |= environ
    told = shop.ask("check", "contacts.yaml")
    return told.code, told.stdout + told.stderr


@pytest.fixture
def three(shop: Workshop) -> Workshop:
    shop.people(2)
    shop.job(*THREE, to=PLACES)
    return shop


def test_a_check_finds_nothing_wrong_and_changes_nothing(three: Workshop, sandbox: Sandbox) -> None:
    code, said = check(three)
    assert code == 0, said
    assert [by_address(sandbox, system) for system in PLACES] == [{}, {}, {}]
    assert not three.ledger.exists()


@pytest.mark.parametrize(
    ("variable", "system"),
    [
        ("CUSTOMERLY_TOKEN", "customerly"),
        ("CUSTOMERIO_API_KEY", "customerio"),
        ("CUSTOMERIO_APP_API_KEY", "customerio"),
        ("KUSTOMER_API_KEY", "kustomer"),
    ],
)
@pytest.mark.parametrize("secret", ["wrong-marker-secret", ""], ids=["wrong", "unset"])
def test_a_check_finds_a_credential_that_opens_nothing(
    three: Workshop, variable: str, system: str, secret: str
) -> None:
    code, said = check(three, **{variable: secret})
    optional = variable == "CUSTOMERIO_APP_API_KEY" and not secret
    assert code == (0 if optional else 2), said
    problems = [line for line in said.splitlines() if line.startswith(f"destination {system}")]
    assert problems or variable in said, said
    assert "marker" not in said


@pytest.mark.parametrize(
    ("behaviour", "place"),
    [
        (CustomerioBehaviour(region="eu"), {"region": "us"}),
        (CustomerioBehaviour(environment_id=7), {"environment_id": 8}),
        (CustomerioBehaviour(moved=True), {}),
    ],
    ids=["region", "workspace", "redirected"],
)
def test_a_check_finds_another_region_or_workspace(
    shop: Workshop, behaviour: CustomerioBehaviour, place: dict[str, Any]
) -> None:
    shop.people(2)
    with sandbox_with(SandboxOptions(customerio=behaviour)) as sandbox:
        shop.at(sandbox)
        shop.job(THREE[1], to="customerio", place=place)
        code, said = check(shop)
    assert code == 2, said
    assert "EU" in said or "workspace 7" in said


def test_a_check_finds_a_key_of_another_pod(shop: Workshop) -> None:
    shop.people(2)
    with sandbox_with(SandboxOptions(kustomer=KustomerBehaviour(pod="prod2"))) as sandbox:
        shop.at(sandbox)
        shop.job(THREE[2], to="kustomer")
        code, said = check(shop)
    assert (code, "base_url" in said) == (2, True), said
