"""Delimited text, compared with a reader that is slow and obviously right."""

import io
from dataclasses import dataclass

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bulk.conversation import ROW
from bulk.errors import SourceError
from bulk.source.decoding import Utf8
from bulk.source.delimited import Delimited
from bulk.source.options import Mark, Sizes
from bulk.source.text import TextFile

LONGEST = 40


@dataclass
class Expected:
    """A row as the reference reader sees it: its first line, and its fields unless it is malformed."""

    line: int
    fields: list[str] | None


def physical_line_end(data: bytes, position: int) -> int:
    while data[position] not in b"\r\n":
        position += 1
    return position + (2 if data[position : position + 2] == b"\r\n" else 1)


def one_row(  # noqa: C901, PLR0912 - a state machine in one piece is easy to check by eye
    data: bytes, start: int, width: int | None
) -> tuple[list[bytes], int] | None:
    """Return fields and end, or None if the quotes of the row make no sense."""
    fields: list[bytes] = []
    position = anchor = start
    while True:
        if width is None or len(fields) < width:
            anchor = position
        value = bytearray()
        if data[position : position + 1] == b'"':
            position += 1
            while True:
                if position >= len(data) or position >= anchor + LONGEST:
                    return None
                if data[position : position + 2] == b'""':
                    if position + 1 >= anchor + LONGEST:
                        return None
                    value += b'"'
                    position += 2
                elif data[position : position + 1] == b'"':
                    position += 1
                    break
                else:
                    value.append(data[position])
                    position += 1
            if position < len(data) and data[position] not in b",\r\n":
                return None
        else:
            while data[position] not in b",\r\n":
                value.append(data[position])
                position += 1
        fields.append(bytes(value))
        if data[position : position + 1] != b",":
            return fields, physical_line_end(data, position)
        position += 1


def marked(data: bytes) -> bytes:
    """Put marks for undecodable bytes, without the byte-order mark: the longest field is counted in these."""
    stream = Utf8(lambda: io.BytesIO(data), None)
    return b"".join(iter(lambda: stream.read(1 << 20), b""))


def reference(  # noqa: C901, PLR0912 - as above
    data: bytes,
) -> tuple[list[str], list[Expected]] | None:
    """Return header and rows; None if there is no usable header."""
    data = marked(data)
    if not data.endswith((b"\r", b"\n")):
        data += b"\n"
    header: list[str] | None = None
    rows: list[Expected] = []
    position, line = 0, 1
    while position < len(data):
        end = physical_line_end(data, position)
        if data[position:end] in (b"\n", b"\r", b"\r\n"):
            position, line = end, line + 1
            continue
        row = one_row(data, position, len(header) if header else None)
        if row is not None:
            end = row[1]
        text = data[position:end]
        fields = None
        if row is not None and b"\0" not in text:  # as every mark has one
            fields = [field.decode() for field in row[0]]
        if header is None:
            if fields is None:
                return None
            header = [name or f"column_{at}" for at, name in enumerate(fields, 1)]
            if len(set(header)) < len(header):
                return None
        else:
            rows.append(Expected(line, fields if fields is not None and len(fields) == len(header) else None))
        ends = text.count(b"\n") + text.count(b"\r") - text.count(b"\r\n")
        position, line = end, line + ends
    return (header, rows) if header else None


def reader(data: bytes, block: int = 1 << 20, longest: int = LONGEST, **options: object) -> Delimited:
    separator = str(options.get("separator", ","))
    encoding = options.get("encoding")
    nulls = options.get("null_values", ())
    assert encoding is None or isinstance(encoding, str)
    assert isinstance(nulls, tuple)
    file = TextFile("list.csv", lambda: io.BytesIO(data))
    return Delimited([file], separator, encoding, nulls, Sizes(block=block, longest=longest))


def everything(found: Delimited, start: Mark | None = None) -> tuple[pl.DataFrame, pl.DataFrame]:
    chunks = list(found.chunks(start))
    empty = pl.DataFrame(schema={ROW: pl.UInt32, **found.schema})
    frames = pl.concat([empty, *(chunk.frame for chunk in chunks)])
    malformed = [chunk.malformed for chunk in chunks]
    return frames, pl.concat(malformed) if malformed else pl.DataFrame()


PIECES = [
    b'"', b'"', b'""', b",", b",", b"\n", b"\n", b"\r", b"\r\n", b"\0", b"\xff", b"\xc3", b"\xc3\xa9", b"a",
    b"b ",     b'"x"', b'"x,y"', b'"x\ny"', b'5" pipe', b"\xef\xbb\xbf", b"w" * 50, b"#", b"'",
]  # fmt: skip
rubbish = st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join)
headers = st.sampled_from(
    [b"h1\n", b"h1,h2\n", b"h1,h2\r\n", b"h1,h2,h3\r", b'\n\n"h\n1",h2\n', b"h1,h2", b""]
)


