"""Which contact each row of a source is about, by hashes of what names both."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from bulk.conversation import MATCH
from bulk.plan.suppression import DIGITS, Hashes, hashed, is_hash, usual, words

FORM, LISTING, ADDRESS, NAMES = "__form__", "__listing__", "__address__", "__names__"
"""Columns of contacts: what is hashed or compared, one text or several; the number of their listing; their
e-mail address; everything that names them."""
_PLACE = "__place__"
_EMPTY, _NO_HASH, _NOT_FOUND, _SEVERAL = 1, 2, 3, 4
_SEEDS = (0, 1)
_AT_ONCE = 50_000
"""Contacts that are hashed together: hashes are Python objects for a moment."""
_HEX = 16
"""Digits of a 64-bit word."""
Mask = npt.NDArray[np.bool_]
Index = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Marks:
    """What texts are recognised by: two 64-bit words each, beside them the text's place."""

    places: Index
    words: Hashes


@dataclass(frozen=True, slots=True)
class Form:
    """How a source names people, and how contacts are brought to that form.

    Attributes:
        hash: ``none`` or the name of a hash.
        secrets: The keys of ``hmac-sha256``: contacts are recognised by either.
        usual: Whether what names people is compared as erasures and suppression lists do.
    """

    hash: str = "none"
    secrets: tuple[bytes, ...] = field(default=(), repr=False)
    usual: bool = False

    def of_contacts(self, texts: pl.Series) -> Marks:
        """Mark contacts by what is hashed, or compared, of each, or by each of several such texts.

        Null and empty texts mark nobody.
        """
        named = texts.alias(FORM).to_frame().with_row_index(_PLACE)
        if texts.dtype == pl.List:
            named = named.explode(FORM)
        if self.usual:
            named = named.with_columns(usual(pl.col(FORM).str.strip_chars()))
        named = named.filter(pl.col(FORM) != "")
        owners = named[_PLACE].to_numpy().astype(np.int64)
        if self.hash == "none":
            marks = self.of_rows(named[FORM])
            return Marks(owners[marks.places], marks.words)
        keys = self.secrets or (b"",)
        parts = [self._hashed(named[FORM], secret) for secret in keys]
        return Marks(np.tile(owners, len(keys)), np.concatenate(parts))

    def _hashed(self, texts: pl.Series, secret: bytes) -> Hashes:
        starts = range(0, max(1, texts.len()), _AT_ONCE)
        parts = (texts[start : start + _AT_ONCE] for start in starts)
        return np.concatenate([words(hashed(part, self.hash, secret), len(_SEEDS)) for part in parts])

    def of_rows(self, texts: pl.Series) -> Marks:
        """Mark rows by what stands in the source, trimmed; what is no hash of the kind marks nobody."""
        if self.hash == "none":
            found = self._normalised(texts)
            present = found.is_not_null()
            return Marks(_places_of(present), _words(found.filter(present)))
        present = is_hash(texts, self.hash).fill_null(value=False)
        return Marks(_places_of(present), _from_hex(texts.filter(present)))

    def _normalised(self, texts: pl.Series) -> pl.Series:
        """Bring values to the form that keys, or identifiers, are compared in."""
        value = pl.col(FORM)
        lowered = pl.when(value.str.contains("@", literal=True)).then(value.str.to_lowercase())
        form = usual(value) if self.usual else lowered.otherwise(value)
        frame = texts.str.strip_chars().alias(FORM).to_frame()
        return frame.select(pl.when(value != "").then(form)).to_series()


def _places_of(present: pl.Series) -> Index:
    return np.flatnonzero(present.to_numpy())


def _words(texts: pl.Series) -> Hashes:
    return np.stack([texts.hash(seed).to_numpy() for seed in _SEEDS], axis=1)


def _from_hex(texts: pl.Series) -> Hashes:
    digits = texts.str.strip_chars().str.to_lowercase()
    parts = [digits.str.slice(at * _HEX, _HEX) for at in range(len(_SEEDS))]
    return np.stack([part.str.to_integer(base=16, dtype=pl.UInt64).to_numpy() for part in parts], axis=1)


