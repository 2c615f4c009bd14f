"""``bulk destinations``: what can be done, with fields and where the facts come from."""

from typing import Annotated

import typer

from bulk.cli import completing


def destinations(
    system: Annotated[
        str | None, typer.Argument(help="A system, such as customerly.", autocompletion=completing.systems)
    ] = None,
    operation: Annotated[
        str | None, typer.Argument(help="One of its operations.", autocompletion=completing.operations)
    ] = None,
) -> None:
    """Show the systems, a system's operations, or an operation's fields.

    Example: bulk destinations customerly upsert_user
    """
    from bulk.cli.describing import describe

    typer.echo(describe(system, operation))
