"""Carries out ``bulk sandbox``: serve, and tell people what to set and programs where it is."""

import asyncio
import sys
from dataclasses import dataclass

import orjson
import typer

from bulk.errors import BulkError
from bulk.sandbox.options import SandboxOptions, Urls, as_share, general_and_single
from bulk.sandbox.serve import serve

_TRACK = "destinations.customerio.base_url={customerio}"
_APP = "destinations.customerio.app_base_url={customerio_app}"
_SETTINGS = {
    "customerly": ("CUSTOMERLY_TOKEN={token} ", "destinations.customerly.base_url={customerly}"),
    "customerio": (
        "CUSTOMERIO_SITE_ID=sandbox CUSTOMERIO_API_KEY={token} CUSTOMERIO_APP_API_KEY={token} ",
        f"{_TRACK} --set {_APP}",
    ),
    "kustomer": ("KUSTOMER_API_KEY={token} ", "destinations.kustomer.base_url={kustomer}"),
    "http": ("", "destinations.http.base_url={http}"),
}
"""Environment and setting that point a job at a system."""
_CONTENTS = {
    "customerly": "users leads tags companies messages collections articles",
    "customerio": "people events segments suppressed",
    "kustomer": "customers deleted kobjects conversations notes merges",
    "http": "requests records",
}
"""What can be looked at."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks for."""

    port: int
    host: str
    rate: tuple[str, ...]
    faults: tuple[str, ...]
    down: tuple[str, ...]
    seed: int


def serve_until_stopped(asked: Asked) -> int:
    """Serve until interrupted; return the exit code."""
    try:
        options = _options(asked)
        asyncio.run(serve(options, lambda urls: _announce(urls, options)))
    except BulkError as error:
        typer.echo(f"bulk: {error}", err=True)
        return error.exit_code
    return 0


def _options(asked: Asked) -> SandboxOptions:
    rate, rates = general_and_single(asked.rate)
    share, shares = general_and_single(asked.faults)
    return SandboxOptions(
        port=asked.port,
        host=asked.host,
        rate=rate,
        rates=rates,
        faults=as_share(share or "0"),
        system_faults={name: as_share(text) for name, text in shares.items()},
        down=asked.down,
        seed=asked.seed,
    )


def _announce(urls: Urls, options: SandboxOptions) -> None:
    typer.echo(
        f"The sandbox is running; Ctrl-C ends it. In another terminal:\n\n{_how(urls, options)}", err=True
    )
    sys.stdout.write(orjson.dumps(urls).decode() + "\n")
    sys.stdout.flush()


def _how(urls: Urls, options: SandboxOptions) -> str:
    known = {**urls, "token": options.token}
    control = urls["control"]
    systems = [
        f"{name}\n"
        f"  {environment.format_map(known)}bulk run JOB --set {setting.format_map(known)}\n"
        f"  what arrived: {control}/{name}/KIND, KIND being one of {_CONTENTS[name]}\n"
        for name, (environment, setting) in _SETTINGS.items()
    ]
    return "\n".join((*systems, f"requests, refusals, faults: {control}/stats"))
