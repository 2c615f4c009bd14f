import asyncio
import random

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk.conversation import KEY, ROW, Batch, Records
from bulk.runner.conflicts import Conflicts


def batch(*keys: str | None, first_row: int = 1) -> Batch:
    rows = pl.Series(list(range(first_row, first_row + len(keys))), dtype=pl.UInt32)
    return Batch(Records(pl.DataFrame({ROW: rows, KEY: pl.Series(keys, dtype=pl.String)})), 0, len(keys))


async def waits(conflicts: Conflicts, wanted: Batch) -> "asyncio.Task[int]":
    """Start holding a batch, and make sure that it waits."""
    task = asyncio.create_task(conflicts.hold(wanted))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not task.done()
    return task


async def test_batches_without_a_common_key_are_under_way_together() -> None:
    conflicts = Conflicts()

    tickets = {await conflicts.hold(batch("a", "b")), await conflicts.hold(batch("c", "d", first_row=3))}

    assert len(tickets) == 2


async def test_a_batch_waits_for_an_earlier_one_with_a_common_key() -> None:
    conflicts = Conflicts()
    ticket = await conflicts.hold(batch("a", "b"))

    waiting = await waits(conflicts, batch("c", "b", first_row=3))
    conflicts.release(ticket)

    assert await waiting


async def test_a_batch_waits_until_the_last_of_its_keys_is_free() -> None:
    conflicts = Conflicts()
    first, second = await conflicts.hold(batch("a")), await conflicts.hold(batch("b", first_row=2))

    waiting = await waits(conflicts, batch("b", "a", first_row=3))
    conflicts.release(first)
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waiting.done()
    conflicts.release(second)

    assert await waiting


async def test_a_free_key_that_was_not_wanted_lets_nobody_go() -> None:
    conflicts = Conflicts()
    await conflicts.hold(batch("a"))
    other = await conflicts.hold(batch("b", first_row=2))

    waiting = await waits(conflicts, batch("a", first_row=3))
    conflicts.release(other)
    for _ in range(5):
        await asyncio.sleep(0)

    assert not waiting.done()
    waiting.cancel()


async def test_rows_without_a_key_never_wait_for_each_other() -> None:
    conflicts = Conflicts()

    async with asyncio.timeout(5):
        await conflicts.hold(batch(None, None))
        await conflicts.hold(batch(None, first_row=3))


async def test_a_part_of_a_batch_holds_only_its_own_keys() -> None:
    conflicts = Conflicts()
    whole = batch("a", "b", "c")

    await conflicts.hold(whole.part(0, 1))
    async with asyncio.timeout(5):
        await conflicts.hold(whole.part(1, 3))

    (await waits(conflicts, batch("c", first_row=9))).cancel()


async def test_a_key_is_given_free_once() -> None:
    conflicts = Conflicts()
    ticket = await conflicts.hold(batch("a"))
    conflicts.release(ticket)

    with pytest.raises(KeyError):
        conflicts.release(ticket)


async def test_a_key_that_comes_again_in_a_later_chunk_waits_for_the_batch_of_an_earlier_one() -> None:
    conflicts = Conflicts()
    chunk, later = batch("a", "b", "c", "d"), batch("e", "c", "f", first_row=5)
    first, second = await conflicts.hold(chunk.part(0, 2)), await conflicts.hold(chunk.part(2, 4))
    third = await conflicts.hold(later.part(0, 1))

    waiting = await waits(conflicts, later.part(1, 3))
    conflicts.release(first)
    conflicts.release(third)
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waiting.done()
    conflicts.release(second)

    assert await waiting


@given(
    chunks=st.lists(st.lists(st.lists(st.integers(0, 6), min_size=1, max_size=3, unique=True), min_size=1)),
    settled=st.randoms(use_true_random=False),
)
async def test_no_two_batches_under_way_ever_share_a_key(
    chunks: list[list[list[int]]], settled: random.Random
) -> None:
    conflicts, held = Conflicts(), dict[int, set[int]]()

    for numbers in chunks:
        whole = batch(*(str(number) for part in numbers for number in part))
        start = 0
        for part in numbers:
            holding = asyncio.create_task(conflicts.hold(whole.part(start, start + len(part))))
            start += len(part)
            while not holding.done():
                for _ in range(3):
                    await asyncio.sleep(0)
                if not holding.done():
                    ticket = settled.choice(sorted(held))
                    conflicts.release(ticket)
                    del held[ticket]
            assert all(keys.isdisjoint(part) for keys in held.values())
            held[holding.result()] = set(part)
