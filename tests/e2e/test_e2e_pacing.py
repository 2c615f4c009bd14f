"""The rate is used up and never exceeded, by the clock of the server that counts."""

from workshop import Sandbox, Workshop, sandbox_with

from bulk.sandbox import SandboxOptions

REQUESTS, LIMIT = 600, 200
ENOUGH = 0.8
"""Of the rate. How much it is on an idle machine is measured, not tested."""
TRIES = 3
"""Others may take the machine for a while; that is no excuse for a request too many."""


def test_a_strict_server_refuses_nothing_and_is_kept_busy(shop: Workshop) -> None:
    shop.people(REQUESTS)
    with sandbox_with(SandboxOptions(rate=f"{LIMIT}/s")) as sandbox:
        shop.url = sandbox.url
        shop.job({"operation": "upsert_user", "batch_size": 1}, place={"rate": f"{LIMIT}/s"})
        used = 0.0
        for _ in range(TRIES):
            used = max(used, share_used(shop, sandbox))
            if used >= ENOUGH:
                break
    assert used >= ENOUGH


def share_used(shop: Workshop, sandbox: Sandbox) -> float:
    """Run the job from its beginning; return which share of the rate it used up."""
    sandbox.reset()
    assert shop.run("--fresh").returncode == 0
    stats, log = sandbox.stats(), sandbox.log()
    assert (stats["refused"], stats["requests"]) == (0, REQUESTS)
    assert stats["max_arrived_in_window"] <= LIMIT
    seconds = log[-1]["time"] - log[0]["time"]
    return float((REQUESTS - 1) / seconds / LIMIT)