@dataclass(frozen=True, slots=True)
class Contacts:
    """The contacts of one destination, found by the rows of a source.

    Attributes:
        place: The destination's name, or the file's.
        listed: How many there are.
        column: The source's column that names people.
        form: How it names them.
        first: The first word of each contact that can be found, ascending.
        second: The second word of each.
        several: Which of them may be two different people.
        frame: What is used of them, in the same order, as steps name it.
        schema: The columns that rows are given, and those that would be if they were used.
    """

    place: str
    listed: int
    column: str
    form: Form
    first: Hashes = field(repr=False)
    second: Hashes = field(repr=False)
    several: Mask = field(repr=False)
    frame: pl.DataFrame = field(repr=False)
    schema: pl.Schema

    @property
    def faults(self) -> tuple[tuple[str, str], ...]:
        """Why a row is not to be sent, by the number in MATCH from 1: a reason and a sentence."""
        digits = DIGITS.get(self.form.hash)
        return (
            ("bad_value", f'"{self.column}" is empty, so nobody can be found by it'),
            ("bad_value", f'"{self.column}" is no {self.form.hash}, which has {digits} hexadecimal digits'),
            ("not_found", f'no contact of {self.place} has this "{self.column}"'),
            ("ambiguous", f'several contacts of {self.place} have this "{self.column}"'),
        )

    def joined(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return rows with the columns of their contacts, which are null where there is none, and MATCH."""
        texts = frame[self.column].cast(pl.String).str.strip_chars()
        marks = self.form.of_rows(texts)
        at = np.full(frame.height, -1, dtype=np.int64)
        at[marks.places] = self._places(marks.words)
        fault = np.full(frame.height, _NO_HASH, dtype=np.uint8)
        fault[marks.places] = _NOT_FOUND
        fault[at >= 0] = np.where(self.several[at[at >= 0]], _SEVERAL, 0)
        fault[(texts.fill_null("") == "").to_numpy()] = _EMPTY
        found = pl.Series(np.where(fault, 0, at)).set(pl.Series(fault > 0), None)
        of_contacts = self.frame.select(pl.all().gather(found)) if self.frame.width else self.frame
        return frame.hstack([*of_contacts.get_columns(), pl.Series(MATCH, fault)])

    def _places(self, words: Hashes) -> Index:
        """Return where contacts stand, -1 for those that are not there."""
        if not self.first.size:
            return np.full(len(words), -1, dtype=np.int64)
        order = np.argsort(words[:, 0])  # neighbours are looked for one after another
        places = np.empty(len(words), dtype=np.int64)
        places[order] = np.searchsorted(self.first, words[order, 0])
        places = np.minimum(places, self.first.size - 1)
        same = (self.first[places] == words[:, 0]) & (self.second[places] == words[:, 1])
        return np.where(same, places, -1)


def contacts(place: str, column: str, form: Form, listed: pl.DataFrame, schema: pl.Schema) -> Contacts:
    """Put contacts in order, so that rows find theirs.

    Contacts that are marked alike are one if nothing that is used of them differs, or if they stand in
    different listings and have one e-mail address: the one listed first counts. Others may be two people.

    Args:
        place: The destination's name, or the file's.
        column: The source's column that names people.
        form: How it names them.
        listed: FORM, LISTING, ADDRESS, and what is used of contacts, as steps name it.
        schema: The columns of contacts, as steps name them.
    """
    marks = form.of_contacts(listed[FORM])
    order = np.argsort(marks.words[:, 0], kind="stable")
    words, rows = marks.words[order], marks.places[order]
    is_first = np.append(True, words[1:, 0] != words[:-1, 0])[: len(words)]
    firsts, later = np.flatnonzero(is_first), np.flatnonzero(~is_first)
    group = np.cumsum(is_first)[later] - 1
    other = words[later, 1] != words[firsts[group], 1]
    other |= ~_same(listed[rows[later]], listed[rows[firsts[group]]])
    several = np.zeros(firsts.size, dtype=np.bool_)
    several[group[other]] = True
    used = listed.drop(FORM, LISTING, ADDRESS)[rows[firsts]]
    return Contacts(
        place, listed.height, column, form, words[firsts, 0], words[firsts, 1], several, used, schema
    )


def _same(one: pl.DataFrame, other: pl.DataFrame) -> Mask:
    """Tell of pairs of contacts whether they are one person."""
    used = [name for name in one.columns if name not in {FORM, LISTING, ADDRESS}]
    alike: Mask = np.ones(one.height, dtype=np.bool_)
    for name in used:
        alike &= one[name].eq_missing(other[name]).to_numpy()
    addressed = (one[ADDRESS] == other[ADDRESS]).fill_null(value=False).to_numpy()
    alike |= (one[LISTING] != other[LISTING]).to_numpy() & addressed
    return alike
