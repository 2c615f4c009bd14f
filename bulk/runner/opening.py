"""Opens the lane to a destination: its connections, its pacers, its breakers."""

from contextlib import AsyncExitStack

from bulk.pacing import Pacer
from bulk.runner.lane import Lane
from bulk.runner.setup import LaneSetup, WaySetup
from bulk.runner.stop import Stop
from bulk.runner.way import Way, World


async def open_lane(
    setup: LaneSetup,
    stack: AsyncExitStack,
    *,
    stop: Stop,
    world: World,
    quiet_for: float | None = None,
    found: float | None = None,
) -> Lane:
    """Return a lane whose connections are closed with ``stack``.

    Args:
        setup: The destination.
        stack: Closes what is opened.
        stop: Ends it early.
        world: Times and chance.
        quiet_for: Seconds since a former run's last request; None if there was none.
        found: Requests per second that a former run found its main surface to allow, if one did.
    """

    async def way(given: WaySetup, found: float | None) -> Way:
        sender = await stack.enter_async_context(given.open_sender())
        pacer = Pacer(
            given.rate, given.concurrency, given.reserve, quiet_for, period=given.period, found=found
        )
        return Way(sender, pacer, setup.policy, world=world, stop=stop)

    ways = {surface: await way(given, None if surface else found) for surface, given in setup.ways.items()}
    return Lane(setup.name, ways=ways, read=setup.read, policy=setup.policy, world=world, stop=stop)
