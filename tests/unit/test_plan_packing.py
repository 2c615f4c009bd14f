from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk.conversation import KEY, RECORD, ROW, Batch, Records, halves
from bulk.plan.packing import STRETCH, WINDOW, Packer, wanted_parts, without


def records(keys: Sequence[str | None], rows: Sequence[int] | None = None) -> pl.DataFrame:
    numbers = list(range(1, len(keys) + 1) if rows is None else rows)
    return pl.DataFrame(
        {
            ROW: pl.Series(numbers, dtype=pl.UInt32),
            KEY: pl.Series(keys, dtype=pl.String),
            RECORD: pl.Series([f"[{number}]" for number in numbers], dtype=pl.String),
        }
    )


def pack(
    keys: Sequence[str | None], size: int, *, keys_repeat: bool = False, cuts: Iterable[int] = ()
) -> list[list[int]]:
    packer = Packer(size, keys_repeat=keys_repeat)
    frame = records(keys)
    edges = [0, *sorted(cut for cut in cuts if cut <= len(keys)), len(keys)]
    batches: list[list[int]] = []
    for start, stop in pairwise(edges):
        batches += [told(batch) for batch in packer.add(frame[start:stop])]
    return batches + [told(batch) for batch in packer.end()]


def told(batch: Batch) -> list[int]:
    assert batch.joined() == ",".join(f"[{row}]" for row in batch.rows).encode()
    rows: list[int] = batch.rows.tolist()
    return rows


def slow_pack(keys: Sequence[str | None], size: int, stretch: int) -> list[list[int]]:
    """Pack one record after the other, ending a batch before a key it already holds, and after a stretch."""
    batches: list[list[int]] = []
    held: set[str] = set()
    for row, key in enumerate(keys, 1):
        if not batches or len(batches[-1]) == size or key in held or (row - 1) % stretch == 0:
            batches.append([])
            held = set()
        batches[-1].append(row)
        held |= {key} if key is not None else set()
    return batches


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, []), (1, [[1]]), (3, [[1, 2, 3]]), (4, [[1, 2, 3], [4]]), (6, [[1, 2, 3], [4, 5, 6]])],
)
def test_batches_are_full_but_for_the_last(count: int, expected: list[list[int]]) -> None:
    assert pack(["x"] * count, 3) == expected


def test_a_batch_ends_before_a_key_it_already_holds() -> None:
    assert pack(["a", "b", "a", "a", "c", "d", "e"], 3, keys_repeat=True) == [[1, 2], [3], [4, 5, 6], [7]]


def test_records_without_a_key_share_a_batch() -> None:
    assert pack([None, None, None], 3, keys_repeat=True) == [[1, 2, 3]]


KEYS = st.lists(st.sampled_from(["a", "b", "c", "d", "e", "f", None]), max_size=30)
CUTS = st.lists(st.integers(0, 30), max_size=6)


@dataclass(frozen=True)
class Way:
    """How records are packed."""

    size: int
    keys_repeat: bool
    most: int | None
    grouped: bool

    def packer(self) -> Packer:
        group = pl.col("list") if self.grouped else None
        return Packer(self.size, keys_repeat=self.keys_repeat, max_bytes=self.most, group=group)


WAYS = st.builds(
    Way,
    st.integers(1, 6),
    keys_repeat=st.booleans(),
    most=st.none() | st.integers(1, 20),
    grouped=st.booleans(),
)


