"""One life: a job runs, crashes, goes on, night after night, till all is settled; and what must hold then."""

import asyncio
import os
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from math import exp, log
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import orjson
from faults import Fault, Weather
from network import Network, Wire, opener
from scenarios import SCENARIOS, SUPPRESSED, TOKEN, Outcome, Outcomes, Places, Row, mark, text
from virtual import Crash, VirtualLoop, bury, live

from bulk.conversation import Status
from bulk.errors import BulkError
from bulk.job import Job, load_job
from bulk.ledger import Ledger
from bulk.ledger.board import AWAITING, CODE
from bulk.ledger.schema import REMOVED
from bulk.ledger.view import View
from bulk.prepare import open_job_source, prepare
from bulk.runner.people import Planned
from bulk.runner.run import Run
from bulk.runner.setup import LaneSetup, Options
from bulk.runner.way import World

T = TypeVar("T")
UNIX = 1_790_000_000.0
MOST_RUNS, MOST_CALM_RUNS = 5, 8
NIGHT = 60.0
"""Seconds to the next night: by then all that was under way is done, as nobody can undo what comes later."""
LATENCIES = (0.0, 0.0, 0.0, 0.002, 0.02)
"""Seconds that blocking work takes to begin, or to be heard of."""
ENVIRON = {
    "CUSTOMERLY_TOKEN": TOKEN,
    "CUSTOMERIO_SITE_ID": "sandbox",
    "CUSTOMERIO_API_KEY": TOKEN,
    "CUSTOMERIO_APP_API_KEY": TOKEN,
    "KUSTOMER_API_KEY": TOKEN,
    "BULK_LEDGER_SECRET": "a made-up secret",
}
FINISHED = frozenset((0, 3))


class _Yes:
    """Approves everything."""

    async def approve(self, _planned: Planned) -> str:
        return "a test"

    async def canary_passed(self, _step: str, _records: int) -> None:
        return


@dataclass
class Told:
    """What one life has come to.

    Attributes:
        seed: Which one it was.
        scenario: What it was led with.
        problems: What must never happen, and did.
        events: What happened, in words, for whoever replays it.
        counts: Runs, crashes by kind, faults, requests.
    """

    seed: int
    scenario: str
    problems: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


@dataclass
class _End:
    """How a run is to end.

    Attributes:
        turn: The turn of the loop in which the process is gone.
        work: The number of the piece of blocking work at which it is.
        how: ``before``, ``after`` or ``torn``: relative to that work.
        request: The number of the request at which it is.
        moment: ``sent``, ``worked`` or ``answered``: how far that request has come.
        interrupt: Seconds after which somebody presses Ctrl-C.
        full: The number of the piece of work from which on the disk is full.
    """

    turn: int | None = None
    work: int | None = None
    how: str = ""
    request: int | None = None
    moment: str = ""
    interrupt: float | None = None
    full: int | None = None

    @property
    def kind(self) -> str:
        """What kind of crash it is."""
        if self.how:
            return f"{self.how} a commit"
        return f"request {self.moment}" if self.moment else "at an await"


class _Work:
    """Does blocking work inline, and knows what was durable before and after it."""

    def __init__(self, life: "Life", ledger: Ledger, end: _End) -> None:
        self._life = life
        self._ledger = ledger
        self._end = end
        self.number = 0
        self.torn: tuple[int, int] | None = None
        self.acknowledged: tuple[int, list[np.ndarray[Any, Any]]] = (0, [])

    async def __call__(self, function: Callable[[], T]) -> T:
        if self._life.network.dead:
            await asyncio.Event().wait()
        await asyncio.sleep(self._life.chance.choice(LATENCIES))
        self.number += 1
        here = self.number == self._end.work
        if here and self._end.how == "before":
            raise Crash
        if self.number == self._end.full:
            self._fill()
        before = self._size()
        result = function()
        if here:
            if self._end.how == "torn":
                self.torn = before, self._size()
            else:
                self._acknowledge()
            raise Crash
        self._acknowledge()
        await asyncio.sleep(self._life.chance.choice(LATENCIES))
        return result

    def _acknowledge(self) -> None:
        self.acknowledged = self._ledger.number, [board.codes.copy() for board in self._ledger.boards]

    def _size(self) -> int:
        wal = Path(f"{self._ledger.path}-wal")
        return wal.stat().st_size if wal.exists() else 0

    def _fill(self) -> None:
        """Let the file grow no more, as on a full disk."""
        connection = self._ledger._connection
        ((pages,),) = connection.execute("PRAGMA page_count").fetchall()
        connection.execute(f"PRAGMA max_page_count={pages}")
        self._life.told.counts["full disk"] += 1


