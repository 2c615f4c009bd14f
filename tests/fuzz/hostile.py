"""Values that nobody should have to expect, and ways to put them where they do not belong."""

from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

ESCAPES = (
    "../../x",
    "..",
    ".",
    "/etc/passwd",
    "a/b",
    "%2f",
    "%2e%2e",
    "..%2f..",
    "a\\b",
    "~",
    "~root/x",
    "-",
)
LINES = ("a\r\nX-Evil: 1", "a\nb", "a\rb", "a\x00b", "\x1b[31m", "\x7f", "\u2028", "\ud7ff\ufffe", "\u202e")
LONG = "x" * 100_000
NUMBERS: tuple[Any, ...] = (0, -1, 1 << 31, 1 << 63, 1 << 64, -(1 << 63) - 1, 10**400, 1e308, 5e-324, 0.1)
TEXTS = (
    "",
    " ",
    "\t",
    "null",
    "~",
    "yes",
    "1e999",
    "-0",
    "0x1F",
    "0o17",
    "1_000",
    "NaN",
    ".inf",
    "1e5",
    "{",
    "[",
    "]",
    "${",
    "${HOME}",
    "${NO_SUCH_NAME}",
    "${}",
    "!tag",
    "&a",
    "*a",
    "<<",
    "%",
    '"',
    "'",
    "`",
    "#",
    "?",
    "{x}",
    "{}",
    "{{x}}",
    "=1+1",
    "@sum",
    "+1",
    "-1",
    "select 1",
    "1) or (1",
    "; drop table x",
    "日本",
    "é",
    "\U0001f600",
    "a" * 65,
    "a" * 300,
)
SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(NUMBERS),
    st.sampled_from((*TEXTS, *ESCAPES, *LINES, LONG)),
    st.text(max_size=12),
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(TEXTS), inner, max_size=3),
    max_leaves=8,
)
Place = tuple[Any, ...]


def places(value: Any, above: Place = ()) -> Iterator[Place]:
    """Yield the path to every value within a value, itself included."""
    yield above
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in inner:
        yield from places(item, (*above, name))


@st.composite
def bent(draw: st.DrawFn, value: Any, *, most: int = 3, names: tuple[str, ...] = TEXTS) -> Any:
    """Return a copy of a JSON value of which parts are hostile, gone, elsewhere, or have another name."""
    for _ in range(draw(st.integers(1, most))):
        value = _bent_once(draw, value, draw(st.sampled_from(list(places(value)))), names)
    return value


def _bent_once(draw: st.DrawFn, value: Any, place: Place, names: tuple[str, ...]) -> Any:
    if not place:
        return draw(VALUES) if draw(st.integers(0, 9)) == 0 else value
    head, *rest = place
    copy = dict(value) if isinstance(value, dict) else list(value)
    if rest:
        copy[head] = _bent_once(draw, copy[head], tuple(rest), names)
        return copy
    how = draw(st.sampled_from(("value", "value", "gone", "wrapped", "renamed", "more")))
    if how == "gone":
        del copy[head]
    elif how == "wrapped":
        copy[head] = [copy[head]] if draw(st.booleans()) else {draw(st.sampled_from(names)): copy[head]}
    elif how == "renamed" and isinstance(copy, dict):
        copy[draw(st.sampled_from(names))] = copy.pop(head)
    elif how == "more" and isinstance(copy, dict):
        copy[draw(st.sampled_from(names))] = draw(VALUES)
    else:
        copy[head] = draw(VALUES)
    return copy


@st.composite
def spoiled(draw: st.DrawFn, data: bytes, *, tokens: tuple[bytes, ...] = (), most: int = 4) -> bytes:
    """Return bytes of which some were flipped, cut out, repeated, or had others put between them."""
    spoilt = bytearray(data)
    for _ in range(draw(st.integers(1, most))):
        at = draw(st.integers(0, len(spoilt)))
        how = draw(st.integers(0, 5))
        if how == 0:
            spoilt[at : at + 1] = bytes([draw(st.integers(0, 255))])
        elif how == 1:
            spoilt[at : at + draw(st.integers(1, 64))] = b""
        elif how == 2:
            spoilt[at:at] = spoilt[at : at + draw(st.integers(1, 64))]
        elif how == 3 and tokens:
            spoilt[at:at] = draw(st.sampled_from(tokens))
        elif how == 4:
            spoilt[at : at + 8] = draw(st.sampled_from((0, 1 << 31, (1 << 63) - 1, (1 << 64) - 1))).to_bytes(
                8, "little"
            )
        else:
            spoilt[at:at] = draw(st.binary(min_size=1, max_size=12))
    return bytes(spoilt)