@settings(max_examples=1500, deadline=None)
@given(header=headers, body=rubbish, block=st.integers(1, 60))
@example(header=b"h1,h2\n", body=b'"a","b\n"c","d"\n', block=100)
@example(header=b"h1\n", body=b'"%b"' % (b"w" * 50), block=1)
@example(header=b"h1\n", body=b'\xef\xbb\xbfa\n""\n\n', block=3)
@example(header=b"h1\n", body=b'"""""""\n\xef\xbb\xbf\r\n%b\xef\xbb\xbf""x""x,y"' % (b"\xff" * 4), block=1)
def test_any_rubbish_is_read_as_the_reference_reader_reads_it(header: bytes, body: bytes, block: int) -> None:
    expected = reference(header + body)
    if expected is None:
        with pytest.raises(SourceError):
            reader(header + body, block)
        return
    names, rows = expected
    found = reader(header + body, block)
    frame, malformed = everything(found)
    assert list(found.schema) == names
    good = [(at, *row.fields) for at, row in enumerate(rows, 1) if row.fields is not None]
    assert frame.rows() == good
    bad = [(at, row.line) for at, row in enumerate(rows, 1) if row.fields is None]
    assert [row[:2] for row in malformed.rows()] == bad


@settings(max_examples=500, deadline=None)
@given(
    bom=st.sampled_from([b"", b"\xef\xbb\xbf"]),
    header=headers,
    body=rubbish,
    block=st.integers(1, 60),
    encoding=st.sampled_from([None, "utf-8", "cp1252"]),
)
def test_from_any_mark_on_the_rest_is_read_as_if_all_before_it_had_been_read(
    bom: bytes, header: bytes, body: bytes, block: int, encoding: str | None
) -> None:
    try:
        found = reader(bom + header + body, block, encoding=encoding)
    except SourceError:
        return
    chunks = list(found.chunks())
    marks = [chunk.mark for chunk in chunks if chunk.mark is not None]
    frame, malformed = everything(found)

    if encoding != "cp1252" and b"\xff" not in body and b"\xc3" not in body.replace(b"\xc3\xa9", b""):
        assert len(marks) == len(chunks)
    for mark in marks:
        rest = everything(found, mark)
        assert rest[0].rows() == frame.filter(pl.col(ROW) > mark.rows).rows()
        assert rest[1].rows() == (malformed.filter(pl.col(ROW) > mark.rows).rows() if malformed.width else [])


def faults(data: bytes, **options: object) -> list[tuple[object, ...]]:
    _frame, malformed = everything(reader(data, **options))  # type: ignore[arg-type] # by name
    return [(row, line, message) for row, line, _reason, message in malformed.rows()]


def test_every_kind_of_malformed_row_is_told_by_name_and_costs_only_itself() -> None:
    data = b'a,b\nok,1\nx\nx,y,z\n"x"y,z\nx\0,y\nx,\xff\n"x,y\nok,2\n'
    frame, malformed = everything(reader(data))
    assert frame.rows() == [(1, "ok", "1"), (8, "ok", "2")]
    assert malformed.rows() == [
        (2, 3, "malformed_row", "the row has 1 field where the header has 2"),
        (3, 4, "malformed_row", "the row has 3 fields where the header has 2"),
        (4, 5, "malformed_row", "there is text after a closing quote"),
        (5, 6, "malformed_row", "there is a NUL byte"),
        (6, 7, "malformed_row", "there are bytes that the encoding does not know"),
        (7, 8, "malformed_row", "a quote is never closed"),
    ]


def test_an_open_quote_does_not_take_the_rows_below_with_it() -> None:
    data = b'a,b\n"1","open\n"2","x"\n3,y\n"4","z"\n'
    frame, malformed = everything(reader(data))
    assert frame["a"].to_list() == ["2", "3", "4"]
    assert malformed.rows()[0][:2] == (1, 2)


def test_a_quoted_field_may_be_as_long_as_the_limit_and_no_longer() -> None:
    fits = b'a\n"' + b"x\n" * 19 + b'"\nend\n'
    assert faults(fits) == []
    rows = faults(b'a\n"' + b"x\n" * 20 + b'"\nend\n')
    assert rows[0] == (1, 2, "a quote is never closed")


def test_a_quote_that_is_closed_only_after_a_megabyte_rejects_one_line() -> None:
    data = b'a,b\n"open,1\n' + b"x,2\n" * 300_000 + b'",3\n'
    frame, malformed = everything(reader(data, longest=1 << 20))
    assert frame.height == 300_000
    assert malformed[ROW].to_list() == [1, 300_002]


def test_rows_of_many_blocks_keep_their_numbers_and_lines() -> None:
    body = b"".join(b'%d,"x\ny"\n' % number if number % 3 else b"%d\n\n" % number for number in range(1, 400))
    whole = everything(reader(b"a,b\n" + body))
    pieces = everything(reader(b"a,b\n" + body, block=64))
    assert whole[0].equals(pieces[0])
    assert whole[1].equals(pieces[1])
    assert whole[0].height + whole[1].height == 399


@pytest.mark.parametrize("rows", [1, 30_000])
@pytest.mark.parametrize(
    ("short", "long", "row_of_long"), [(b"x", b"x,y,z", 2), (b"", b"x,y,z", 1), (b"\n", b"x,y,z,w", 1)]
)
def test_rows_too_long_and_too_short_are_found_though_separators_are_as_many_as_they_should_be(
    short: bytes, long: bytes, row_of_long: int, rows: int
) -> None:
    good = b"x,y\n" * rows
    data = b"a,b\n" + short + b"\n" + good + long + b"\n" + good
    frame, malformed = everything(reader(data))
    assert frame.height == 2 * rows
    told = malformed[ROW].to_list()
    assert told[-1] == rows + row_of_long
    assert len(told) == row_of_long
