"""What arrives while the disk is busy is written together, and nobody is told of it before."""

import asyncio
from collections import Counter

import pytest

from bulk.errors import StoppedError
from bulk.listening.committer import Committer, NotWrittenError
from bulk.webhooks.judging import Count
from bulk.webhooks.people import Unsubscribed


def person(number: int) -> Unsubscribed:
    return Unsubscribed(f"person{number}@example.com", "", "customerly", "unsubscribe", "", "")


class Disk:
    """Takes one group at a time, each once it is let go, or fails as it is told."""

    def __init__(self) -> None:
        self.groups: list[int] = []
        self.free = asyncio.Event()
        self.failure: Exception | None = None
        self.new: int | None = None
        self.proofs = 0

    async def append(self, people: list[Unsubscribed]) -> int:
        self.groups.append(len(people))
        await self.free.wait()
        if self.failure is not None:
            raise self.failure
        return len(people) if self.new is None else self.new

    async def prove(self) -> None:
        self.proofs += 1
        if self.failure is not None:
            raise self.failure


async def settled() -> None:
    """Let everybody go on who can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_what_arrives_while_the_disk_is_busy_is_one_group() -> None:
    disk = Disk()
    committer = Committer(disk.append, disk.prove)
    writing = asyncio.create_task(committer.run())
    told = [asyncio.create_task(committer.record([person(number)])) for number in range(1)]
    await settled()
    told += [asyncio.create_task(committer.record([person(number)])) for number in range(1, 50)]
    await settled()
    assert disk.groups == [1]
    assert not any(one.done() for one in told)
    disk.free.set()
    await asyncio.gather(*told)
    assert disk.groups == [1, 49]
    assert committer.take_counts() == Counter({Count.RECORDED: 50})
    writing.cancel()
    await asyncio.wait([writing])


async def test_after_a_failure_the_next_group_is_tried_as_if_nothing_had_been() -> None:
    disk = Disk()
    disk.free.set()
    disk.failure = OSError(28, "No space left on device")
    committer = Committer(disk.append, disk.prove)
    writing = asyncio.create_task(committer.run())
    with pytest.raises(NotWrittenError):
        await committer.record([person(1)])
    assert not committer.healthy
    disk.failure = None
    await committer.record([person(1)])
    assert committer.healthy
    assert committer.take_counts() == Counter({Count.RECORDED: 1})
    writing.cancel()
    await asyncio.wait([writing])


async def test_a_full_disk_is_healthy_again_once_a_check_found_room_though_nobody_new_came() -> None:
    disk = Disk()
    disk.free.set()
    disk.failure = OSError(28, "No space left on device")
    committer = Committer(disk.append, disk.prove)
    writing = asyncio.create_task(committer.run())
    assert await committer.check()
    with pytest.raises(NotWrittenError):
        await committer.record([person(1)])
    assert not await committer.check()
    disk.failure = None
    assert await committer.check()
    assert (await committer.check(), disk.proofs) == (True, 1)
    writing.cancel()
    await asyncio.wait([writing])


async def test_who_is_known_already_is_told_so_and_proves_no_room() -> None:
    class Full(Disk):
        async def prove(self) -> None:
            raise OSError(28, "No space left on device")

    disk = Full()
    disk.free.set()
    disk.failure = OSError(28, "No space left on device")
    committer = Committer(disk.append, disk.prove)
    writing = asyncio.create_task(committer.run())
    with pytest.raises(NotWrittenError):
        await committer.record([person(1)])
    disk.failure, disk.new = None, 0
    await committer.record([person(2)])
    assert not committer.healthy
    assert committer.take_counts() == Counter({Count.KNOWN: 1})
    writing.cancel()
    await asyncio.wait([writing])


async def test_a_file_that_cannot_be_used_any_more_ends_it_and_nobody_waits_in_vain() -> None:
    disk = Disk()
    disk.failure = StoppedError("gone")
    committer = Committer(disk.append, disk.prove)
    writing = asyncio.create_task(committer.run())
    first = asyncio.create_task(committer.record([person(1)]))
    await settled()
    second = asyncio.create_task(committer.record([person(2)]))
    await settled()
    disk.free.set()
    with pytest.raises(StoppedError):
        await writing
    for waiting in (first, second, asyncio.create_task(committer.record([person(3)]))):
        with pytest.raises(NotWrittenError):
            await waiting
