"""Nobody and no secret is written where it does not belong: every job, every command, good ends and bad ones.

Secrets and people carry marks. Everything that was said, and every file that came to be (ledgers, write-ahead
logs, exports, pages, locks, temporary files), is searched for them, and so are processes' command lines.
"""

import json
import re
import sqlite3
import stat
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from forked_bulk import ForkedBulk
from workshop import REPOSITORY, Workshop, sandbox_with, until

from bulk.cli.main import app
from bulk.job.document import parse_document
from bulk.ledger.columns import unpacked
from bulk.sandbox import SandboxOptions

TOKEN, PASSWORD, LEDGER_SECRET = "s3cret-token-9f", "s3cret-password-9f", "s3cret-ledger-9f"
SIGNING = Ed25519PrivateKey.from_private_bytes(b"a made-up key for a leak test 9f")
PEM = SIGNING.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
SECRETS = re.compile(rb"s3cret|" + re.escape(PEM.splitlines()[1].encode()))
PERSON, PHONE = "marker", "39066669"
PEOPLE = re.compile(rf"{PERSON}|{PHONE}".encode(), re.IGNORECASE)
NOBODY = re.compile(rb"(?!)")
"""Where people may stand, only secrets are looked for."""
FRAMES = ("keys", "told", "contents", "delivered", "subjects", "requests")
"""Tables of a ledger that keep frames, compressed; what `found` and `jobs` keep is sealed."""
ROWS = 24
TOKENS = (
    "CUSTOMERLY_TOKEN",
    "CUSTOMERIO_API_KEY",
    "CUSTOMERIO_APP_API_KEY",
    "KUSTOMER_API_KEY",
    "HTTP_TOKEN",
)
WRONG = dict.fromkeys(TOKENS, f"{TOKEN}-wrong")
SHARED = {"made.yaml": "a job names nobody, and is meant to be read and kept by others too"}
HTTP_AUTH = {"bearer": "${HTTP_TOKEN}"}
SIGNED = {"BULK_SIGNING_KEY": PEM}


@dataclass
class Searched:
    """What was looked at, and what was found there."""

    runs: int = 0
    files: int = 0
    size: int = 0
    found: list[str] = field(default_factory=list)

    def look(self, place: str, data: bytes, people: "re.Pattern[bytes]" = PEOPLE) -> None:
        self.size += len(data)
        for pattern in (SECRETS, people):
            if hit := pattern.search(data):
                self.found.append(f"{place}: …{data[max(0, hit.start() - 60) : hit.end() + 40]!r}")


@dataclass(frozen=True)
class Try:
    """A command line, how it ends, and where it may name people, with the reason."""

    args: tuple[str, ...]
    codes: tuple[int, ...] = (0, 3)
    stdout: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)


def tries(job: str, ledger: str) -> tuple[Try, ...]:
    """Return what is done with every job: each command, through success, refusal and mistakes."""
    run = ("run", job, "--yes")
    exported = {"source.csv": "--with-source adds the columns of the source, so that they can be mended"}
    return (
        Try(("check", job, "--offline")),
        Try(("check", job)),
        Try(("check", job, "--find", "-o", "seen.csv"), (0, 2, 3, 4)),
        Try(("preview", job, "--mask")),
        Try(("preview", job, "-n", "1"), stdout="a preview shows the exact requests, unless it is masked"),
        Try((*run, "--set", "guards.max_records=1"), (0, 5)),
        Try(("run", job), (0, 3, 5)),
        Try((*run, "--fresh"), (2, 3, 4), environ=WRONG),
        Try((*run, "--fresh"), (2,), environ={"BULK_LEDGER_SECRET": ""}),
        Try((*run, "--fresh", "--limit", "2"), (0, 3, 4)),
        Try((*run, "--log-format", "json"), (0, 3, 4)),
        Try((*run, "--retry", "failed"), (0, 3, 4)),
        Try(("run", job, "--set", "source.nowhere=s3cret"), (2,)),
        Try(("run", job, "--set", "steps=marker"), (2,)),
        Try(("status", ledger), (0,)),
        Try(("status", ledger, "--json"), (0,)),
        Try(("export", ledger, "-o", "all.csv"), (0,)),
        Try(("export", ledger, "-o", "source.csv", "--with-source"), (0, 2), files=exported),
        Try(("report", ledger, "-o", "page.html"), (0,)),
        Try(("report", ledger, "-o", "evidence.json", "--evidence"), (0, 2), environ=SIGNED),
        Try(("audit", ledger, "evidence.json"), (0, 2)),
        Try(("verify", ledger), (0, 2, 3, 4)),
        Try(("verify", ledger, "--contacts", "pull", "-o", "returned.csv"), (0, 2, 3, 4)),
        Try(("purge", ledger, "--people", "people.txt"), (0, 2)),
    )  # fmt: skip


