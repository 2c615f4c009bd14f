"""``bulk sandbox``: run the local systems until interrupted."""

import asyncio
import sys
from typing import Annotated

import orjson
import typer

from bulk.errors import BulkError
from bulk.sandbox.options import SandboxOptions, Urls, as_share, general_and_single

_USUAL = SandboxOptions(port=8000)
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


def sandbox(
    port: Annotated[int, typer.Option(help="Port to listen on; 0 picks a free one.")] = _USUAL.port,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 in a container.")] = _USUAL.host,
    rate: Annotated[
        list[str] | None,
        typer.Option(
            help="Strict limit of each system, or of one: 200/s, customerio=100/s; repeatable.",
            metavar="[SYSTEM=]RATE",
        ),
    ] = None,
    faults: Annotated[
        list[str] | None,
        typer.Option(
            help="Share of requests that go wrong, 0 to 1, at each system or at one; repeatable.",
            metavar="[SYSTEM=]SHARE",
        ),
    ] = None,
    down: Annotated[
        list[str] | None,
        typer.Option(help="A system that answers 503 to everything; repeatable.", metavar="SYSTEM"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Which requests go wrong; the same seed, the same faults.")] = 0,
) -> None:
    """Run local servers that behave as the systems do, until interrupted.

    Nothing leaves this machine, and all they were sent is forgotten when they end.

    Example: bulk sandbox --port 8000 --rate 200/s --faults 0.01 --seed 7
    """
    from bulk.sandbox.serve import serve

    try:
        general_rate, rates = general_and_single(rate or ())
        general_share, shares = general_and_single(faults or ())
        options = SandboxOptions(
            port=port,
            host=host,
            rate=general_rate,
            rates=rates,
            faults=as_share(general_share or "0"),
            system_faults={name: as_share(share) for name, share in shares.items()},
            down=tuple(down or ()),
            seed=seed,
        )
        asyncio.run(serve(options, lambda urls: _announce(urls, options)))
    except BulkError as error:
        typer.echo(f"bulk: {error}", err=True)
        raise typer.Exit(error.exit_code) from error


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
