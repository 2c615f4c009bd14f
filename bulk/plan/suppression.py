"""Who stands in a suppression list: identifiers as 64-bit hashes of the form they are compared in."""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from bulk.errors import SourceError

Hashes = npt.NDArray[np.uint64]
Index = npt.NDArray[np.int64]
VALUE = "value"
"""The column that ``of`` is an expression over."""
DIGITS = {"md5": 32, "sha1": 40, "sha256": 64, "hmac-sha256": 64}
"""Hexadecimal digits of each hash."""
_POLARS_ERRORS = (pl.exceptions.PolarsError, pl.exceptions.PanicException)
_HEX, _BYTES = 16, 8
"""Digits and bytes that are kept of a hash: 64 bits."""
_ROOM = 1 << 16
"""Hashes that a list has room for before it grows."""
_SEPARATORS = r"[\s.()/\p{Pd}]"
_INTERNATIONAL = r"^\+[0-9\s.()/\p{Pd}]{7,}$"
_DIALLED = r"^\+?[0-9\s.()/\p{Pd}]{7,}$"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How identifiers are brought to the form in which a list holds them.

    Attributes:
        hash: ``none`` or the name of a hash.
        secret: The key of ``hmac-sha256``.
        of: What is hashed or compared, over the column ``value``; None: trimmed, e-mail addresses in lower
            case, phone numbers without separators.
    """

    hash: str = "none"
    secret: bytes = field(default=b"", repr=False)
    of: pl.Expr | None = None

    def hashes(self, texts: pl.Series) -> Hashes:
        """Hash identifiers that are not null; those without a form to compare are left out.

        Raises:
            SourceError: ``of`` cannot be computed.
        """
        return self._hashed(self._formed(texts).drop_nulls())

    def placed(self, texts: pl.Series) -> tuple[Index, Hashes]:
        """Hash identifiers and tell the place of each; those without a form to compare are left out."""
        formed = self._formed(texts)
        present = formed.is_not_null()
        return np.flatnonzero(present.to_numpy()), self._hashed(formed.filter(present))

    def listed(self, texts: pl.Series) -> Hashes:
        """Return the members of a list as hashes, given as they stand there; what is no hash is left out."""
        if self.hash == "none":
            return self.hashes(texts)
        return _from_hex(self._hex(texts))

    def excepted(self, texts: pl.Series) -> Hashes:
        """Return who is taken off a list: given as the list has them, or in plain."""
        if self.hash == "none":
            return self.hashes(texts)
        written = self._hex(texts)
        return np.concatenate([_from_hex(written), self.hashes(texts.filter(~is_hash(texts, self.hash)))])

    def _hex(self, texts: pl.Series) -> pl.Series:
        return texts.filter(is_hash(texts, self.hash)).str.strip_chars().str.to_lowercase()

    def _formed(self, texts: pl.Series) -> pl.Series:
        frame = texts.str.strip_chars().alias(VALUE).to_frame()
        value = pl.col(VALUE)
        form = self._usual(value) if self.of is None else self.of
        try:
            formed = frame.select(pl.when(value != "").then(form)).to_series()
        except _POLARS_ERRORS:
            raise SourceError("what `of` says cannot be computed for every identifier") from None
        return formed.set(formed == "", None)

    def _usual(self, value: pl.Expr) -> pl.Expr:
        return usual(value, _DIALLED if self.hash == "none" else _INTERNATIONAL)

    def digests(self, texts: pl.Series) -> tuple[Index, list[bytes]]:
        """Hash identifiers whole and tell the place of each; those without a form to compare are left out."""
        formed = self._formed(texts)
        present = formed.is_not_null()
        return np.flatnonzero(present.to_numpy()), hashed(formed.filter(present), self.hash, self.secret)

    def _hashed(self, texts: pl.Series) -> Hashes:
        if self.hash == "none":
            return texts.hash().to_numpy()
        return shortened(hashed(texts, self.hash, self.secret))


def usual(value: pl.Expr, phone: str = _DIALLED) -> pl.Expr:
    """Return the form in which identifiers are compared, if nothing else is said."""
    return (
        pl.when(value.str.contains("@", literal=True))
        .then(value.str.to_lowercase())
        .when(value.str.contains(phone))
        .then(value.str.replace_all(_SEPARATORS, ""))
        .otherwise(value)
    )


def shortened(hashes: Iterable[bytes]) -> Hashes:
    """Return the first 64 bits of each hash."""
    return words(hashes, 1)[:, 0]


def words(hashes: Iterable[bytes], count: int) -> Hashes:
    """Return the first 64-bit words of each hash, a row for each."""
    joined = b"".join(each[: _BYTES * count] for each in hashes)
    return np.frombuffer(joined, dtype=">u8").astype(np.uint64).reshape(-1, count)


def hashed(texts: pl.Series, name: str, secret: bytes) -> list[bytes]:
    """Hash texts, none of which is null."""
    encoded = (text.encode() for text in texts)
    if name == "hmac-sha256":
        return [hmac.digest(secret, text, "sha256") for text in encoded]
    digest = getattr(hashlib, name)
    return [digest(text, usedforsecurity=False).digest() for text in encoded]


def is_hash(texts: pl.Series, name: str) -> pl.Series:
    """Tell which texts are hashes of that name, in hexadecimal."""
    return texts.str.strip_chars().str.contains(rf"^[0-9A-Fa-f]{{{DIGITS[name]}}}$")


def _from_hex(texts: pl.Series) -> Hashes:
    return texts.str.head(_HEX).str.to_integer(base=16, dtype=pl.UInt64).to_numpy()


def gathered(parts: Iterable[Hashes]) -> Hashes:
    """Join and sort hashes; lists may be long, so that each part is let go before the next one comes."""
    whole, size = np.empty(_ROOM, dtype=np.uint64), 0
    for part in parts:
        if size + part.size > whole.size:
            whole.resize(max(2 * whole.size, size + part.size), refcheck=False)
        whole[size : size + part.size] = part
        size += part.size
    whole.resize(size, refcheck=False)
    whole.sort()
    return whole


def among(hashes: Hashes, members: Hashes) -> npt.NDArray[np.bool_]:
    """Tell which hashes are among sorted ones."""
    if not members.size:
        return np.zeros(hashes.size, dtype=np.bool_)
    order = np.argsort(hashes)  # neighbours are looked for one after another, which long lists reward
    ascending = hashes[order]
    places = np.searchsorted(members, ascending)
    found = np.empty(hashes.size, dtype=np.bool_)
    found[order] = members[np.minimum(places, members.size - 1)] == ascending
    return found


def without(members: Hashes, excepted: Hashes) -> Hashes:
    """Take hashes off a list, a stretch at a time; both are sorted."""
    stretches = (members[start : start + _ROOM] for start in range(0, members.size, _ROOM))
    return gathered(part[~among(part, excepted)] for part in stretches)


@dataclass(frozen=True, slots=True)
class Listed:
    """A suppression list as it was last read.

    Attributes:
        name: Its file's name.
        recipe: How identifiers are compared with it.
        columns: The columns of identifiers that are compared with it.
        members: Who stands in it, sorted, without those who are excepted.
        former: Who stood in it earlier in this run.
        why: What people say of it, such as the reason of a hold.
    """

    name: str
    recipe: Recipe
    columns: frozenset[str]
    members: Hashes = field(repr=False)
    former: Hashes = field(default_factory=lambda: np.zeros(0, dtype=np.uint64), repr=False)
    why: str = ""

    @property
    def said(self) -> str:
        """Why a row is held back by it, in words."""
        return f"stands in {self.name}: {self.why}" if self.why else f"stands in {self.name}"

    def holds(self, hashes: Hashes) -> npt.NDArray[np.bool_]:
        """Tell which hashes stand in it, or stood in it earlier in this run."""
        return among(hashes, self.members) | among(hashes, self.former)

    def after(self, earlier: "Listed") -> "Listed":
        """Return this list, so that nobody leaves it before the run ends: it may be half written."""
        former = [without(each, self.members) for each in (earlier.members, earlier.former)]
        return replace(self, former=gathered(former))

    def names(self, identifiers: Sequence[str]) -> bool:
        """Tell whether any of some identifiers stands in it, whatever kind it is of."""
        return bool(self.holds(self.recipe.hashes(pl.Series(identifiers, dtype=pl.String))).any())


def standing(lists: Sequence[Listed], people: pl.DataFrame) -> tuple[Index, npt.NDArray[np.bool_]]:
    """Tell of each record the first list that holds one of its identifiers, or -1; and which lists hold any.

    Args:
        lists: In the order of the job.
        people: What names the people of each record, in columns that begin with IDENTIFIER.
    """
    found, met = np.full(people.height, -1, dtype=np.int64), np.zeros(len(lists), dtype=np.bool_)
    for number in reversed(range(len(lists))):
        one = lists[number]
        for column in one.columns:
            places, hashes = _places(one.recipe, people[column])
            held = places[one.holds(hashes)]
            found[held] = number
            met[number] |= held.size > 0
    return found, met


def _places(recipe: Recipe, identifiers: pl.Series) -> tuple[Index, Hashes]:
    """Return the hashes of a column of texts, or lists of texts, and the place of the record of each."""
    if identifiers.dtype == pl.String:
        return recipe.placed(identifiers)
    numbered = pl.DataFrame([identifiers.alias("texts")]).with_row_index("place").explode("texts")
    within, hashes = recipe.placed(numbered["texts"])
    return numbered["place"].to_numpy().astype(np.int64)[within], hashes
