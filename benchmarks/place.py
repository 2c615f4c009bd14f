"""Where one command of the benchmark works: its sources, made once, and `bulk` with its jobs and ledgers."""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from fixed_server import Server
from measuring import BULK, Measured, measure
from workload import write_plain, write_rough

HERE = Path(__file__).parent
LEDGER = "benchmark.ledger"
DONE = 0, 3
"""Exit codes of a run that finished; 3 where some rows were rejected."""


@dataclass(frozen=True)
class Place:
    """A folder, and how much is asked.

    Attributes:
        folder: Of sources, ledgers, logs.
        times: How often each side runs.
        rows: Rows of the large comparisons.
        single: Rows that are sent one by one.
        peers: Rows of the comparisons with other tools.
        seconds: Of a case of the limits.
        quick: Whether it is only to be seen that everything works.
    """

    folder: Path
    times: int
    rows: int
    single: int
    peers: int
    seconds: float
    quick: bool

    def plain(self, rows: int) -> Path:
        """Return a source of clean rows."""
        path = self.folder / f"plain-{rows}.csv"
        if not path.exists():
            write_plain(path, rows)
        return path

    def rough(self, rows: int) -> Path:
        """Return a source of rows as they are found."""
        path = self.folder / f"rough-{rows}.csv"
        if not path.exists():
            write_rough(path, rows)
        return path

    def changed(self, rows: int) -> Path:
        """Return the clean rows with one of a thousand changed."""
        path = self.folder / f"changed-{rows}.csv"
        if not path.exists():
            write_plain(path, rows, changed=0.001)
        return path

    @property
    def ledger(self) -> Path:
        """The ledger of the last run."""
        return self.folder / LEDGER

    def ledger_bytes(self) -> int:
        """Return what the ledger and the files beside it hold."""
        return sum(path.stat().st_size for path in self.folder.glob(f"{LEDGER}*"))

    def forget(self) -> None:
        """Remove the ledger."""
        for path in self.folder.glob(f"{LEDGER}*"):
            path.unlink()

    def command(self, job: str, source: Path, server: Server, size: str, **settings: object) -> list[str]:
        """Return the command that runs a job; ``size`` stands in front of the server's path."""
        return self.command_at(job, source, server.url(f"{size}/v1"), **settings)

    def command_at(self, job: str, source: Path, url: str, **settings: object) -> list[str]:
        """Return the command that runs a job at a base URL."""
        shutil.copy(HERE / "jobs" / f"{job}.yaml", self.folder / "job.yaml")
        laid = {
            "source.path": source,
            "destinations.server.base_url": url,
            **{name.replace("__", "."): value for name, value in settings.items()},
        }
        options = [word for name, value in laid.items() for word in ("--set", f"{name}={value}")]
        return [*BULK, "run", "job.yaml", "--yes", "--log-format", "json", "--ledger", LEDGER, *options]

    def run(self, job: str, source: Path, server: Server, size: str = "1000", **settings: object) -> Measured:
        """Run a job to its end, with a new ledger."""
        self.forget()
        return self.go_on(job, source, server, size, **settings)

    def go_on(
        self, job: str, source: Path, server: Server, size: str = "1000", **settings: object
    ) -> Measured:
        """Run a job to its end, with the ledger there is."""
        command = self.command(job, source, server, size, **settings)
        return measure(command, self.folder, server, expect=DONE)

    def bulk(self, *arguments: str) -> Measured:
        """Run another command."""
        return measure([*BULK, *arguments], self.folder)

    def script(self, name: str, server: Server, *arguments: object) -> Measured:
        """Run one of the scripts beside this file."""
        command = [sys.executable, str(HERE / f"{name}.py"), *map(str, arguments)]
        return measure(command, self.folder, server)
