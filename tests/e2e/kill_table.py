"""Kills every shipped job and prints what came of it: `PYTHONPATH=. python tests/e2e/kill_table.py [JOB]`."""

import random
import re
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import orjson
from forked_bulk import ForkedBulk, forked_bulk
from kill_cases import CASES, JOBS, OPTIONS, SECRET, Case
from recorder import Asked, Recorder, recording
from workshop import Row, Sandbox, Workshop, sandbox_with

KILLS = 200
IN_A_LIFE = 4
"""Kills of one job before it may go to its end."""
_KINDS = (
    ("customerly", "users"),
    ("customerly", "leads"),
    ("customerio", "people"),
    ("customerio", "suppressed"),
    ("kustomer", "customers"),
    ("kustomer", "notes"),
    ("kustomer", "kobjects"),
)
_PREFIXES = {"/v1/": "customerly", "/customerio": "customerio", "/kustomer/": "kustomer"}
_READS = "/customerio-app/"
"""People are only read through that API."""
_OF_THE_MOMENT = frozenset(("crmhero_user_id", "first_seen_at", "last_update", "cio_id", "rev", "customer"))
_NAME = re.compile(r"[\w.+'-]+@[\w.-]+|[A-Z]+-\d+")
State = Counter[tuple[str, str]]
Outcomes = Mapping[tuple[int, str], tuple[str, str]]


@dataclass
class Life:
    """What became of one job that was killed several times and then went to its end.

    Attributes:
        kills: How often it was killed.
        early: How often before its first request.
        unknown: Outcomes that nobody knows.
        otherwise: Outcomes as well as in a run nobody disturbed, for another reason.
        again: Names that a kind of request wrote more often than in a run nobody disturbed.
        problems: What must never be.
    """

    kills: int = 0
    early: int = 0
    unknown: int = 0
    otherwise: int = 0
    again: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class End:
    """How a job ended: exit code (None if it was killed at its end), outcomes, and what was done to whom."""

    code: int | None
    outcomes: Outcomes
    names: Mapping[int, str]
    state: State
    written: Counter[tuple[str, str]]
    seconds: float


class Bench:
    """What lives are led with."""

    def __init__(self, bulk: ForkedBulk, sandbox: Sandbox, recorder: Recorder) -> None:
        self.bulk = bulk
        self.sandbox = sandbox
        self.recorder = recorder
        self._usual: dict[str, End] = {}

    def usual(self, case: Case) -> End:
        """Return how a job ends that nobody disturbs."""
        if case.job not in self._usual:
            with self._laid_out(case) as lying:
                self._usual[case.job] = lying.end()
        return self._usual[case.job]

    def live(self, case: Case, chance: random.Random, most: int = IN_A_LIFE) -> Life:
        """Kill a job up to so many times, at any moments, and let it go to its end."""
        usual = self.usual(case)
        with self._laid_out(case) as lying:
            life = Life()
            settled: Outcomes = {}
            for _ in range(most):
                lying.killed(chance.uniform(0, usual.seconds / (1 + life.kills / 2)))
                if lying.code is not None:
                    break
                life.kills += 1
                life.early += not lying.asked
                settled = lying.look(life, settled)
                if lying.finished:
                    break
            end = lying.end()
            lying.needless(life)
        _compare(life, usual, end)
        return life

    @contextmanager
    def _laid_out(self, case: Case) -> Iterator["Lying"]:
        self.sandbox.reset()
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            shutil.copytree(JOBS, folder / "jobs")
            case.seed(self.sandbox, folder / "jobs" / "data")
            self.recorder.asked.clear()
            yield Lying(case, self, folder)


class Lying:
    """A job in a folder of its own, at systems that know whom it needs."""

    def __init__(self, case: Case, bench: Bench, folder: Path) -> None:
        urls = {system: bench.recorder.through(url) for system, url in bench.sandbox.urls.items()}
        self.shop = Workshop(folder, urls, bench.bulk)
        self.shop.environ["BULK_LEDGER_SECRET"] = SECRET
        self.shop.ledger = folder / f"{case.job}.ledger"
        self.command = ("run", f"jobs/{case.job}.yaml", "--yes", *case.settings(urls))
        self.data = folder / "jobs" / "data"
        self.asked = bench.recorder.asked
        self._case = case
        self._sandbox = bench.sandbox
        self._settled: list[tuple[int, set[tuple[str, str]]]] = []
        self.code: int | None = None
        self.finished = False

    def killed(self, seconds: float) -> None:
        """Start the job and kill it after so long, unless it has ended by then."""
        with self.shop.running_command(*self.command) as run:
            threading.Event().wait(seconds)
            self.code = run.poll()
            self.finished = self.code is not None

    def look(self, life: Life, before: Outcomes) -> Outcomes:
        """Look at the ledger of a job that was killed: nothing that was settled may have changed."""
        if not self.shop.ledger.exists():
            return {}
        told = self.shop.ask("status", str(self.shop.ledger), "--json")
        if told.code:  # no pass yet, and it says so
            return before
        status = orjson.loads(told.stdout)
        if status["state"] == "reading":
            return before
        self.finished = status["state"] == "finished"
        if not status["balanced"]:
            life.problems.append("the counts do not balance after a kill")
        lines = self.shop.export()
        now = _outcomes(lines)
        changed = [place for place, was in before.items() if was[0] != "pending" and now[place] != was]
        life.problems += [f"row {row}, {step}: settled, and changed by going on" for row, step in changed]
        self._settled.append((len(self.asked), self._settled_names(lines)))
        return now

    def end(self) -> End:
        """Let the job go to its end; if it is there already, a sync would begin another night."""
        begun = time.monotonic()
        if not self.finished:
            self.code = self.shop.ask(*self.command).code
        seconds = time.monotonic() - begun
        lines = self.shop.export()
        names = {line["row"]: self._case.name(line, self.data) for line in lines}
        written = Counter(_written(self.asked))
        return End(self.code, _outcomes(lines), names, _state(self._sandbox), written, seconds)

    def needless(self, life: Life) -> None:
        """Note who was written to a system after all that names them there was settled."""
        for arrived, settled in self._settled:
            again = settled.intersection(_written(self.asked[arrived:]))
            life.problems += [f"{system}: somebody settled was sent again" for system, _ in again]

    def _settled_names(self, lines: Iterable[Row]) -> set[tuple[str, str]]:
        """Systems and names of which no row is pending there."""
        places = [(line["destination"], self._case.name(line, self.data), line["status"]) for line in lines]
        pending = {(system, name) for system, name, status in places if status == "pending"}
        return {(system, name) for system, name, _ in places if name} - pending


