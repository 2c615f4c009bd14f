"""Carries out ``bulk listen``: find the secrets, serve, and tell what came as numbers."""

import asyncio
import ipaddress
import os
import re
import ssl
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from bulk.cli.logs import logger
from bulk.cli.loop import runner, signals
from bulk.errors import UsageError
from bulk.job.environment import variable
from bulk.job.units import parse_duration
from bulk.listening.file import SuppressionFile
from bulk.listening.serve import Address, Listening, serve
from bulk.webhooks.customerio import CUSTOMERIO
from bulk.webhooks.customerly import CUSTOMERLY
from bulk.webhooks.judging import Count, Door, Proof, Vendor

_VENDORS: Mapping[str, tuple[Vendor, str]] = {
    CUSTOMERLY.name: (CUSTOMERLY, "CUSTOMERLY_WEBHOOK_SECRET"),
    CUSTOMERIO.name: (CUSTOMERIO, "CUSTOMERIO_WEBHOOK_SIGNING_KEY"),
}
"""Vendors, and the variable of each one's secret."""
_IN_PATH = re.compile(r"[A-Za-z0-9_-]{16,200}")
_MAKE_ONE = 'python3 -c "import secrets; print(secrets.token_urlsafe(32))"'
_LOOK_AT = {
    Count.NAMELESS: "somebody unsubscribed who has neither address nor id; look at the vendor who it was",
    Count.UNPROVEN: "signature or secret missing or wrong; compare it with the vendor's settings",
    Count.STALE: "signed longer ago than --max-age; compare the clocks, or raise it: it is sent again",
    Count.NOT_WRITTEN: "the file could not be written; see to the disk: vendors send again",
    Count.TOO_MANY: "too many connections at once",
    Count.UNEXPECTED: "answered with 500, so that vendors send again; the lines unexpected_error say where",
}
"""What somebody should look at, and how to mend it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks for."""

    file: Path
    vendors: tuple[str, ...]
    host: str
    port: int
    tls_cert: Path | None
    tls_key: Path | None
    max_age: str
    unsigned: bool
    json_log: bool


def execute(asked: Asked) -> int:
    """Receive until interrupted; return the exit code.

    Raises:
        BulkError: It cannot begin, or the file cannot be used any more.
    """
    log = logger(json=asked.json_log, file=str(asked.file))
    doors = {name: _door(name, asked, log) for name in asked.vendors}
    if not doors:
        raise UsageError("nobody is to be listened to; say --customerly, --customerio, or both")
    address = Address(asked.host, asked.port, _tls(asked))
    _warn_of_plain(address, log)
    with closing(SuppressionFile(asked.file)) as file:
        if file.repaired:
            log.warning("last_line_repaired", why="it was cut short; the vendor sends it again")
        runner()(_serve(address, doors, file, log))
    return 0


async def _serve(address: Address, doors: Mapping[str, Door], file: SuppressionFile, log: Any) -> None:
    stop = asyncio.Event()
    listening = Listening(
        doors=doors,
        file=file,
        wall_clock=time.time,
        announce=lambda url: _announce(url, doors, file, log),
        tell=_teller(file, log),
        unexpected=lambda place: log.error("unexpected_error", place=place, why="please report this line"),
    )
    with signals(stop.set):
        await serve(address, listening, stop)
    log.info("stopped", people=len(file))


def _announce(url: str, doors: Mapping[str, Door], file: SuppressionFile, log: Any) -> None:
    """Say where vendors can send to, without the secrets."""
    log.info("listening", url=url, vendors=" ".join(doors), people=len(file))
    sys.stdout.write(orjson.dumps({name: f"{url}/{name}" for name in doors}).decode() + "\n")
    sys.stdout.flush()


def _teller(file: SuppressionFile, log: Any) -> Callable[[Counter[Count]], None]:
    taken_up = 0

    def tell(counts: Counter[Count]) -> None:
        nonlocal taken_up
        log.info("received", **{str(count): number for count, number in counts.items()}, people=len(file))
        for count, why in _LOOK_AT.items():
            if counts[count]:
                log.warning(str(count), times=counts[count], why=why)
        if file.taken_up > taken_up:
            taken_up = file.taken_up
            log.warning("file_changed", why="somebody changed or replaced it while it was listened for")

    return tell


def _door(name: str, asked: Asked, log: Any) -> Door:
    vendor, named = _VENDORS[name]
    secrets = tuple(line.strip() for line in (variable(named, os.environ) or "").splitlines() if line.strip())
    if not secrets and not asked.unsigned:
        raise UsageError(
            f"--{name}: {named} is not set, nor {named}_FILE, so anybody could add people;"
            " set it, or say --unsigned if nobody else can reach this address"
        )
    if not secrets:
        log.warning("unsigned", vendor=name, why="anybody who can reach this address can add people")
    if vendor is CUSTOMERLY and not all(_IN_PATH.fullmatch(secret) for secret in secrets):
        raise UsageError(
            f"{named}: it stands in the address, so it has to be 16 to 200 letters, digits, - and _;"
            f" make one with {_MAKE_ONE}"
        )
    return Door(vendor, Proof(secrets, _max_age(asked.max_age)))


def _max_age(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(f"--max-age {text}: {error}") from None


def _tls(asked: Asked) -> ssl.SSLContext | None:
    if asked.tls_cert is None and asked.tls_key is None:
        return None
    if asked.tls_cert is None or asked.tls_key is None:
        raise UsageError("--tls-cert and --tls-key belong together; say both, or neither behind a proxy")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(asked.tls_cert, asked.tls_key, password=lambda: "")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(
            f"--tls-cert {asked.tls_cert}, --tls-key {asked.tls_key}: cannot be used ({why})"
        ) from None
    return context


def _warn_of_plain(address: Address, log: Any) -> None:
    if address.tls is None and not _is_here(address.host):
        log.warning(
            "plain_http", why="names of people travel unencrypted, unless a proxy before it speaks TLS"
        )


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
