"""A disk that is full or read-only, a ledger that is taken away or cut: no outcome that was told is lost."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from fault_server import FaultServer, faulty
from workshop import Workshop, until

from bulk.ledger.wal import index_of, wal_of

ROWS = 300
FRAME = 24 + 4096
STEP = {
    "name": "people",
    "operation": "request",
    "method": "POST",
    "path": "/people",
    "body": "json",
    "idempotent": False,
}


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with faulty() as server:
        yield server


@pytest.fixture
def sending(shop: Workshop, server: FaultServer) -> Workshop:
    """A job of requests that must not be sent twice."""
    shop.people(ROWS)
    shop.urls["http"] = server.url
    shop.job(STEP, to="http", place={"auth": {"bearer": "t"}, "rate": "200/s"})
    return shop


@pytest.fixture
def disk(sending: Workshop) -> Iterator[Path]:
    """A small disk that holds the ledger."""
    folder = sending.folder / "disk"
    folder.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(folder)]
    if subprocess.run(mounted, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a disk")
    sending.ledger = folder / "contacts.ledger"
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def run(shop: Workshop, *arguments: str) -> tuple[int, str]:
    ended = shop.ask("run", "contacts.yaml", "--ledger", str(shop.ledger), *arguments)
    return ended.code, ended.stderr


def fill(disk: Path, left: int) -> Path:
    """Take all room of a disk but so many bytes."""
    ballast = disk / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(bytes(65_536)):
            pass
    os.truncate(ballast, max(0, ballast.stat().st_size - left))
    return ballast


def goes_on(shop: Workshop, server: FaultServer, settled: set[int]) -> None:
    """Run the job to its end: what was settled stays so, and nobody is written to twice."""
    code, said = run(shop, "--set", "destinations.http.rate=2000/s")
    lines = shop.export()
    succeeded = {line["row"] for line in lines if line["status"] == "succeeded"}
    unknown = {line["row"] for line in lines if line["status"] == "unknown"}
    assert (code, shop.status()["balanced"]) == (3 if unknown else 0, True), said
    assert settled <= succeeded
    assert succeeded | unknown == set(range(1, ROWS + 1))
    assert max(server.asked.values()) == 1
    assert {line["key"] for line in lines if line["status"] == "succeeded"} <= set(server.taken)


def settled(shop: Workshop) -> set[int]:
    return {line["row"] for line in shop.export("--status", "succeeded")}


def test_a_disk_that_fills_up_stops_the_run_which_goes_on_when_there_is_room(
    sending: Workshop, server: FaultServer, disk: Path
) -> None:
    ballast = fill(disk, left=320_000)
    code, said = run(sending)
    assert (code, "mend the disk, then run the command again" in said) == (4, True), said
    before = settled(sending)
    assert 0 < len(before) <= server.requests < ROWS
    ballast.unlink()
    assert settled(sending) == before
    goes_on(sending, server, before)


def test_on_a_disk_that_is_full_from_the_start_nothing_is_sent(
    sending: Workshop, server: FaultServer, disk: Path
) -> None:
    ballast = fill(disk, left=0)
    code, said = run(sending)
    assert (code, "mend the disk" in said, server.requests) == (4, True, 0), said
    told = sending.ask("status", str(sending.ledger))
    assert (told.code, "ended before anything was recorded" in told.stderr) == (2, True)
    ballast.unlink()
    goes_on(sending, server, set())


def test_a_ledger_on_a_disk_that_is_read_only_can_be_read_and_nothing_is_sent(
    sending: Workshop, server: FaultServer, disk: Path
) -> None:
    assert run(sending, "--limit", "20")[0] == 0
    before = settled(sending)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    code, said = run(sending)
    assert (code, "Read-only file system" in said, server.requests) == (2, True, 20), said
    assert settled(sending) == before
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    goes_on(sending, server, before)


def removed(ledger: Path) -> None:
    ledger.unlink()


def moved(ledger: Path) -> None:
    ledger.rename(ledger.with_name("elsewhere"))


def wal_removed(ledger: Path) -> None:
    wal_of(ledger).unlink()


@pytest.mark.parametrize("take_away", [removed, moved, wal_removed])
def test_a_ledger_that_is_taken_away_while_it_is_written_is_put_back(
    sending: Workshop, server: FaultServer, take_away: Callable[[Path], None]
) -> None:
    with sending.running() as going:
        until(lambda: server.requests >= 40, "requests")
        told = settled(sending)
        take_away(sending.ledger)
        assert going.wait(30) == 4
    before = settled(sending)
    assert told <= before
    assert server.requests < ROWS
    assert sending.ledger.stat().st_mode & 0o777 == 0o600
    goes_on(sending, server, before)


def test_a_ledger_that_is_replaced_while_it_is_written_is_put_beside_the_other(
    sending: Workshop, server: FaultServer
) -> None:
    with sending.running() as going:
        until(lambda: server.requests >= 40, "requests")
        other = shutil.copy(sending.folder / "contacts.csv", sending.folder / "other")
        Path(other).replace(sending.ledger)
        assert going.wait(30) == 4
    assert sending.ledger.read_bytes().startswith(b"email,name")
    for part in (wal_of(sending.ledger), index_of(sending.ledger)):
        part.unlink(missing_ok=True)
    (sending.folder / "contacts.ledger.rescued").replace(sending.ledger)
    goes_on(sending, server, settled(sending))


@pytest.fixture
def killed(sending: Workshop, server: FaultServer) -> Workshop:
    """A job that was killed on its way: its last outcomes stand in the WAL."""
    with sending.running() as going:
        until(lambda: server.requests >= 40, "requests")
        going.kill()
        going.wait()
    return sending


def without_its_last_byte(body: bytes) -> bytes:
    return body[:-1]


def overwritten(body: bytes) -> bytes:
    return body[:-5000] + bytes(5000)


def emptied(_body: bytes) -> bytes:
    return b""


@pytest.mark.parametrize("damage", [without_its_last_byte, overwritten, emptied])
def test_a_wal_that_is_cut_or_overwritten_after_a_crash_is_refused_until_it_is_whole_again(
    killed: Workshop, server: FaultServer, damage: Callable[[bytes], bytes]
) -> None:
    wal = wal_of(killed.ledger)
    body, index, sent = wal.read_bytes(), index_of(killed.ledger).read_bytes(), server.requests
    committed = 32 + int.from_bytes(index[16:20], sys.byteorder) * FRAME
    wal.write_bytes(damage(body[:committed]))
    for command in (("status", str(killed.ledger)), ("run", "contacts.yaml")):
        refused = killed.ask(*command)
        assert (refused.code, "is cut short, damaged or gone" in refused.stderr) == (2, True), refused.stderr
    assert server.requests == sent
    assert index_of(killed.ledger).read_bytes() == index, "who looks does not forget what was committed"
    wal.write_bytes(body)
    goes_on(killed, server, settled(killed))


def test_without_its_index_what_is_left_of_a_wal_goes_on(killed: Workshop) -> None:
    wal_of(killed.ledger).write_bytes(b"")
    index_of(killed.ledger).unlink()
    assert run(killed, "--set", "destinations.http.rate=2000/s")[0] == 0