class Life:
    """One life; ``lead`` leads it."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.chance = random.Random(seed)
        weights = [one.weight for one in SCENARIOS]
        (self.scenario,) = self.chance.choices(SCENARIOS, weights)
        self.told = Told(seed, self.scenario.name)
        self.folder = folder
        self.ledger = folder / "0" / "contacts.ledger"
        self.ledger.parent.mkdir()
        self.places = Places(self.chance)
        kinds = tuple(self.chance.sample(list(Fault), self.chance.randrange(1, len(Fault) + 1)))
        self.weather = Weather(self.chance.choice((0.0, 0.1, 0.3, 0.6)), kinds)
        self.network = Network(self.chance, self.weather, UNIX)
        self.network.in_order = self.scenario.repeats
        self.network.say = self._say
        self.now = 0.0
        self.jump = 0.0
        self.job: Job | None = None
        self.rows: list[Row] = []
        self.settled: dict[tuple[str, int], Outcome] = {}
        self.step_names: list[str] = []
        self.former_pass = self.last_pass = 0
        self.loop: VirtualLoop | None = None
        self.turns = 60

    def lead(self) -> Told:
        """Lead it to its end."""
        job = self.scenario.job(self.chance)
        (self.folder / "contacts.yaml").write_bytes(orjson.dumps(job))
        self._say(f"{self.scenario.name}: {orjson.dumps(job['destinations']).decode()}")
        for night in range(self.scenario.nights):
            self._night(night)
            self.now += NIGHT
        self.told.problems += self.network.problems
        self.told.problems += self.network.check_rates()
        self.told.counts.update({fault.value: count for fault, count in self.weather.counts.items()})
        self.told.counts["requests"] += sum(len(wire.seen) for wire in self.network.wires.values())
        return self.told

    def _say(self, what: str) -> None:
        now = self.now if self.loop is None else self.loop.time()
        self.told.events.append(f"{now:10.3f}  {what}")

    def _complain(self, what: str) -> None:
        if what not in self.told.problems:
            self.told.problems.append(what)
        self._say(f"PROBLEM: {what}")

    def _night(self, night: int) -> None:
        self.rows = self.scenario.source(self.chance, night, self.rows)
        source = text(self.rows, self.chance)
        (self.folder / "contacts.csv").write_text(source)
        (self.folder / "suppressed.csv").write_text("\n".join(["email", *sorted(SUPPRESSED)]))
        self._say(f"night {night}: {len(self.rows)} rows")
        if night == 0:
            self.scenario.before(self.places, self.rows, UNIX)
        self.job = load_job(self.folder / "contacts.yaml", {})
        self.settled, self.former_pass = {}, self.last_pass
        last = night == self.scenario.nights - 1
        for _ in range(self.chance.randrange(MOST_RUNS)):
            code = self._run(self._drawn_end())
            self._rest()
            if code in FINISHED:
                break
        if last or self.chance.random() < 0.5:
            self._calm_down(last=last)

    def _calm_down(self, *, last: bool) -> None:
        """Let the weather clear, and run until nothing is left to do."""
        share, self.weather.share = self.weather.share, 0.0
        code = None
        for number in range(MOST_CALM_RUNS):
            again = frozenset((Status.FAILED,)) if self.scenario.retried and number else frozenset[Status]()
            code = self._run(_End(), again)
            self._rest(60.0)
            if code in FINISHED and number:
                break
        if code not in FINISHED:
            self._complain(f"does not come to an end in calm weather: exit code {code}")
        if last:
            self._check_end()
        self.weather.share = share

    def _rest(self, seconds: float | None = None) -> None:
        """Let time pass between two processes; a process takes a moment to start."""
        self.now += self.chance.choice((0.3, 0.6, 2.0, 45.0, 900.0)) if seconds is None else seconds
        if self.chance.random() < 0.1:
            self.jump += self.chance.choice((-3600.0, -5.0, 5.0, 3600.0))
            self.told.counts["clock jump"] += 1

    def _drawn_end(self) -> _End:
        """Draw how a run ends."""
        chance = self.chance
        which = chance.random()
        if which < 0.25:
            known = chance.random() < 0.6
            turn = chance.randrange(1, self.turns + 2) if known else int(exp(chance.uniform(0, log(2000))))
            return _End(turn=turn)
        if which < 0.5:
            how = chance.choice(("before", "after", "torn"))
            return _End(work=int(exp(chance.uniform(0, log(60)))), how=how)
        if which < 0.75:
            moment = chance.choice(("sent", "worked", "answered"))
            return _End(request=int(exp(chance.uniform(0, log(25)))), moment=moment)
        if which < 0.83:
            return _End(interrupt=exp(chance.uniform(log(0.01), log(100))))
        return _End(full=int(exp(chance.uniform(log(4), log(60))))) if which < 0.88 else _End()

    def _run(self, end: _End, again: frozenset[Status] = frozenset()) -> int | None:
        """Let a process live; return its exit code, or None if it was gone before it had one."""
        self.network.run += 1
        self.network.dead = False
        self.network.end = (end.request, end.moment) if end.request is not None else (0, "")
        self.network.sent = 0
        self.told.counts["runs"] += 1
        for wire in self.network.wires.values():
            wire.begins(self._closed(wire.name, again))
        loop = self.loop = VirtualLoop(self.now)
        asyncio.set_event_loop(loop)
        loop.crash_at, loop.crash_after = end.turn, self.chance.random()
        process = _Process(self, end, again)
        code: int | None = None
        try:
            code = live(loop, process.main())
        except Crash:
            self._say(f"run {self.network.run} is gone ({end})")
            self.told.counts[f"crash {end.kind}"] += 1
        finally:
            self.network.dead = True
            self.now, self.loop, self.turns = loop.time(), None, max(self.turns, loop.turns)
            self._survive(process)
            bury(loop)
            process.close()
        self._say(f"run {self.network.run} ended: {code}")
        self._look(process)
        return code

    def _closed(self, wire: str, again: frozenset[Status]) -> Iterator[int]:
        """Yield the marks of records that are not to be sent again to a destination."""
        for (step, row), outcome in self.settled.items():
            if step.endswith(REMOVED):
                continue  # its rows are nobody's in the source
            name = next(one["destination"] for one in self.scenario.steps if one["name"] == step)
            sent_again = {"pending", *again} | (
                {"unknown", "failed"} if "sync" in self.scenario.keys else set()
            )
            settled = outcome.status not in sent_again and outcome.reason != "earlier_step"
            if settled and name == wire.partition(" ")[0] and row <= len(self.rows):
                yield mark(self.rows[row - 1])

    def _survive(self, process: "_Process") -> None:
        """Keep what is durable: the ledger, and its WAL as far as it was written."""
        place = self.folder / str(self.network.run)
        place.mkdir()
        survivor = place / self.ledger.name
        for suffix in ("", "-wal"):
            written = Path(f"{self.ledger}{suffix}")
            if written.exists():
                shutil.copyfile(written, f"{survivor}{suffix}")
        if process.torn is not None:
            first, last = process.torn
            wal = Path(f"{survivor}-wal")
            if wal.exists() and last > first:
                os.truncate(wal, self.chance.randrange(first, last))
        self.former, self.ledger = self.ledger, survivor

    def _look(self, process: "_Process") -> None:
        """Look at the ledger as it survived: nothing that was acknowledged is lost, and sums balance."""
        shutil.rmtree(self.former.parent)
        found, (number, boards) = self._outcomes(), process.acknowledged
        if found is None and any((codes != CODE[Status.PENDING]).any() for codes in boards):
            self._complain("the ledger has forgotten what it held")
        if not found:
            return
        for step, codes in zip(self.step_names, boards if number == self.last_pass else (), strict=False):
            for row in (np.flatnonzero((codes != CODE[Status.PENDING]) & (codes != AWAITING)) + 1).tolist():
                said = found.get((step, row))
                if said is None or said.status == "pending":
                    self._complain(f"{step}: row {row} was acknowledged, and is pending now")
        for key, before in self.settled.items():
            now = found.get(key)
            changed = now is None or (before.status in {"succeeded", "unknown", "rejected"} and before != now)
            if changed and not before.verification:
                self._complain(f"{key}: {before} became {now}")
        self.settled = {key: one for key, one in found.items() if one.status != "pending"}

    def _outcomes(self) -> dict[tuple[str, int], Outcome] | None:
        """Return what the ledger says of this night's pass; None if there is none yet."""
        with suppress(BulkError), View(self.ledger) as view:
            if view.rows is None or not view.runs:
                self.settled = {}  # a pass that was not begun is none, and may be dropped again
                return {}
            self.step_names = [step.name for step in view.steps]
            if not view.balanced:
                self._complain("the sums do not balance")
            lines = (
                row
                for frame in view.lines()
                for row in frame.select("step", "row", "status", "reason", "verification").iter_rows()
            )
            if view.number != self.last_pass:
                self.settled, self.last_pass = {}, view.number
            if view.number <= self.former_pass:
                return {}
            return {(step, row): Outcome(status, reason, seen) for step, row, status, reason, seen in lines}
        return None

    def _check_end(self) -> None:
        """Everything is settled, and what is said is true."""
        for wire in self.network.wires.values():
            wire.ends(UNIX + self.now)
        found = self._outcomes() or {}
        outcomes: dict[str, dict[int, Outcome]] = {}
        for (name, row), outcome in found.items():
            outcomes.setdefault(name, {})[row] = outcome
        told: Outcomes = outcomes
        for step in self.scenario.steps:
            outcomes.setdefault(step["name"], {})
        for what in self.scenario.truth(self.places, self.rows, told):
            self._complain(what)
        for what in self._lost(told):
            self._complain(what)
        self.told.counts.update(f"outcome {one.status}" for one in found.values())

    def _lost(self, outcomes: Outcomes) -> Iterator[str]:
        """Say which valid row was neither carried over nor accounted for."""
        for step in self.scenario.steps:
            wire = self.network.wires.get((step["destination"], ""))
            for row in range(1, len(self.rows) + 1):
                said = outcomes[step["name"]].get(row)
                if what := self._amiss(said):
                    yield f"{step['name']}: row {row} {what}"
                elif wire is not None and said is not None:
                    done = wire.worked[mark(self.rows[row - 1])]
                    if done > 1:
                        yield f"{step['name']}: row {row} was done {done} times, and must not be repeated"
                    if not done and wire.worked and said.status == "succeeded":
                        yield f"{step['name']}: row {row} is said to be done, and never was"

    def _amiss(self, said: Outcome | None) -> str | None:
        """Say what is wrong with the outcome of a valid row in calm weather."""
        if said is None or said.status == "pending":
            return "has no outcome"
        if said.status == "rejected":
            return f"is valid, and was rejected: {said.reason}"
        if said.status == "failed" and self.scenario.retried and said.reason != "still_present":
            return f"failed for good in calm weather: {said.reason}"
        return None


