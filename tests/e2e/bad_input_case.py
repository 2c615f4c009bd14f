"""One kind of bad input, and what a folder must hold so that the command meets it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

JOB = """\
name: trial
source:
  path: people.csv
destinations:
  customerly:
    base_url: ${TRIAL_URL}
    rate: 1000/s
steps:
  - destination: customerly
    operation: upsert_user
    fields:
      email: Email
      name: Name
"""
HEADER = "Email,Name\n"
PEOPLE = f"{HEADER}marker.ada@example.com,Marker Ada\nmarker.bob@example.com,Marker Bob\n"
MARKERS = ("marker", "Marker", "MARKER")
"""Part of every value of a row and of every secret; nothing the command says may hold it."""
RUN = ("run", "job.yaml")
AT_PATH = "bulk: job.yaml:3: source.path: "
AT_DATABASE = "bulk: job.yaml:3: source.database: "
Content = str | bytes


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of bad input.

    Attributes:
        name: What is bad.
        says: What the person sees; `…` stands for any text.
        code: The exit code.
        job: The job file; None if there is none.
        files: Other files by name; without `people.csv` a good one is there.
        args: The command line after `bulk`.
        first: A command line that goes well before, such as one that makes a ledger.
        damage: What is done to the folder after that.
        stdin: What stands on standard input.
        sends: Whether the good rows are sent.
        needs_user: Whether it means nothing to root, who may read everything.
    """

    name: str
    says: str
    code: int = 2
    job: Content | None = JOB
    files: Mapping[str, Content] = field(default_factory=dict)
    args: tuple[str, ...] = RUN
    first: tuple[str, ...] = ()
    damage: Callable[[Path], None] | None = None
    stdin: bytes = b""
    sends: bool = False
    needs_user: bool = False

    def lay_out(self, folder: Path) -> None:
        """Write the files."""
        given = {"people.csv": PEOPLE, **self.files}
        if self.job is not None:
            given["job.yaml"] = self.job
        for name, content in given.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)


def job_with(*changes: tuple[str, str]) -> str:
    """Return the good job with some of its text changed."""
    text = JOB
    for old, new in changes:
        if old not in text:
            raise ValueError(f"the job holds no {old!r}")
        text = text.replace(old, new, 1)
    return text