def others(urls: Mapping[str, str]) -> tuple[Try, ...]:
    """Return what is done without a job, or with one that is refused."""
    pull = ("pull", "customerly", "users", "-o", "pulled.csv")
    at = ("--set", f"destinations.customerly.base_url={urls['customerly']}")
    pulled = {"pulled.csv": "that is what pull is for"}
    return (
        Try((*pull, *at), (0,), files=pulled),
        Try((*pull, "--by", "email", "people.txt", *at), files=pulled),
        Try((*pull, *at), (4,), environ=WRONG),
        Try(("init", "hubspot-contacts.csv", "--to", "customerly", "-o", "made.yaml"), (0,)),
        Try(("init", "suppressed.csv", "--to", "kustomer", "-o", "-"), (0, 2)),
        Try(("init", "orders.ndjson", "--to", "customerio", "-o", "made.yaml"), (2,)),
        Try(("destinations",), (0,)),
        Try(("destinations", "kustomer", "erase_person"), (0,)),
        Try(("schema",), (0,)),
        Try(("--help",), (0,)),
        Try(("check", "database.yaml"), (2,)),
        Try(("run", "database.yaml"), (2,)),
        Try(("run", "typo.yaml"), (2,)),
        Try(("status", "people.txt"), (2,)),
        Try(("purge", "people.txt", "--people", "people.txt"), (2,)),
        Try(("sandbox", "--port", "-1"), (2,)),
        Try(("listen", "people.txt", "--customerly", "--port", "0"), (2,)),
    )


def marked(cell: str, column: str, row: int) -> str:
    """Return a cell of a shipped sample with a mark on whoever it names."""
    if "@" in cell:
        return f"{PERSON}.{cell}"
    if "phone" in column.lower() and cell:
        return f"+{PHONE}{row:04d}"
    return f"{PERSON} {cell}" if cell and re.search(r"(?i)name|city|note", column) else cell


def everything_in(path: Path) -> bytes:
    """Return a file's bytes; of a ledger also what it keeps compressed."""
    return path.read_bytes() + (_unpacked(path) if path.suffix == ".ledger" else b"")


def _unpacked(ledger: Path) -> bytes:
    parts = []
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"{ledger.as_uri()}?mode=ro", uri=True)) as read:
        for table in FRAMES:
            bodies = read.execute(f"SELECT body FROM {table}").fetchall()
            parts += [repr(unpacked(body).rows()).encode() for (body,) in bodies]
    return b"".join(parts)


