"""Lists contacts as commands do: a signal ends it."""

from collections.abc import Callable, Mapping

import typer

from bulk.api.contacts import Listing
from bulk.cli.loop import runner, signals
from bulk.runner.listing import Lister, Pulled


def listing(note: Callable[..., None]) -> Listing:
    """Return what lists contacts; ``typer.Exit`` says that it was interrupted."""

    def go(lister: Lister) -> Mapping[str, Pulled]:
        found: Mapping[str, Pulled] = runner()(_until_signalled(lister, note))
        return found

    return go


async def _until_signalled(lister: Lister, note: Callable[..., None]) -> Mapping[str, Pulled]:
    with signals(lister.interrupt) as caught:
        try:
            return await lister.go()
        except BaseException:
            if caught:
                note("interrupted", sent=0)
                raise typer.Exit(128 + caught[0]) from None
            raise
