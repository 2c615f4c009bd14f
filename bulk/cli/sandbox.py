"""``bulk sandbox``: run the local systems until interrupted."""

import asyncio
import sys
from typing import Annotated

import orjson
import typer

from bulk.errors import BulkError
from bulk.sandbox.options import SandboxOptions, Urls

_USUAL = SandboxOptions(port=8000)


def sandbox(
    port: Annotated[int, typer.Option(help="Port to listen on; 0 picks a free one.")] = _USUAL.port,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 in a container.")] = _USUAL.host,
    rate: Annotated[
        str | None, typer.Option(help="Strict limit of each system: 200/s, 300/min, 30/3s.", metavar="RATE")
    ] = _USUAL.rate,
    faults: Annotated[float, typer.Option(help="Share of requests that go wrong, 0 to 1.")] = _USUAL.faults,
    seed: Annotated[int, typer.Option(help="Which requests go wrong; the same seed, the same faults.")] = 0,
) -> None:
    """Run local servers that behave as the systems do, until interrupted.

    Nothing leaves this machine, and all they were sent is forgotten when they end.

    Example: bulk sandbox --port 8000 --rate 200/s --faults 0.01 --seed 7
    """
    from bulk.sandbox.serve import serve

    try:
        options = SandboxOptions(port=port, host=host, rate=rate, faults=faults, seed=seed)
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
    settings = f"CUSTOMERLY_TOKEN={options.token} bulk run JOB --set destinations.customerly.base_url="
    return (
        f"  {settings}{urls['customerly']}\n\n"
        f"  {urls['control']}/customerly/users    what arrived\n"
        f"  {urls['control']}/stats               requests, refusals, faults"
    )