class House:
    """A folder with every shipped job, its sample full of marks, and all secrets in the environment."""

    def __init__(self, folder: Path, urls: Mapping[str, str], forker: ForkedBulk) -> None:
        self.shop = Workshop(folder, urls, forker)
        self.folder, self.searched = folder, Searched()
        for name in ("home", "tmp"):
            (folder / name).mkdir()
        self.shop.environ |= {
            "HOME": str(folder / "home"),
            "TMPDIR": str(folder / "tmp"),
            **dict.fromkeys(TOKENS, TOKEN),
            "CUSTOMERIO_SITE_ID": "sandbox",
            "BULK_LEDGER_SECRET": LEDGER_SECRET,
            "DATABASE_PASSWORD": PASSWORD,
        }
        self.jobs = [self._job(path) for path in sorted((REPOSITORY / "jobs").glob("*.yaml"))]
        self._more_files()
        self.given = self._files()

    def _job(self, path: Path) -> str:
        job = parse_document(path.read_text(), path.name).value
        job["source"]["path"] = self._sample(path.parent / job["source"]["path"])
        for hold in job.get("holds", ()):
            hold["path"] = self._sample(path.parent / hold["path"], bad=False)
        for name, place in job["destinations"].items():
            system = place.get("system", name)
            place.update(self.shop.place(system), **({"auth": HTTP_AUTH} if system == "http" else {}))
        job["guards"] = {key: value for key, value in job["guards"].items() if key == "max_records"}
        job["ledger"] = {"keys": "hashed"}
        return self.shop.write(path.name, json.dumps(job)).name

    def _sample(self, path: Path, *, bad: bool = True) -> str:
        lines = path.read_text().splitlines()[:ROWS]
        if path.suffix == ".ndjson":
            lines = [re.sub(r'"(?=[^"]*@)', f'"{PERSON}.', line) for line in lines]
        elif path.name != "returned.csv":
            columns = lines[0].split(",")
            lines[1:] = [
                ",".join(map(marked, line.split(","), columns, [row] * len(columns)))
                for row, line in enumerate(lines[1:])
                if '"' not in line
            ]
            refused = [
                f"{PERSON};@example.com" if name.lower() in {"email", "e-mail"} else "" for name in columns
            ]
            lines += [",".join(refused), f"{PERSON},too,many,{PERSON}" + "," * len(columns)] * bad
        return self.shop.write(path.name, "\n".join(lines) + "\n").name

    def _more_files(self) -> None:
        self.shop.write("people.txt", f"{PERSON}.a@example.com\n{PERSON}.b@example.com\n")
        job = json.loads((self.folder / "crm-migration.yaml").read_text())
        uri = "postgresql://me:${DATABASE_PASSWORD}@127.0.0.1:9/crm"
        database = {"source": {"database": {"uri": uri, "query": "select 1"}}}
        self.shop.write("database.yaml", json.dumps(job | database))
        typo = {"destinations": {"customerly": {"auth": {"tokn": TOKEN}, "rate": TOKEN}}}
        self.shop.write("typo.yaml", json.dumps(job | typo | {"suppression": [{"secret": TOKEN}]}))

    def _files(self) -> set[Path]:
        return {path for path in self.folder.rglob("*") if path.is_file()}

    def attempt(self, one: Try) -> None:
        """Carry a command out, and search what it said."""
        done = self.shop.bulk(*one.args, **one.environ)
        self.searched.runs += 1
        what = " ".join(one.args)
        assert done.returncode in one.codes, f"{what}: {done.returncode}\n{done.stderr[-1500:]}"
        self.searched.look(f"stderr of {what}", done.stderr.encode())
        self.searched.look(f"stdout of {what}", done.stdout.encode(), NOBODY if one.stdout else PEOPLE)
        self.search_files(set(one.files))

    def search_files(self, may_name: set[str] = frozenset()) -> None:  # type: ignore[assignment]  # never changed
        """Search every file that is not ours, and let nobody else read it; exports are thrown away after."""
        for path in sorted(self._files() - self.given):
            try:
                data, mode = everything_in(path), stat.S_IMODE(path.stat().st_mode)
            except FileNotFoundError:
                continue  # of a process that goes on
            self.searched.files += 1
            self.searched.look(path.name, data, NOBODY if path.name in may_name else PEOPLE)
            if mode & 0o077 and path.name not in SHARED:
                self.searched.found.append(f"{path.relative_to(self.folder)}: has mode {mode:o}")
            if PEOPLE.search(path.name.encode()):
                self.searched.found.append(f"{path.name}: is named after somebody")
            if path.name in may_name:
                path.unlink()


