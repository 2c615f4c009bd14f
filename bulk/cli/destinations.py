"""``bulk destinations``: what can be done, with fields and where the facts come from."""

from typing import Annotated

import typer


def destinations(
    system: Annotated[str | None, typer.Argument(help="A system, such as customerly.")] = None,
    operation: Annotated[str | None, typer.Argument(help="One of its operations.")] = None,
) -> None:
    """Show the systems, a system's operations, or an operation's fields.

    Example: bulk destinations customerly upsert_user
    """
    from bulk.cli.describing import describe

    typer.echo(describe(system, operation))
