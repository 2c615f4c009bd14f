"""The rate is used up and never exceeded, by the clock of the server that counts."""

from workshop import Workshop, sandbox_with

from bulk.sandbox import SandboxOptions

REQUESTS, LIMIT = 600, 200


def test_a_strict_server_refuses_nothing_and_is_kept_busy(shop: Workshop) -> None:
    shop.people(REQUESTS)
    with sandbox_with(SandboxOptions(rate=f"{LIMIT}/s")) as sandbox:
        shop.url = sandbox.url
        shop.job({"operation": "upsert_user", "batch_size": 1}, place={"rate": f"{LIMIT}/s"})
        assert shop.run().returncode == 0
        stats, log = sandbox.stats(), sandbox.log()
    assert (stats["refused"], stats["requests"]) == (0, REQUESTS)
    assert stats["max_arrived_in_window"] <= LIMIT
    seconds = log[-1]["time"] - log[0]["time"]
    assert (REQUESTS - 1) / seconds >= 0.9 * LIMIT, "0.96 on an idle machine"
