"""Lists are read again when they change; until they can be, nothing is sent."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import polars as pl
import pytest
import virtual_time

from bulk.conversation import IDENTIFIER, ROW, Batch, Records
from bulk.errors import SourceError, StoppedError
from bulk.plan.suppression import Recipe
from bulk.runner.lists import Column, ColumnError, ListFile
from bulk.runner.suppressing import EVERY, PATIENCE, Lists, Suppressing

T = TypeVar("T")
EMAIL = f"{IDENTIFIER}0.email"
PEOPLE = pl.DataFrame({ROW: pl.Series([1, 2, 3], dtype=pl.UInt32), EMAIL: ["a", "b", "c"]})
BATCH = Batch(Records(PEOPLE), 0, 3)


async def inline(work: Callable[[], T]) -> T:
    return work()


def file(folder: Path, column: str | None = "who", name: str = "out.csv", **more: Any) -> ListFile:
    recipe = more.pop("recipe", Recipe())
    return ListFile(
        "job.yaml:9: suppression[0]", Column((name,), folder, column), recipe, frozenset({EMAIL}), **more
    )


def suppressing(one: ListFile, noted: list[str] | None = None, *, told: bool = True) -> Suppressing:
    given = Lists("suppressed", (one,), (one.state(),), (one.read(),))
    notes = [] if noted is None else noted
    return Suppressing(given, inline, asyncio.sleep, lambda event, **_: notes.append(event), told=told)


def write(folder: Path, *lines: str, name: str = "out.csv") -> None:
    (folder / name).write_text("".join(f"{line}\n" for line in lines))


async def held(lists: Suppressing) -> list[int] | None:
    found = await lists.standing(BATCH)
    return None if found is None else found.tolist()


def test_rows_that_were_told_are_not_looked_at_again_until_a_list_changes(tmp_path: Path) -> None:
    write(tmp_path, "who", "a")
    noted: list[str] = []
    lists = suppressing(file(tmp_path), noted)

    async def go() -> None:
        assert await held(lists) is None
        write(tmp_path, "who", "b", "x")
        assert await held(lists) is None, "files are looked at twice a second"
        await asyncio.sleep(EVERY)
        assert await held(lists) == [0, 0, -1], "nobody leaves a list while a run goes on"

    virtual_time.run(go())
    assert noted == ["list_read_again"]


def test_a_change_is_noticed_before_it_is_read(tmp_path: Path) -> None:
    write(tmp_path, "who", "a")
    lists = suppressing(file(tmp_path))

    async def go() -> None:
        assert not lists.outdated(lists.version)
        write(tmp_path, "who", "b", "x")
        await asyncio.sleep(EVERY)
        assert lists.outdated(lists.version)
        before = lists.version
        assert await held(lists) == [0, 0, -1]
        assert lists.outdated(before)
        assert not lists.outdated(lists.version)
        (tmp_path / "out.csv").unlink()
        await asyncio.sleep(EVERY)
        assert lists.outdated(lists.version)

    virtual_time.run(go())


def test_what_a_former_run_left_is_looked_at_in_any_case(tmp_path: Path) -> None:
    write(tmp_path, "who", "c")
    assert virtual_time.run(held(suppressing(file(tmp_path), told=False))) == [-1, -1, 0]


def test_a_list_that_is_gone_is_waited_for(tmp_path: Path) -> None:
    write(tmp_path, "who", "a")
    lists = suppressing(file(tmp_path))

    async def go() -> list[int] | None:
        (tmp_path / "out.csv").unlink()
        asyncio.get_running_loop().call_later(PATIENCE / 2, write, tmp_path, "who", "c")
        first, second = await asyncio.gather(held(lists), held(lists))
        assert first == second
        assert asyncio.get_running_loop().time() >= PATIENCE / 2
        return first

    assert virtual_time.run(go()) == [0, -1, 0]


def test_a_list_that_stays_away_stops_the_destination(tmp_path: Path) -> None:
    write(tmp_path, "who", "a")
    lists = suppressing(file(tmp_path))
    (tmp_path / "out.csv").write_bytes(b"")
    with pytest.raises(StoppedError, match=r"suppression\[0\]: out.csv is empty.*; run again to continue"):
        virtual_time.run(held(lists))


def test_exceptions_are_read_again_too(tmp_path: Path) -> None:
    write(tmp_path, "who", "a", "b")
    write(tmp_path, "a", name="back.txt")
    lists = suppressing(file(tmp_path, excepted=Column(("back.txt",), tmp_path, None)), told=False)

    async def go() -> None:
        assert await held(lists) == [-1, 0, -1]
        write(tmp_path, "z", name="back.txt")
        await asyncio.sleep(EVERY)
        assert await held(lists) == [0, 0, -1]

    virtual_time.run(go())


def test_a_row_that_cannot_be_read_refuses_the_list_by_its_line(tmp_path: Path) -> None:
    write(tmp_path, "who,since", "a,1", "b,2,marker")
    with pytest.raises(SourceError, match="line 3 cannot be read") as caught:
        file(tmp_path).read()
    assert "marker" not in str(caught.value)


def test_a_column_that_is_missing_is_named_with_the_nearest(tmp_path: Path) -> None:
    write(tmp_path, "Who,since", "a,1")
    with pytest.raises(ColumnError, match=r'out.csv has no column "whoo"; did you mean "Who"\?'):
        file(tmp_path, "whoo").read()
    with pytest.raises(ColumnError, match=r'"column" is missing; out\.csv has Who, since'):
        file(tmp_path, None).read()


def test_a_list_without_a_single_hash_of_the_kind_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "who", "d41d8cd98f00b204e9800998ecf8427e")
    with pytest.raises(SourceError, match="holds no sha256, which has 64 hexadecimal digits"):
        file(tmp_path, recipe=Recipe("sha256")).read()
    assert file(tmp_path, recipe=Recipe("md5")).read().members.size == 1


def test_numbers_and_plain_lines_can_be_listed(tmp_path: Path) -> None:
    pl.DataFrame({"who": [1, None, 2]}).write_parquet(tmp_path / "out.parquet")
    write(tmp_path, "1", "", "2", name="out.txt")
    numbers = file(tmp_path, name="out.parquet").read().members
    assert numbers.tolist() == file(tmp_path, None, "out.txt").read().members.tolist()
    assert numbers.size == 2
