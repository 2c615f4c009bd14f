"""Answers of a hundred megabytes, or that unfold to as much: they are no answers, and memory stays small."""

import gzip
import os
import subprocess
import zlib
from collections import Counter

from fault_cases import packed
from fault_server import Answer, Exchange, faulty
from workshop import Workshop

HUGE = 100_000_000
"""Bytes of an answer."""
PIECE = b" " * 1_000_000
EACH = 4
"""Rows that get an answer of one kind, and requests on the way at once."""
MOST = 100_000
"""Kilobytes by which such answers may raise what is resident; four at once would be four times that."""


async def of_a_known_length(exchange: Exchange) -> None:
    await exchange.write(f"HTTP/1.1 200 OK\r\nContent-Length: {HUGE}\r\n\r\n".encode())
    for _ in range(HUGE // len(PIECE)):
        await exchange.write(PIECE)


async def in_chunks(exchange: Exchange) -> None:
    await exchange.write(b"HTTP/1.1 500 Odd\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(HUGE // len(PIECE)):
        await exchange.write(b"%X\r\n%b\r\n" % (len(PIECE), PIECE))


KINDS: tuple[Answer, ...] = (
    of_a_known_length,
    in_chunks,
    packed(gzip.compress(bytes(HUGE))),
    packed(zlib.compress(bytes(HUGE)), "deflate"),
)


async def huge(exchange: Exchange) -> None:
    exchange.take()
    kind = int(exchange.names[0].partition("-")[0])
    await KINDS[kind](exchange)


def most_resident(shop: Workshop, *, code: int) -> int:
    """Run the job anew; return the most kilobytes that were resident at a time."""
    with subprocess.Popen(
        shop._command(("run", "contacts.yaml", "--ledger", f"{code}.ledger")),
        cwd=shop.folder,
        env=shop.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == code
    return used.ru_maxrss


def test_an_answer_of_a_hundred_megabytes_is_broken_and_fills_no_memory(afresh: Workshop) -> None:
    afresh.source(f"{kind}-{n}@example.com,x" for n in range(EACH) for kind in range(len(KINDS)))
    with faulty() as server:
        afresh.urls["http"] = server.url
        step = {"name": "people", "operation": "request", "method": "POST", "path": "/people", "body": "json"}
        afresh.job(
            {**step, "idempotent": False}, to="http", place={"concurrency": EACH, "auth": {"bearer": "t"}}
        )
        usual = most_resident(afresh, code=0)
        server.answer = huge
        most = most_resident(afresh, code=3)
    afresh.ledger = afresh.folder / "3.ledger"
    told = Counter((line["status"], line["reason"], line["error_message"]) for line in afresh.export())
    why = "the answer is larger than 10,000,000 bytes"
    assert {(status, reason, message.split(" (")[0]) for status, reason, message in told} == {
        ("unknown", "broken_answer", why)
    }
    assert most - usual < MOST, f"{usual:,} kB without, {most:,} kB with such answers"
