"""Marks of rows are kept as bits, and come back as they were."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bulk.plan.masks import Masks


@given(st.lists(st.lists(st.booleans(), max_size=20), max_size=6), st.integers(0, 9))
def test_masks_are_joined_as_they_were_given_and_rows_without_one_are_unmarked(
    given_masks: list[list[bool]], more: int
) -> None:
    masks = Masks()
    for mask in given_masks:
        masks.add(np.array(mask, dtype=np.bool_))
    rows = [one for mask in given_masks for one in mask] + [False] * more

    assert masks.joined(len(rows)).tolist() == rows
    assert not masks.joined(len(rows)).any(), "nothing is kept"
