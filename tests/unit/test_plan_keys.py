"""Which keys are there more than once is told alike however many there are."""

from collections import Counter
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk.plan.keys import Hashed, shared

HASHES = st.lists(st.integers(0, 12) | st.integers(0, 2**64 - 1), max_size=60)


@pytest.mark.parametrize("sorted_bits", [0, 3, 21])
@given(found=HASHES)
def test_a_hash_is_shared_if_it_is_there_more_than_once(sorted_bits: int, found: list[int]) -> None:
    counts = Counter(found)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bulk.plan.keys._SORTED_BITS", sorted_bits)
        given_hashes = np.array(found, dtype=np.uint64)
        marks = shared(given_hashes)

    assert marks.tolist() == [counts[one] > 1 for one in found]
    assert given_hashes.tolist() == found, "they stay in their order"


@given(found=HASHES, chosen=st.randoms(use_true_random=False))
def test_only_those_among_whom_it_is_looked_for_count(found: list[int], chosen: Random) -> None:
    among = [chosen.random() < 0.5 for _ in found]
    counts = Counter(one for one, counted in zip(found, among, strict=True) if counted)

    marks = shared(np.array(found, dtype=np.uint64), np.array(among, dtype=np.bool_))

    assert marks.tolist() == [n and counts[one] > 1 for one, n in zip(found, among, strict=True)]


@given(st.lists(HASHES, max_size=4))
def test_hashes_stay_in_their_order_as_they_are_added(given_parts: list[list[int]]) -> None:
    hashed = Hashed()
    for part in given_parts:
        hashed.add(np.array(part, dtype=np.uint64))

    assert hashed.all.tolist() == [one for part in given_parts for one in part]
