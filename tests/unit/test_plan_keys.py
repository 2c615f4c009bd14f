"""Which keys are there more than once is told alike however many there are."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk.plan.keys import emptied, shared

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


@given(st.lists(HASHES, max_size=4))
def test_parts_are_put_together_in_their_order_and_are_gone_then(given_parts: list[list[int]]) -> None:
    parts = [np.array(part, dtype=np.uint64) for part in given_parts]

    assert emptied(parts).tolist() == [one for part in given_parts for one in part]
    assert parts == []