@pytest.fixture(scope="module")
def house(forker: ForkedBulk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with sandbox_with(SandboxOptions(token=TOKEN)) as sandbox:
        yield House(tmp_path_factory.mktemp("leaks"), sandbox.urls, forker)


def test_every_command_is_searched(house: House) -> None:
    done = {one.args[0] for one in (*tries("", ""), *others(house.shop.urls))}

    assert {command.callback.__name__ for command in app.registered_commands if command.callback} <= done


@pytest.mark.parametrize("job", sorted(path.name for path in (REPOSITORY / "jobs").glob("*.yaml")))
def test_no_job_leaks_through_any_command(house: House, job: str) -> None:
    house.searched = Searched()
    assert job in house.jobs
    name = json.loads((house.folder / job).read_text())["name"]

    for one in tries(job, f"{name}.ledger"):
        house.attempt(one)

    assert house.searched.found == []
    assert house.searched.runs == len(tries("", ""))
    assert house.searched.files > house.searched.runs


def test_nothing_leaks_without_a_job(house: House) -> None:
    house.searched = Searched()
    for one in others(house.shop.urls):
        house.attempt(one)

    assert house.searched.found == []


BUG = """
from bulk.conversation import Batch
def joined(batch, before=b"", after=b""):
    raise ValueError(f"a bug with {batch.column('email')}, {batch.records.frame}")
Batch.joined = joined
"""


def test_a_bug_is_told_without_the_people_that_it_met(house: House) -> None:
    """The command is started as a user starts it, with a bug in how requests are made."""
    house.searched = Searched()
    (house.folder / "home" / "sitecustomize.py").write_text(BUG)
    house.given = house._files()
    real = Workshop(house.folder, house.shop.urls)
    paths = f"{house.folder / 'home'}:{REPOSITORY}"
    real.environ = house.shop.environ | {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}

    done = real.bulk("run", "crm-migration.yaml", "--ledger", "bug.ledger", "--yes")
    house.searched.look("stderr", done.stderr.encode())
    house.searched.look("stdout", done.stdout.encode())
    house.search_files()

    assert done.returncode == 1, done.stderr
    assert "unexpected error: ValueError in joined (sitecustomize.py:4)" in done.stderr
    assert house.searched.found == []


def test_what_a_kill_leaves_behind_and_what_others_see_meanwhile_names_nobody(house: House) -> None:
    """Command lines can be read by everybody on the machine; a write-ahead log stays when a run is killed."""
    house.searched = Searched()
    real = Workshop(house.folder, house.shop.urls)
    real.environ = house.shop.environ
    slow = ("--set", "destinations.customerly.rate=5/s", "--set", "steps[0].batch_size=1")
    ledger = house.folder / "killed.ledger"

    with real.running_command("run", "crm-migration.yaml", "--ledger", ledger.name, "--yes", *slow) as run:
        until(lambda: _settled(ledger), "an outcome")
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                line = process.read_bytes()
                house.searched.look("a command line", b"" if b"bulk.sandbox" in line else line)
        house.search_files()
        run.kill()
        run.wait()
    house.search_files()

    assert Path(f"{ledger}-wal").exists()
    assert house.searched.found == []


def _settled(ledger: Path) -> bool:
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"{ledger.as_uri()}?mode=ro", uri=True)) as read:
        return bool(read.execute("SELECT count(*) FROM entries").fetchone()[0])
    return False


def test_a_plain_ledger_names_people_by_their_keys_and_holds_no_secret(house: House) -> None:
    """The contract: keys are plain unless a job asks for hashes, and vendors' words stay as they are."""
    house.searched = Searched()
    plain = {"plain.ledger": "its keys are plain", "failed.csv": "an export of it names them too"}
    for args in (
        ("run", "crm-migration.yaml", "--yes", "--ledger", "plain.ledger", "--set", "ledger.keys=plain"),
        ("export", "plain.ledger", "-o", "failed.csv", "--status", "failed,rejected"),
        ("report", "plain.ledger", "-o", "page.html"),
    ):
        done = house.shop.bulk(*args)
        assert done.returncode in {0, 3}, done.stderr
        house.searched.look(f"what {args[0]} says", (done.stderr + done.stdout).encode())
    assert all(PEOPLE.search(everything_in(house.folder / name)) for name in plain)
    house.search_files(set(plain))

    assert house.searched.found == []