@settings(deadline=None, max_examples=300)
@given(
    rows=st.lists(st.tuples(st.sampled_from([True, True, False]), st.integers(0, 9)), max_size=60),
    apart=st.integers(0, 9),
    way=WAYS,
    cuts=st.lists(st.integers(0, 60), max_size=4),
)
def test_what_is_needed_stands_in_the_same_batches_as_if_all_were_packed(
    rows: list[tuple[bool, int]], apart: int, way: Way, cuts: list[int]
) -> None:
    sendable = np.array([one for one, _ in rows], dtype=np.bool_)
    wanted = np.array([two == 0 for _, two in rows], dtype=np.bool_) & sendable

    def packed(chosen: np.ndarray[tuple[int], np.dtype[np.bool_]], cuts: list[int]) -> list[list[int]]:
        numbers = (np.flatnonzero(chosen) + 1).tolist()
        frame = records([f"k{number % 7}" for number in numbers], numbers).with_columns(
            list=pl.Series([f"l{number % 3}" for number in numbers], dtype=pl.String)
        )
        packer, edges = way.packer(), [apart, *sorted(cut for cut in cuts if cut > apart), len(rows)]
        parts = [*packer.add(frame[:apart]), *packer.end()]
        parts += [batch for start, stop in pairwise(edges) for batch in packer.add(frame[start:stop])]
        return [told(batch) for batch in (*parts, *packer.end())]

    def holds(batch: list[int]) -> bool:
        return any(wanted[row - 1] for row in batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bulk.plan.packing.STRETCH", 2)
        patch.setattr("bulk.plan.packing.WINDOW", 9)
        needed = way.packer().needed(sendable, wanted, apart)
        some, every = packed(needed, cuts), packed(sendable, [])

    assert list(filter(holds, some)) == list(filter(holds, every)) or not needed.any()
    assert needed[np.flatnonzero(sendable)[:apart]].all() or not needed.any()
    assert needed.any() == wanted.any()


def test_records_of_other_stretches_are_not_needed_to_know_where_batches_end() -> None:
    sendable = np.ones(5 * 2 * STRETCH, dtype=np.bool_)
    wanted = np.zeros_like(sendable)
    wanted[4 * 2 * STRETCH + 7] = True

    needed = Packer(2, keys_repeat=True).needed(sendable, wanted)

    assert np.flatnonzero(needed).tolist() == list(range(4 * 2 * STRETCH, 5 * 2 * STRETCH))


@settings(deadline=None)
@given(KEYS, st.integers(1, 8), CUTS, st.booleans())
def test_batches_do_not_depend_on_the_chunks_the_records_come_in(
    keys: list[str | None],
    size: int,
    cuts: list[int],
    keys_repeat: bool,  # noqa: FBT001 - drawn
) -> None:
    expected = slow_pack(keys if keys_repeat else [None] * len(keys), size, 3 * size)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bulk.plan.packing.STRETCH", 3)
        assert pack(keys, size, keys_repeat=keys_repeat, cuts=cuts) == expected


def test_what_is_cut_away_by_the_plan_leaves_no_gap_in_a_batch() -> None:
    packer = Packer(2, keys_repeat=False)

    batches = [*packer.add(records(["a", "b", "c"], [2, 5, 9])), *packer.end()]

    assert [batch.rows.tolist() for batch in batches] == [[2, 5], [9]]


def test_a_packer_that_has_ended_begins_anew() -> None:
    packer = Packer(2, keys_repeat=False)
    assert [batch.rows.tolist() for batch in (*packer.add(records(["a"])), *packer.end())] == [[1]]

    assert list(packer.end()) == []


Packed = list[list[tuple[int, str | None, str | None]]]
LETTERS = st.sampled_from(["a", "b", "c", "d", None])
RECORDS = st.lists(st.tuples(LETTERS, st.sampled_from(["x", "y", None]), st.integers(1, 9)), max_size=40)


def grouped(drawn: Sequence[tuple[str | None, str | None, int]]) -> pl.DataFrame:
    """Return records of drawn keys, groups and lengths."""
    return records([key for key, _, _ in drawn]).with_columns(
        pl.Series("list", [group for _, group, _ in drawn], dtype=pl.String),
        pl.Series(RECORD, ["7" * length for _, _, length in drawn], dtype=pl.String),
    )


def packed(packer: Packer, frame: pl.DataFrame, cuts: Iterable[int] = ()) -> Packed:
    """Pack records that come in chunks; tell each batch as its rows, keys and groups."""
    edges = [0, *sorted(cut for cut in cuts if cut <= frame.height), frame.height]
    batches = [batch for start, stop in pairwise(edges) for batch in packer.add(frame[start:stop])]
    batches += packer.end()
    return [
        list(zip(batch.rows.tolist(), batch.column(KEY), batch.column("list"), strict=True))
        for batch in batches
    ]


def slow_pack_bytes(drawn: Sequence[tuple[str | None, str | None, int]], size: int, most: int) -> list[int]:
    """Return how many records each batch gets when they are packed one after the other."""
    counts: list[int] = []
    held: set[str] = set()
    room = 0
    for key, _, length in drawn:
        room -= length + 1
        if not counts or counts[-1] == size or room < 0 or key in held:
            counts.append(0)
            held = set()
            room = most - length
        counts[-1] += 1
        held |= {key} if key is not None else set()
    return counts


@settings(deadline=None)
@given(RECORDS, st.integers(1, 8), st.integers(1, 30), CUTS)
def test_a_batch_ends_before_its_records_and_commas_are_too_long(
    drawn: list[tuple[str | None, str | None, int]], size: int, most: int, cuts: list[int]
) -> None:
    packer = Packer(size, keys_repeat=True, max_bytes=most)

    batches = packed(packer, grouped(drawn), cuts)

    assert [len(batch) for batch in batches] == slow_pack_bytes(drawn, size, most)
    assert [row for batch in batches for row, _, _ in batch] == list(range(1, len(drawn) + 1))


def test_bytes_are_counted_in_utf_8_with_the_commas_between_records() -> None:
    frame = records([None] * 4).with_columns(pl.Series(RECORD, ["é", "é", "é", "éé"]), list=pl.lit(None))

    batches = packed(Packer(9, keys_repeat=False, max_bytes=5), frame)

    assert [[row for row, _, _ in batch] for batch in batches] == [[1, 2], [3], [4]]


def test_a_record_that_is_longer_than_a_request_may_be_stands_alone() -> None:
    frame = records([None] * 3).with_columns(pl.Series(RECORD, ["1", "22222", "3"]), list=pl.lit(None))

    batches = packed(Packer(9, keys_repeat=False, max_bytes=3), frame)

    assert [[row for row, _, _ in batch] for batch in batches] == [[1], [2], [3]]


@settings(deadline=None, max_examples=200)
@given(RECORDS, st.integers(1, 8), st.integers(1, 30), st.integers(1, 12), st.data())
def test_regrouped_batches_are_alike_ascending_and_keep_the_order_of_each_key(
    drawn: list[tuple[str | None, str | None, int]], size: int, most: int, window: int, data: st.DataObject
) -> None:
    frame = grouped(drawn)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bulk.plan.packing.WINDOW", window)
        batches = packed(Packer(size, keys_repeat=True, max_bytes=most, group=pl.col("list")), frame)
        again = packed(
            Packer(size, keys_repeat=True, max_bytes=most, group=pl.col("list")), frame, data.draw(CUTS)
        )

    assert again == batches
    sent = [row for batch in batches for row, _, _ in batch]
    assert sorted(sent) == list(range(1, len(drawn) + 1))
    for batch in batches:
        rows, keys, groups = zip(*batch, strict=True)
        known = [key for key in keys if key is not None]
        assert list(rows) == sorted(rows)
        assert len(set(known)) == len(known)
        assert len(set(groups)) == 1
        assert len(batch) <= size
        assert len(batch) == 1 or sum(drawn[row - 1][2] + 1 for row in rows) - 1 <= most
    for key in "abcd":
        own = [row for batch in batches for row, other, _ in batch if other == key]
        assert own == sorted(own)
    assert [(row - 1) // window for row in sent] == sorted((row - 1) // window for row in sent)


def test_records_of_a_group_are_brought_together_across_others() -> None:
    frame = records(["a", "b", "c", "d", "a"]).with_columns(list=pl.Series(["x", None, "x", "y", "x"]))

    batches = packed(Packer(9, keys_repeat=True, group=pl.col("list")), frame)

    assert [[row for row, _, _ in batch] for batch in batches] == [[2], [1, 3], [4], [5]]


def test_a_group_that_is_the_same_for_all_regroups_nothing() -> None:
    frame = records(["a", "b", "c"]).with_columns(list=pl.lit(None))

    batches = packed(Packer(2, keys_repeat=False, group=pl.lit("same")), frame)

    assert [[row for row, _, _ in batch] for batch in batches] == [[1, 2], [3]]


def test_a_window_is_given_away_as_soon_as_it_is_full() -> None:
    packer = Packer(WINDOW, keys_repeat=False, group=pl.lit("same"))
    first, second = records([None] * (WINDOW - 1)), records([None] * 2, [WINDOW, WINDOW + 1])

    batches = [list(packer.add(first)), list(packer.add(second)), list(packer.end())]

    assert [[len(batch) for batch in some] for some in batches] == [[], [WINDOW], [1]]


def tree(batch: Batch) -> list[list[int]]:
    """Return the rows of every node of a batch's tree of halves."""
    here = [batch.rows.tolist()]
    return here if len(batch) == 1 else here + [node for half in halves(batch) for node in tree(half)]


@settings(deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=70))
def test_wanted_parts_are_the_fewest_nodes_of_the_tree_that_cover_exactly_the_wanted(
    wanted: list[bool],
) -> None:
    batch = Batch(Records(records([None] * len(wanted))), 0, len(wanted))

    parts = [part.rows.tolist() for part in wanted_parts(batch, np.array(wanted))]

    nodes = [node for node in tree(batch) if all(wanted[row - 1] for row in node)]
    largest = [node for node in nodes if not any(set(node) < set(other) for other in nodes)]
    assert sorted(parts) == sorted(largest)
    assert [row for part in parts for row in part] == [
        row for row, is_wanted in enumerate(wanted, 1) if is_wanted
    ]


def test_a_batch_that_is_wanted_whole_is_not_cut() -> None:
    batch = Batch(Records(records(["a", "b"])), 0, 2)

    assert list(wanted_parts(batch, np.array([True, True]))) == [batch]
    assert list(wanted_parts(batch, np.array([False, False]))) == []


def test_a_batch_without_some_records_holds_the_others_in_their_order() -> None:
    rest = without(Batch(Records(records(["a", "b", "c", "d"])), 1, 4), np.array([True, False, True]))

    assert (rest.rows.tolist(), len(rest)) == ([3], 1)


def test_of_a_batch_without_any_record_nothing_is_sent() -> None:
    batch = Batch(Records(records(["a", "b"])), 0, 2)

    assert list(wanted_parts(without(batch, np.array([True, True])), np.array([], dtype=np.bool_))) == []
