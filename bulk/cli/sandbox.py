"""``bulk sandbox``: run the local systems until interrupted."""

from typing import Annotated

import typer

from bulk.cli import completing


def sandbox(
    port: Annotated[int, typer.Option(help="Port to listen on; 0 picks a free one.")] = 8000,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 in a container.")] = "127.0.0.1",
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
        typer.Option(
            help="A system that answers 503 to everything; repeatable.",
            metavar="SYSTEM",
            autocompletion=completing.served_systems,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Which requests go wrong; the same seed, the same faults.")] = 0,
) -> None:
    """Run local servers that behave as the systems do, until interrupted.

    Nothing leaves this machine, and all they were sent is forgotten when they end.

    Example: bulk sandbox --port 8000 --rate 200/s --faults 0.01 --seed 7
    """
    from bulk.cli.serving import Asked, serve_until_stopped

    asked = Asked(
        port=port,
        host=host,
        rate=tuple(rate or ()),
        faults=tuple(faults or ()),
        down=tuple(down or ()),
        seed=seed,
    )
    raise typer.Exit(serve_until_stopped(asked))
