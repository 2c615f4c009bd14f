"""The newest word about each identity: quick where little was said since everything was written as one."""

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk.conversation import GONE
from bulk.ledger.known import (
    AS_BEFORE,
    DELIVERED,
    DOUBTFUL,
    Known,
    _all_said,
    _gone_along,
    _last_words,
    latest,
)

Word = tuple[int, int, int]
"""Identity, content, time."""
PEOPLE = st.integers(10, 30)
SAID = st.tuples(st.sampled_from([GONE, AS_BEFORE, DOUBTFUL]), st.just(0)) | st.tuples(
    PEOPLE, st.integers(1, 9)
)
WORDS = st.lists(st.tuples(PEOPLE, SAID).map(lambda one: (one[0], *one[1])), max_size=9)


def frame(words: list[Word]) -> pl.DataFrame:
    return pl.DataFrame(words, schema=DELIVERED, orient="row")


def plain(words: list[Word]) -> Known:
    """Sort all words, whatever order they are in."""
    said = _all_said([frame(words)])
    said.keep(~_gone_along(said))
    return _last_words(said)


def as_words(known: Known) -> list[Word]:
    return list(zip(known.identities.tolist(), known.contents.tolist(), known.at.tolist(), strict=True))


@settings(deadline=None, max_examples=500)
@given(st.dictionaries(PEOPLE, SAID, max_size=20), st.lists(WORDS, max_size=3))
def test_words_that_came_since_are_folded_into_those_before_as_if_all_were_sorted(
    before: dict[int, tuple[int, int]], since: list[list[Word]]
) -> None:
    first = [(identity, *before[identity]) for identity in sorted(before)]

    found = latest([frame(first), *map(frame, since)])

    assert as_words(found) == as_words(plain([*first, *(word for words in since for word in words)]))


def test_a_few_new_words_take_their_places_among_many() -> None:
    many = [(identity, 100 + identity, 5) for identity in range(10, 20)]

    found = latest([frame(many), frame([(12, 7, 9), (3, 8, 9)]), frame([(40, 9, 9), (12, AS_BEFORE, 0)])])

    expected = {identity: (content, at) for identity, content, at in many} | {
        3: (8, 9),
        12: (DOUBTFUL, 0),
        40: (9, 9),
    }
    assert as_words(found) == [(identity, *expected[identity]) for identity in sorted(expected)]
    assert found.identities.dtype == found.contents.dtype == np.uint64