class _Process:
    """What dies in a crash: the run, its ledger's connection, everything in memory."""

    def __init__(self, life: Life, end: _End, again: frozenset[Status]) -> None:
        self._life = life
        self._end = end
        self._again = again
        self._ledger: Ledger | None = None
        self._source: Any = None
        self._works: list[_Work] = []

    @property
    def torn(self) -> tuple[int, int] | None:
        """Between which sizes of the WAL the process was gone, if it was in a commit."""
        return next((work.torn for work in self._works if work.torn is not None), None)

    @property
    def acknowledged(self) -> tuple[int, list[np.ndarray[Any, Any]]]:
        """The number of the pass, and its boards as they were when a commit was last acknowledged."""
        return self._works[-1].acknowledged if self._works else (0, [])

    async def main(self) -> int:
        """Run the job."""
        try:
            return await self._go()
        except BulkError as error:
            self._life._say(f"refused: {error}")
            return error.exit_code

    async def _go(self) -> int:
        life = self._life
        assert life.job is not None
        ledger = self._ledger = Ledger(life.ledger, life.chance.randbytes)
        self._source = open_job_source(life.job)
        setup = prepare(life.job, self._source, ENVIRON, Options(again=self._again))
        erasing = setup.erasing is not None
        ledger.settle_fact("job", setup.name)
        secret = ledger.protect(setup.secrets, hashed=setup.hashed, erasing=erasing)
        setup = replace(setup, secret=secret, lanes=tuple(map(self._wired, setup.lanes)))
        work = _Work(life, ledger, self._end)
        self._works = [work]
        loop = asyncio.get_running_loop()
        run = Run(
            setup,
            ledger,
            people=_Yes(),
            world=World(lambda: UNIX + life.jump + loop.time(), life.chance.random, asyncio.sleep),
            source_work=work,
            ledger_work=work,
            note=lambda event, **facts: life._say(f"{event} {facts}"),
        )
        if self._end.interrupt is not None:
            loop.call_later(self._end.interrupt, run.interrupt)
            life.told.counts["interrupted"] += 1
        return await run.go()

    def _wired(self, lane: LaneSetup) -> LaneSetup:
        """Send to the systems of this life instead."""
        network, job = self._life.network, self._life.job
        assert job is not None
        place = job.destinations[lane.name]

        def wired(surface: str) -> Wire:
            name = f"{lane.name} {surface}".strip()
            system = self._life.places.systems[lane.name, surface]
            return network.wires.setdefault((lane.name, surface), Wire(name, system, lane.ways[surface].rate))

        ways = {}
        for surface, way in lane.ways.items():
            speaker = place.system.surfaces[surface] if surface else place.system
            secrets = {one.option: ENVIRON[one.variable] for one in place.credentials if one.variable}
            headers = speaker.headers(secrets, place.settings)
            ways[surface] = replace(way, open_sender=opener(network, wired(surface), headers))
        return replace(lane, ways=ways)

    def close(self) -> None:
        """Let go of the files, as the kernel does when a process is gone."""
        if self._ledger is not None:
            with suppress(BaseException):
                self._ledger.close()
        if self._source is not None:
            self._source.close()


def live_one(seed: int) -> Told:
    """Lead the life of a seed."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="life-", dir=memory if memory.is_dir() else None) as folder:
        life = Life(seed, Path(folder))
        try:
            return life.lead()
        except Exception as error:
            life.told.problems.append(f"{type(error).__name__}: {error}")
            if os.environ.get("BULK_SIMULATION_RAISE"):
                raise
            return life.told
