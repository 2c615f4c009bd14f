"""What ``import bulk`` offers does what the commands do, inside a program that goes on afterwards."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import orjson
import polars as pl
import pytest
from workshop import REPOSITORY, Sandbox, Workshop

import bulk
from bulk.ledger.view import EXPORT

EACH = {"operation": "upsert_user", "batch_size": 1}
DELETE = {"operation": "delete_user", "fields": {"email": "email"}}
THIRD_PARTIES = ("polars", "numpy", "pydantic", "aiohttp", "typer", "orjson")


@pytest.fixture
def shop(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """A workshop whose folder this process works in."""
    monkeypatch.chdir(shop.folder)
    return shop


def load(shop: Workshop, *settings: str) -> bulk.Job:
    return bulk.load_job("contacts.yaml", settings=settings, environ=shop.environ)


def test_a_run_ends_with_what_the_command_would_say(shop: Workshop, sandbox: Sandbox) -> None:
    shop.source(["ada@example.com,Ada", "nobody,Nobody", "bob@example.com,Bob"])
    shop.job()
    result = asyncio.run(bulk.run(load(shop), environ=shop.environ))
    everything = shop.status()["steps"]
    assert (result.exit_code, result.rows, dict(result.steps)) == (3, 3, everything)
    assert (result.ledger, result.stopped) == (Path("contacts.ledger"), ())
    assert set(sandbox.contacts()) == {"ada@example.com", "bob@example.com"}


def test_the_command_goes_on_with_the_ledger_of_a_program(shop: Workshop, sandbox: Sandbox) -> None:
    shop.people(5)
    shop.job(EACH)
    test_send = asyncio.run(bulk.run(load(shop), limit=2, environ=shop.environ))
    assert test_send.steps["upsert_user"]["pending"] == 3
    assert shop.run().returncode == 0
    assert sandbox.requests == 5


def test_a_run_writes_nothing_and_leaves_signals_alone(
    shop: Workshop, capfd: pytest.CaptureFixture[str]
) -> None:
    shop.people(3)
    shop.job()
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    within = []

    async def look(_: bulk.Progress) -> None:
        within.append([signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)])

    asyncio.run(asyncio.wait_for(bulk.run(load(shop), progress=look, environ=shop.environ), 60))
    bulk.preview(load(shop), environ=shop.environ)
    assert capfd.readouterr() == ("", "")
    # asyncio's own runner, and nobody else, listens to SIGINT meanwhile.
    assert [found[1] for found in within] == [before[1]] * len(within)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_what_happens_is_logged_and_names_nobody(shop: Workshop, caplog: pytest.LogCaptureFixture) -> None:
    shop.people(3)
    shop.job(EACH)
    with caplog.at_level(logging.INFO, logger="bulk"):
        asyncio.run(bulk.run(load(shop), environ=shop.environ))
    assert [record.getMessage() for record in caplog.records if record.name == "bulk"] == [
        "reading source=contacts.csv",
        "sent destination=customerly requests=3 retries=0 throttled=0",
    ]


def test_progress_is_told_until_the_run_is_done(shop: Workshop) -> None:
    shop.people(6)
    shop.job(EACH, place={"rate": "20/s"})
    told: list[bulk.Progress] = []

    async def tell(progress: bulk.Progress) -> None:
        told.append(progress)

    asyncio.run(bulk.run(load(shop), progress=tell, every=0.02, environ=shop.environ))
    settled = [step.settled for progress in told for step in progress.steps]
    last = told[-1]
    assert settled == sorted(settled)
    assert len(set(settled)) > 2
    assert (last.phase, last.rows_read, last.steps[0].sendable) == ("done", 6, 6)
    assert last.destinations == (bulk.DestinationProgress("customerly", requests=6, retries=0, throttled=0),)


def on_first_outcome(do: Callable[[], object]) -> Callable[[bulk.Progress], Awaitable[None]]:
    """Return a callback that does something once some record has its outcome."""
    done: list[object] = []

    async def tell(progress: bulk.Progress) -> None:
        if not done and any(step.settled for step in progress.steps):
            done.append(do())

    return tell


def test_cancelling_is_a_stop_after_which_everything_sent_is_recorded(
    shop: Workshop, sandbox: Sandbox
) -> None:
    shop.people(200)
    shop.job(EACH, place={"rate": "50/s"})

    async def begin_and_cancel() -> None:
        running = asyncio.create_task(
            bulk.run(
                load(shop),
                progress=on_first_outcome(lambda: running.cancel()),  # noqa: PLW0108 - the task that is not made yet
                every=0.01,
                environ=shop.environ,
            )
        )
        await running

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(begin_and_cancel())
    counts = shop.counts()
    assert 0 < counts["succeeded"] == sandbox.requests < 200
    again = asyncio.run(
        bulk.run(load(shop, "destinations.customerly.rate=1000/s"), environ=shop.environ),
    )
    assert again.exit_code == 0
    assert sandbox.requests == 200


def test_a_time_limit_of_the_program_is_a_stop_too(shop: Workshop, sandbox: Sandbox) -> None:
    shop.people(200)
    shop.job(EACH, place={"rate": "50/s"})

    async def for_a_while() -> None:
        async with asyncio.timeout(None) as limit:
            over = on_first_outcome(lambda: limit.reschedule(0))
            await bulk.run(load(shop), progress=over, every=0.01, environ=shop.environ)

    with pytest.raises(TimeoutError):
        asyncio.run(for_a_while())
    assert 0 < shop.counts()["succeeded"] == sandbox.requests < 200


def test_what_the_callback_raises_stops_the_run_and_is_raised(shop: Workshop, sandbox: Sandbox) -> None:
    shop.people(200)
    shop.job(EACH, place={"rate": "50/s"})

    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(bulk.run(load(shop), progress=on_first_outcome(fail), every=0.01, environ=shop.environ))
    assert 0 < shop.counts()["succeeded"] == sandbox.requests < 200


def test_what_can_never_be_undone_is_refused_unless_it_is_approved(shop: Workshop, sandbox: Sandbox) -> None:
    shop.people(2)
    shop.job(DELETE)
    with pytest.raises(bulk.RefusedError, match=r'with approve="[0-9a-f]+" or approve=True'):
        asyncio.run(bulk.run(load(shop), environ=shop.environ))
    with pytest.raises(bulk.RefusedError, match="the plan is not the one that was confirmed"):
        asyncio.run(bulk.run(load(shop), approve="sha256:0", environ=shop.environ))
    assert sandbox.requests == 0
    digest = bulk.preview(load(shop), environ=shop.environ).digest
    asyncio.run(bulk.run(load(shop), approve=digest, environ=shop.environ))
    assert sandbox.requests == 2


def test_a_guard_refuses_unless_it_is_lifted_for_a_reason(shop: Workshop) -> None:
    shop.people(2)
    shop.job(guards={"max_records": 1})
    with pytest.raises(bulk.RefusedError, match="guard max_records"):
        asyncio.run(bulk.run(load(shop), environ=shop.environ))
    with pytest.raises(bulk.UsageError, match="needs --reason"):
        asyncio.run(bulk.run(load(shop), override={"max_records"}, environ=shop.environ))
    lifted = bulk.run(load(shop), override={"max_records"}, reason="two are right", environ=shop.environ)
    assert asyncio.run(lifted).exit_code == 0


def test_two_runs_of_a_program_do_not_share_an_account(shop: Workshop) -> None:
    shop.people(20)
    shop.job(EACH, place={"rate": "20/s"})
    refused: list[BaseException] = []

    async def second(progress: bulk.Progress) -> None:
        if progress.phase == "sending" and not refused:
            with pytest.raises(bulk.HeldError) as held:
                await bulk.run(load(shop), ledger="other.ledger", environ=shop.environ)
            refused.append(held.value)

    first = bulk.run(load(shop), progress=second, every=0.02, environ=shop.environ)
    assert asyncio.run(first).exit_code == 0
    assert [str(error) for error in refused] == [
        "destination customerly: another run here uses this account; wait for it, or stop it first"
    ]


@pytest.mark.parametrize(
    "mistake", [{"limit": 0}, {"every": 0}, {"retry": "succeeded"}, {"override": ["canery"]}]
)
def test_a_wrong_argument_is_refused_before_anything_is_opened(
    shop: Workshop, mistake: Mapping[str, int | str | list[str]]
) -> None:
    shop.people(1)
    shop.job()
    with pytest.raises(bulk.UsageError):
        asyncio.run(bulk.run(load(shop), environ=shop.environ, **mistake))  # type: ignore[arg-type]  # that is the mistake
    assert not shop.ledger.exists()


def test_all_mistakes_of_a_job_are_told_at_once(shop: Workshop) -> None:
    shop.people(1)
    shop.job(
        {"operation": "upsert_user", "fields": {"email": "email", "nmae": "name"}}, sync={"mode": "some"}
    )
    with pytest.raises(bulk.JobError) as told:
        load(shop)
    assert len(told.value.problems) == 2


def test_a_preview_is_what_the_command_prints(shop: Workshop, sandbox: Sandbox) -> None:
    shop.source(["ada@example.com,Ada", "nobody,Nobody"])
    shop.job()
    shown = bulk.preview(load(shop), rows=1, mask=True, environ=shop.environ)
    assert orjson.loads(orjson.dumps(shown)) == shop.preview("-n", "1", "--mask")
    assert shown.steps[0].told == {"rejected: bad_value": 1}
    assert sandbox.requests == 0


def list_people(shop: Workshop, sandbox: Sandbox, count: int, **place: str) -> None:
    """Make a job that lists so many contacts to unsubscribe the first of them."""
    people = [{"email": f"person{n}@example.com", "user_id": f"u{n}"} for n in range(1, count + 1)]
    sandbox.put("users", people)
    shop.source(["person1@example.com"], header="who")
    match = {"contacts": {"pull": "users"}, "column": "who", "hash": "none", "of": "email"}
    shop.job({"operation": "unsubscribe_user", "fields": {"email": "email"}}, match=match, place=place)


def test_contacts_are_listed_also_where_a_loop_is_running(shop: Workshop, sandbox: Sandbox) -> None:
    list_people(shop, sandbox, 2)

    async def in_a_notebook() -> tuple[bulk.Preview, bulk.Result]:
        looked = bulk.preview(load(shop), environ=shop.environ)
        return looked, await bulk.run(load(shop), environ=shop.environ)

    looked, result = asyncio.run(in_a_notebook())
    assert looked.match == [{"destination": "customerly", "contacts": 2, "matches": True}]
    assert result.steps["unsubscribe_user"]["succeeded"] == 1


def test_cancelling_ends_a_listing_and_leaves_no_ledger(shop: Workshop, sandbox: Sandbox) -> None:
    list_people(shop, sandbox, 301, rate="1/s")
    before = sandbox.requests

    async def cancel_while_listing() -> None:
        running = asyncio.create_task(bulk.run(load(shop), environ=shop.environ))
        while sandbox.requests == before and not running.done():  # noqa: ASYNC110 - another process is waited for
            await asyncio.sleep(0.01)
        running.cancel()
        await running

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancel_while_listing())
    assert (shop.ledger.exists(), sandbox.requests - before) == (False, 1)


def test_a_ledger_is_read_as_it_is_exported(shop: Workshop) -> None:
    shop.source(["ada@example.com,Ada", "nobody,Nobody"])
    shop.job()
    asyncio.run(bulk.run(load(shop), environ=shop.environ))
    lines = bulk.read_ledger("contacts.ledger")
    assert lines.columns == list(EXPORT)
    assert lines.to_dicts() == shop.export()
    rejected = bulk.read_ledger(shop.ledger, status="rejected", with_source=True)
    assert rejected.select("row", "reason", "email", "name").rows() == [(2, "bad_value", "nobody", "Nobody")]
    assert bulk.read_ledger(shop.ledger, status={"failed", "unknown"}).height == 0
    with pytest.raises(bulk.UsageError, match='there is no status "fail"; there are succeeded'):
        bulk.read_ledger(shop.ledger, status="fail")


def test_a_ledger_without_rows_has_the_same_columns(shop: Workshop) -> None:
    shop.source([])
    shop.job()
    asyncio.run(bulk.run(load(shop), environ=shop.environ))
    nothing = bulk.read_ledger(shop.ledger)
    shop.people(1)
    asyncio.run(bulk.run(load(shop), fresh=True, environ=shop.environ))
    assert nothing.schema == bulk.read_ledger(shop.ledger).schema
    assert isinstance(nothing, pl.DataFrame)


def test_a_job_names_no_values_of_its_file(shop: Workshop) -> None:
    shop.job(place={"auth": {"token": "not-to-be-shown"}})
    assert repr(load(shop)) == "<Job contacts: upsert_user at customerly>"


def test_import_bulk_loads_nothing_that_is_not_used() -> None:
    code = f"import bulk, sys; print([name for name in {THIRD_PARTIES} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_every_name_it_offers_is_there() -> None:
    assert [name for name in bulk.__all__ if not hasattr(bulk, name)] == []
    assert set(bulk.__all__) <= set(dir(bulk))
    with pytest.raises(AttributeError, match="has no attribute 'load_jobs'"):
        _ = bulk.load_jobs  # type: ignore[attr-defined]  # that it is not there is the point


def test_type_checkers_are_told_that_it_is_typed() -> None:
    assert Path(bulk.__file__).with_name("py.typed").exists()