def _outcomes(lines: Iterable[Row]) -> Outcomes:
    return {(line["row"], line["step"]): (line["status"], line["reason"]) for line in lines}


def _written(asked: Iterable[Asked]) -> Iterator[tuple[str, str]]:
    """Yield system and name for everybody whom a request wrote."""
    for one in asked:
        system = next(system for prefix, system in _PREFIXES.items() if one.target.startswith(prefix))
        if one.method != "GET" and "/search" not in one.target and not one.target.startswith(_READS):
            text = unquote(one.target) + " " + one.body.decode()
            yield from ((system, name) for name in set(_NAME.findall(text)))


def _state(sandbox: Sandbox) -> State:
    """Return what the systems hold, without what depends on the moment."""
    held: State = Counter()
    for system, kind in _KINDS:
        for item in sandbox.contents(system, kind):
            held[
                f"{system} {kind}", orjson.dumps(_lasting(item, system), option=orjson.OPT_SORT_KEYS).decode()
            ] += 1
    return held


def _lasting(item: Any, system: str) -> Any:
    if not isinstance(item, dict):
        return item
    moment = _OF_THE_MOMENT | ({"id"} if system == "kustomer" else set())
    return {
        name: value for name, value in item.items() if name not in moment and not name.endswith(("At", "_at"))
    }


def _compare(life: Life, usual: End, end: End) -> None:
    """Compare an end with that of a run nobody disturbed."""
    unknown = set()
    for place, (status, reason) in end.outcomes.items():
        expected = usual.outcomes[place]
        if status == "unknown":
            unknown.add(end.names[place[0]])
            life.unknown += 1
        elif status != expected[0]:
            life.problems.append(f"row {place[0]}, {place[1]}: {status} {reason}, not {' '.join(expected)}")
        else:
            life.otherwise += reason != expected[1]
    different = (usual.state - end.state) + (end.state - usual.state)
    life.problems += [
        f"{kind} are not as after a run nobody disturbed"
        for kind, text in different
        if not any(name and name in text.lower() for name in map(str.lower, unknown))
    ]
    life.again += (end.written - usual.written).total()
    code = 3 if unknown else usual.code
    if end.code not in {code, None} or end.outcomes.keys() != usual.outcomes.keys():
        life.problems.append(f"it ended with {end.code}, not {code}")


@contextmanager
def bench() -> Iterator[Bench]:
    """Run a sandbox, a recorder before it, and the helper that forks commands."""
    with (
        forked_bulk() as bulk,
        sandbox_with(OPTIONS) as sandbox,
        recording(sandbox.urls["control"]) as recorder,
    ):
        yield Bench(bulk, sandbox, recorder)


def table_row(case: Case, lives: list[Life]) -> str:
    """Return a row of the table."""
    sums = [
        sum(getattr(life, name) for life in lives)
        for name in ("kills", "early", "again", "unknown", "otherwise")
    ]
    cells = (case.job, len(lives), *sums, sum(len(life.problems) for life in lives))
    return f"| {' | '.join(map(str, cells))} |"


def main(wanted: list[str]) -> None:
    """Print the table of all jobs, or of those that are wanted, and what must never be."""
    sys.stdout.write(
        "| job | lives | kills | before a request | written again | unknown | for another reason | wrong |\n"
        "|---|---|---|---|---|---|---|---|\n"
    )
    problems: Counter[str] = Counter()
    with bench() as at:
        for number, case in enumerate(CASES):
            if case.job in wanted or not wanted:
                lives = _lives(case, at, number)
                problems.update(f"{case.job}: {problem}" for life in lives for problem in life.problems)
    sys.stdout.write("".join(f"{problem} ({times} times)\n" for problem, times in problems.items()))
    sys.exit(bool(problems))


def _lives(case: Case, at: Bench, number: int) -> list[Life]:
    """Lead lives with a job until it was killed its share of times, and print its row."""
    due = (number + 1) * KILLS // len(CASES) - number * KILLS // len(CASES)
    chance, lives = random.Random(number), list[Life]()
    while sum(life.kills for life in lives) < due:
        lives.append(at.live(case, chance))
    sys.stdout.write(table_row(case, lives) + "\n")
    sys.stdout.flush()
    return lives


if __name__ == "__main__":
    main(sys.argv[1:])
