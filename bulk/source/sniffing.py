"""Find out how a file of text is written: its encoding, and what stands between its fields."""

import codecs
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Final

from bulk.errors import SourceError
from bulk.source.contents import Content, Keeper, check_text
from bulk.source.delimited import Delimited
from bulk.source.locating import FORMATS, Place, locate, suffixes
from bulk.source.options import Sizes, SourceOptions
from bulk.source.text import TextFile

_BLOCK: Final = 1 << 20
_SIZES: Final = Sizes(block=1 << 18)
_SEPARATORS: Final = ",;\t|"
_SOUND: Final = 0.9
"""The share of rows that must have as many fields as the header, where the separator is right."""
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_TEXT: Final = frozenset({"csv", "tsv", "lines"})


@dataclass(frozen=True, slots=True)
class _Fit:
    """How well a separator fits: the columns it makes, and the share of rows with as many fields."""

    separator: str
    columns: int
    sound: float

    @property
    def rank(self) -> tuple[bool, bool, int]:
        """What a better one has more of."""
        return self.columns > 1, self.sound >= _SOUND, self.columns


def sniffed(options: SourceOptions) -> SourceOptions:
    """Return the options with the format, encoding and separator that the files show, where they say nothing.

    Raises:
        SourceError: A file cannot be read at all.
    """
    places = locate(options.paths, options.base)
    kind = options.format or _kind(places[0])
    if kind not in _TEXT | {"ndjson"}:
        return options
    with ExitStack() as stack:
        keeper = Keeper(stack, options.spool_dir, None)
        contents = [keeper.content(place, _SIZES.rows) for place in places]
        for content in contents:
            check_text(content)
        encoding = options.encoding or _encoding(contents)
        found = replace(options, encoding=encoding)
        return _delimited(found, contents[0], kind) if kind in _TEXT else found


def _kind(place: Place) -> str:
    """Return the format that a name tells; a name that tells none is taken for csv, as most exports are."""
    return FORMATS.get(suffixes(place.url.partition("?")[0] or place.name)[0], "csv")


def _delimited(options: SourceOptions, content: Content, kind: str) -> SourceOptions:
    given = [options.separator] if options.separator else list(_SEPARATORS)
    fits = [fit for separator in given for fit in _fitting(content, separator, options)]
    best = max(fits, key=lambda fit: fit.rank, default=None)
    if best is None or best.columns == 1:
        best = _Fit("\t" if kind == "tsv" else ",", 1, 0.0)
    if (
        kind == "lines"
        and not (best.columns > 1 and best.sound >= _SOUND)
        and _begins_with_an_address(content)
    ):
        return options
    named = suffixes(content.name)[0] in FORMATS and kind != "lines"
    return replace(options, separator=best.separator, format=options.format or (None if named else "csv"))


def _fitting(content: Content, separator: str, options: SourceOptions) -> Iterator[_Fit]:
    """Yield how well a separator fits the first rows; nothing if not even the header can be read by it."""
    file = TextFile(content.name, content.open)
    try:
        reader = Delimited([file], separator, options.encoding, options.null_values, _SIZES)
    except SourceError:
        return
    chunk = next(reader.chunks(), None)
    good, bad = (0, 0) if chunk is None else (chunk.frame.height, chunk.malformed.height)
    yield _Fit(separator, len(reader.schema), good / (good + bad) if good + bad else 1.0)


def _begins_with_an_address(content: Content) -> bool:
    return b"@" in content.head().lstrip().split(b"\n", 1)[0]


def _encoding(contents: Sequence[Content]) -> str:
    """Return the encoding of files: what their mark says, else UTF-8, else that of Windows, or Latin-1."""
    head = contents[0].head()
    marked = next((name for bom, name in _BOMS if head.startswith(bom)), None) or _without_mark(head)
    if marked:
        return marked
    valid = strange = 0
    fits_windows = True
    for content in contents:
        found = _count(content)
        valid, strange = valid + found[0], strange + found[1]
        fits_windows = fits_windows and found[2]
    if strange <= valid:
        return "utf-8"
    return "cp1252" if fits_windows else "latin-1"


def _without_mark(head: bytes) -> str | None:
    """Tell UTF-16 by its zeros, half of all bytes in Latin text."""
    half = len(head) // 2
    for name, zeros in (("utf-16-le", head[1::2]), ("utf-16-be", head[::2])):
        if half and zeros.count(0) > 0.8 * half:
            return name
    return None


def _count(content: Content) -> tuple[int, int, bool]:
    """Count letters beyond ASCII that are valid UTF-8, and what is not; and tell whether cp1252 knows all."""
    utf8 = codecs.getincrementaldecoder("utf-8")("replace")
    valid = strange = 0
    fits_windows = True
    stream = content.open()
    try:
        while data := stream.read(_BLOCK):
            if data.isascii() and not utf8.getstate()[0]:
                continue
            text = utf8.decode(data)
            bad = text.count("\ufffd")
            strange += bad
            valid += len(text) - len(text.encode("ascii", "ignore")) - bad
            fits_windows = fits_windows and not set(data) & {0x81, 0x8D, 0x8F, 0x90, 0x9D}
    finally:
        stream.close()
    return valid, strange, fits_windows
