"""Open a source: find its files, choose how they are read, and answer for what they are."""

import hashlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from itertools import chain
from types import TracebackType
from typing import Any, BinaryIO, Final, Self

import numpy as np
import numpy.typing as npt
import polars as pl

from bulk.errors import SourceError
from bulk.source.ahead import ahead
from bulk.source.contents import Content, Keeper, check_text
from bulk.source.database import common_schema, query_frames
from bulk.source.delimited import Delimited
from bulk.source.excel import read_workbook, workbook_frames
from bulk.source.locating import Place, format_of, locate
from bulk.source.ndjson import NdJson
from bulk.source.options import Chunk, Mark, Reader, Sizes, SourceOptions, same_columns
from bulk.source.remote import remote_frames
from bulk.source.spool import SpooledFrames
from bulk.source.text import PlainLines, TextFile
from bulk.source.typed import Frames, typed_files

_TYPED: Final = ("parquet", "ipc")
_NAMES_SHOWN: Final = 3
_MARKS_KEPT: Final = 500
Mask = npt.NDArray[np.bool_]


class Source:
    """Rows, numbered from 1, in chunks; the same ones however often they are read.

    Attributes:
        marks: Places to read on from, ascending: found while it is read, or known from a former run.
    """

    def __init__(
        self, reader: Reader, description: str, contents: Sequence[Content], digest: str, stack: ExitStack
    ) -> None:
        self._reader = reader
        self._contents = contents
        self._digest = digest
        self._stack = stack
        self.description = description
        self.schema = reader.schema
        self.columns = tuple(reader.schema.names())
        self.hint = reader.hint
        times = [content.stat.mtime_ns for content in contents if content.stat]
        self.modified_at: float | None = max(times) / 1e9 if times else None
        self.marks: list[Mark] = []

    def chunks(self, needed: Mask | None = None) -> Iterator[Chunk]:
        """Yield the rows in order, from the first; chunks without rows that are needed may be left out.

        Args:
            needed: By row, whether it is; by default all are.
        """
        return ahead(self._marked() if needed is None else self._passing_over(needed))

    @property
    def kept_marks(self) -> list[Mark]:
        """So many of the marks as are worth keeping for another run."""
        return self.marks[:: len(self.marks) // _MARKS_KEPT + 1]

    def recall(self, marks: Any) -> None:
        """Use the marks that another reading of the same source left; what are none are left alone."""
        try:
            self.marks = sorted(Mark(*map(int, mark)) for mark in marks)
        except (TypeError, ValueError):
            self.marks = []

    def _marked(self) -> Iterator[Chunk]:
        """Yield all chunks and note where they begin."""
        self.marks = []
        for chunk in self._reader.chunks():
            if chunk.mark is not None:
                self.marks.append(chunk.mark)
            yield chunk

    def _passing_over(self, needed: Mask) -> Iterator[Chunk]:
        """Yield chunks up to the last row that is needed, and leap to marks over those that are not."""
        marks, done = [mark.rows for mark in self.marks], 0
        chunks = self._reader.chunks()
        while needed[done:].any():
            before = done + int(np.argmax(needed[done:]))
            nearest = bisect_right(marks, before) - 1
            if nearest >= 0 and marks[nearest] > done:
                chunks = self._reader.chunks(self.marks[nearest])
            chunk = next(chunks, None)
            if chunk is None:
                return
            done = chunk.last
            yield chunk

    def fingerprint(self) -> str:
        """Return the SHA-256 of what the files hold, in order, whatever they are called.

        Of a single file it is the file's own; compressed files count as they are stored.
        """
        if not self._digest:
            digests = [content.digest() for content in self._contents]
            whole = digests[0] if len(digests) == 1 else hashlib.sha256(b"".join(digests)).digest()
            self._digest = f"sha256:{whole.hex()}"
        return self._digest

    def changed(self) -> bool:
        """Tell whether a local file is no longer the one that was opened."""
        return any(content.changed() for content in self._contents)

    def close(self) -> None:
        """Let go of spooled data."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_source(options: SourceOptions, stdin: BinaryIO | None = None, sizes: Sizes | None = None) -> Source:
    """Open what a job names as its source, and check all that can be checked without reading every row.

    Compressed files are decompressed to their end here, so that a damaged one is refused at once; ndjson
    is read once for its keys and types; stdin, pipes, query results and remote objects are spooled.
    """
    stack = ExitStack()
    keeper = Keeper(stack, options.spool_dir, stdin)
    try:
        return _open(options, keeper, sizes or Sizes())
    except BaseException:
        stack.close()
        raise


def _open(options: SourceOptions, keeper: Keeper, sizes: Sizes) -> Source:
    if options.database_uri is not None:
        frames = query_frames(options.database_uri, options.query, options.base, sizes.rows)
        with closing(frames):
            return _spooled([("the query", frames)], "database query", options, keeper)
    places = locate(options.paths, options.base)
    kind = format_of(places, options.format)
    remote = [place for place in places if place.url]
    if remote and len(remote) < len(places):
        raise SourceError("local and remote files cannot be combined in one source")
    if remote and kind in _TYPED:
        copies = [(place.name, remote_frames(place, kind, sizes.rows)) for place in remote]
        return _spooled(copies, _described(places), options, keeper)
    contents = [keeper.content(place, sizes.rows) for place in places]
    reader = _reader(kind, contents, options, keeper, sizes)
    return Source(reader, _described(places), contents, "", keeper.stack)


def _reader(
    kind: str, contents: Sequence[Content], options: SourceOptions, keeper: Keeper, sizes: Sizes
) -> Reader:
    """Choose how files of a format are read."""
    nulls = options.null_values
    if kind in _TYPED:
        paths = [(content.name, keeper.unpacked_path(content)) for content in contents]
        return typed_files(kind, paths, nulls, sizes)
    files = [TextFile(content.name, content.open) for content in contents]
    if kind == "excel":
        return _workbooks(files, options, keeper, sizes)
    for content in contents:
        check_text(content)
    if kind == "lines":
        return PlainLines(files, options.encoding, sizes)
    if kind == "ndjson":
        return NdJson(files, options.encoding, nulls, sizes)
    separator = options.separator if options.separator is not None else "\t" if kind == "tsv" else ","
    return Delimited(files, separator, options.encoding, nulls, sizes)


def _workbooks(files: Sequence[TextFile], options: SourceOptions, keeper: Keeper, sizes: Sizes) -> Reader:
    """Read workbooks, one at a time, into a spool."""
    spool, parts = keeper.spool(), []
    first: pl.DataFrame | None = None
    for file in files:
        sheet = read_workbook(file)
        first = sheet.clear() if first is None else first
        same_columns(files[0].name, first.columns, file.name, sheet.columns)
        parts.append(SpooledFrames(spool, workbook_frames(sheet, sizes.rows)))
    schema = first.schema if first is not None else pl.Schema()
    return Frames(lambda: chain.from_iterable(parts), schema, files[0].name, options.null_values)


def _spooled(
    sources: Sequence[tuple[str, Iterator[pl.DataFrame]]],
    description: str,
    options: SourceOptions,
    keeper: Keeper,
) -> Source:
    """Keep rows that can be read only once; their fingerprint is that of the rows."""
    digest, spool, parts = hashlib.sha256(), keeper.spool(), []
    for name, frames in sources:
        parts.append(SpooledFrames(spool, frames, digest.update))
        same_columns(sources[0][0], parts[0].schemas[0].names(), name, parts[-1].schemas[0].names())
    digest.update(repr(parts[0].schemas[0].names()).encode())
    schema = common_schema([schema for part in parts for schema in part.schemas])
    reader = Frames(lambda: chain.from_iterable(parts), schema, sources[0][0], options.null_values)
    return Source(reader, description, (), f"sha256:{digest.hexdigest()}", keeper.stack)


def _described(places: Sequence[Place]) -> str:
    names = [place.name for place in places]
    if len(names) <= _NAMES_SHOWN:
        return ", ".join(names)
    return f"{len(names)} files, {names[0]} to {names[-1]}"
