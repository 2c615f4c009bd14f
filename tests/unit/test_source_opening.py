"""Opening a source: which files, in what encoding and compression, and what is refused."""

import gzip
import hashlib
import io
import json
import os
import threading
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import zstandard

from bulk.errors import SourceError
from bulk.source import Sizes, Source, SourceOptions, open_source


def opened(base: Path, *paths: str, **options: object) -> Source:
    return open_source(SourceOptions(paths=paths, base=base, **options))  # type: ignore[arg-type] # by name


def rows(source: Source) -> list[tuple[object, ...]]:
    return [row for chunk in source.chunks() for row in chunk.frame.rows()]


def refusal(base: Path, *paths: str, **options: object) -> str:
    with pytest.raises(SourceError) as caught:
        opened(base, *paths, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_rows_are_numbered_on_across_files_and_read_again_alike(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_bytes(b"id\n3\n")
    (tmp_path / "a.csv").write_bytes(b"id\n1\n2,x\n")
    with opened(tmp_path, "*.csv") as source:
        assert rows(source) == [(1, "1"), (3, "3")]
        assert rows(source) == [(1, "1"), (3, "3")]
        (fault,) = next(source.chunks()).malformed.rows()
    assert fault == (2, 3, "malformed_row", "the row has 2 fields where the header has 1 (a.csv)")


def test_listed_files_are_read_in_the_order_of_the_list(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_bytes(b"id\nb\n")
    (tmp_path / "a.csv").write_bytes(b"id\na\n")
    with opened(tmp_path, "b.csv", "a.csv") as source:
        assert rows(source) == [(1, "b"), (2, "a")]
        assert source.description == "b.csv, a.csv"


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path: Path) -> None:
    folder = tmp_path / "[2024]"
    folder.mkdir()
    (folder / "x[1].csv").write_bytes(b"id\nliteral\n")
    (folder / "x1.csv").write_bytes(b"id\npattern\n")
    with opened(folder, "x[1].csv") as source:
        assert rows(source) == [(1, "literal")]
    (folder / "x[1].csv").unlink()
    with opened(folder, "x[1].csv") as source:
        assert rows(source) == [(1, "pattern")]


def test_a_header_alone_is_a_source_without_rows(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"id,email")
    with opened(tmp_path, "a.csv") as source:
        assert source.columns == ("id", "email")
        assert rows(source) == []


def test_a_nameless_column_is_named_by_its_position(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b'id,,""\n')
    assert opened(tmp_path, "a.csv").columns == ("id", "column_2", "column_3")


def test_only_listed_texts_are_null_and_spaces_stay(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b'a,b\n,""\nNULL, \nna,007\n')
    assert rows(opened(tmp_path, "a.csv")) == [(1, None, None), (2, "NULL", " "), (3, "na", "007")]
    assert rows(opened(tmp_path, "a.csv", null_values=())) == [
        (1, "", ""),
        (2, "NULL", " "),
        (3, "na", "007"),
    ]
    nulls = ("NULL", "na")
    assert rows(opened(tmp_path, "a.csv", null_values=nulls)) == [
        (1, "", ""),
        (2, None, " "),
        (3, None, "007"),
    ]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "utf-32-be", "cp1252", "latin-1"]
)
@pytest.mark.parametrize("block", [1, 7, 1 << 20])
def test_every_encoding_gives_the_same_text(tmp_path: Path, encoding: str, block: int) -> None:
    (tmp_path / "a.csv").write_bytes("id,näme\r\n1,Zoë\r\n2,ß\r\n".encode(encoding))
    marked = encoding in ("utf-8-sig", "utf-16", "utf-32")
    options = SourceOptions(paths=("a.csv",), base=tmp_path, encoding=None if marked else encoding)
    with open_source(options, sizes=Sizes(block=block)) as source:
        assert source.columns == ("id", "näme")
        assert rows(source) == [(1, "1", "Zoë"), (2, "2", "ß")]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "idna"])
def test_text_that_a_codec_refuses_as_a_whole_is_refused(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.csv").write_bytes(b"id,name\n")
    with pytest.raises(SourceError, match=f"cannot be read as {encoding}; set source.encoding"):
        open_source(SourceOptions(paths=("a.csv",), base=tmp_path, encoding=encoding))


@pytest.mark.parametrize(
    ("encoding", "bad"),
    [
        ("utf-8", b"\xff"),
        ("cp1252", b"\x81"),
        ("shift_jis", b"\x81"),
        ("utf-16-le", b"\x00\xd8"),
        ("ascii", b"\xe9"),
    ],
)
@pytest.mark.parametrize("block", [1, 1 << 20])
def test_undecodable_bytes_cost_one_row(tmp_path: Path, encoding: str, bad: bytes, block: int) -> None:
    lines = ["id\n1\n".encode(encoding), bad, "\n3\n".encode(encoding)]
    (tmp_path / "a.csv").write_bytes(b"".join(lines))
    options = SourceOptions(paths=("a.csv",), base=tmp_path, encoding=encoding)
    with open_source(options, sizes=Sizes(block=block)) as source:
        chunks = list(source.chunks())
    assert pl.concat([chunk.frame for chunk in chunks]).rows() == [(1, "1"), (3, "3")]
    message = "there are bytes that the encoding does not know"
    assert pl.concat([chunk.malformed for chunk in chunks]).rows() == [(2, 3, "malformed_row", message)]


def packed(kind: str, *parts: bytes) -> bytes:
    compress = gzip.compress if kind == "gz" else zstandard.compress
    return b"".join(compress(part) for part in parts)


@pytest.mark.parametrize("kind", ["gz", "zst"])
@pytest.mark.parametrize("name", ["a.csv.{}", "a.csv"])
def test_compressed_parts_are_read_one_after_another_whatever_the_suffix(
    tmp_path: Path, kind: str, name: str
) -> None:
    file = name.format(kind)
    (tmp_path / file).write_bytes(packed(kind, b"id\n1", b"2\n3\n"))
    with opened(tmp_path, file) as source:
        assert rows(source) == [(1, "12"), (2, "3")]


@pytest.mark.parametrize("kind", ["gz", "zst"])
@pytest.mark.parametrize("missing", [1, 9, 40])
def test_a_compressed_file_without_its_end_is_refused(tmp_path: Path, kind: str, missing: int) -> None:
    whole = packed(kind, b"id\n" + os.urandom(4000).hex().encode() + b"\n")
    (tmp_path / f"a.csv.{kind}").write_bytes(whole[:-missing])
    assert "damaged or incomplete" in refusal(tmp_path, f"a.csv.{kind}")


def test_a_gzip_suffix_on_plain_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(b"id\n1\n")
    assert "damaged or incomplete" in refusal(tmp_path, "a.csv.gz")


def test_standard_input_can_be_read_twice_and_leaves_no_file(tmp_path: Path) -> None:
    options = SourceOptions(paths=("-",), spool_dir=tmp_path)
    with open_source(options, io.BytesIO(b"id\n1\n2\n")) as source:
        assert rows(source) == rows(source) == [(1, "1"), (2, "2")]
        assert source.modified_at is None
        assert source.description == "standard input"
        assert source.fingerprint() == "sha256:" + hashlib.sha256(b"id\n1\n2\n").hexdigest()
        assert list(tmp_path.iterdir()) == []


def test_a_pipe_is_spooled_like_standard_input(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    writer = threading.Thread(target=(tmp_path / "pipe.csv").write_bytes, args=(b"id\n1\n",))
    writer.start()
    with opened(tmp_path, "pipe.csv") as source:
        writer.join()
        assert rows(source) == rows(source) == [(1, "1")]


def test_the_fingerprint_is_of_the_content_in_order_not_of_the_names(tmp_path: Path) -> None:
    for name, content in {"a": b"id\n1\n", "b": b"id\n2\n", "c": b"id\n1\n"}.items():
        (tmp_path / f"{name}.csv").write_bytes(content)
    assert opened(tmp_path, "a.csv").fingerprint() == "sha256:" + hashlib.sha256(b"id\n1\n").hexdigest()
    both = opened(tmp_path, "a.csv", "b.csv").fingerprint()
    assert opened(tmp_path, "c.csv", "b.csv").fingerprint() == both
    assert opened(tmp_path, "b.csv", "a.csv").fingerprint() != both


def test_a_file_that_is_touched_replaced_or_gone_has_changed(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"id\n1\n")
    os.utime(file, (1000, 1000))
    source = opened(tmp_path, "a.csv")
    assert source.modified_at == 1000
    assert not source.changed()
    os.utime(file, (2000, 2000))
    assert source.changed()
    file.unlink()
    assert source.changed()


@pytest.mark.parametrize(
    ("header", "mark"), [(b"id;email\n", ";"), (b"id\temail\n", "\\t"), (b"id|email\n", "|")]
)
def test_a_header_of_one_column_hints_at_another_separator(tmp_path: Path, header: bytes, mark: str) -> None:
    (tmp_path / "a.csv").write_bytes(header)
    assert f'is separator: "{mark}" meant?' in opened(tmp_path, "a.csv").hint
    (tmp_path / "b.csv").write_bytes(b"id,email\n")
    assert opened(tmp_path, "b.csv").hint == ""


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"\n\r\n\r", "nothing but blank lines"),
        (b"id,email,id\n", 'column "id" more than once (columns 1, 3)'),
        (b"id,__row__\n", '"__row__"'),
        (b"id,__key__\n", '"__key__"'),
        (b"__record__\n", '"__record__"'),
        (b'id,"email\n1,2\n', "a quote is never closed"),
        (b"i\0d\n", "NUL"),
        (b"i\xff\n", "bytes that the encoding does not know"),
        (b"PAR1....", "format: parquet"),
        (b"PK\x03\x04....", "workbook or a zip"),
        (b"\xef\xbb\xbf\n<!DOCTYPE HTML><p>", "web page"),
        ("id\n1\n".encode("utf-16-le"), "check the encoding"),
    ],
)
def test_a_file_that_cannot_be_a_list_is_refused_in_a_sentence(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    message = refusal(tmp_path, "a.csv")
    assert sentence in message
    assert "a.csv" in message


def test_files_with_other_columns_are_refused_naming_both(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"id,email\n")
    (tmp_path / "b.csv").write_bytes(b"id,mail\n")
    (tmp_path / "c.csv").write_bytes(b"id,email,plan\n")
    assert 'column 2 is "email" in a.csv but "mail" in b.csv' in refusal(tmp_path, "a.csv", "b.csv")
    assert 'c.csv has a column "plan" that a.csv has not' in refusal(tmp_path, "a.csv", "c.csv")


def test_what_is_asked_for_wrongly_is_told_with_a_suggestion(tmp_path: Path) -> None:
    (tmp_path / "contacts.csv").write_bytes(b"id\n")
    (tmp_path / "list.dat").write_bytes(b"id\n")
    assert 'did you mean "contacts.csv"?' in refusal(tmp_path, "contact.csv")
    assert "is a folder" in refusal(tmp_path, ".")
    assert '"x*.csv"' in refusal(tmp_path, "x*.csv")
    assert "names no file" in refusal(tmp_path)
    assert 'did you mean "cp1252"?' in refusal(tmp_path, "contacts.csv", encoding="cp1522")
    assert "not known" in refusal(tmp_path, "contacts.csv", encoding="base64")
    assert "one ASCII character" in refusal(tmp_path, "contacts.csv", separator=";;")
    assert 'did you mean "csv"?' in refusal(tmp_path, "contacts.csv", format="cvs")
    assert "set source.format" in refusal(tmp_path, "list.dat")
    assert "begins with s3://" in refusal(tmp_path, "https://example.com/list.csv")
    assert "cannot hold a pattern" in refusal(tmp_path, "s3://bucket/*.csv")
    assert "alone" in refusal(tmp_path, "-", "contacts.csv")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch(mode=0)
    assert "permissions" in refusal(tmp_path, "a.csv")


def test_other_separators_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_bytes(b'id\tname\n1\t"a\tb"\n')
    (tmp_path / "a.csv").write_bytes(b'id;name\n1;"a;b"\n')
    (tmp_path / "b.csv").write_bytes(b"id^name\n1^a\n")
    assert rows(opened(tmp_path, "a.tsv")) == [(1, "1", "a\tb")]
    assert rows(opened(tmp_path, "a.csv", separator=";")) == [(1, "1", "a;b")]
    assert rows(opened(tmp_path, "b.csv", separator="^")) == [(1, "1", "a")]


TEXT = b"id,name\r\n" + b"".join(
    b'%d,"a\nb"\n' % row if row % 5 else b"%d,x,y\n\n" % row for row in range(1, 300)
)
JSON = b"".join(b'{"id": %d}\n' % row if row % 5 else b"[]\n\n" for row in range(1, 300))


def frame_of(kind: str, path: Path) -> None:
    frame = pl.DataFrame({"id": range(1, 300), "name": ["x"] * 299})
    frame.write_parquet(path, row_group_size=40) if kind == "parquet" else frame.write_ipc(path)


@pytest.mark.parametrize(
    "name",
    ["a.csv", "a.csv.gz", "a.csv.zst", "b.csv", "a.ndjson", "a.ndjson.zst", "a.txt", "a.parquet", "a.arrow"],
)
def test_another_run_reads_only_chunks_with_rows_that_it_needs_and_reads_them_alike(
    tmp_path: Path, name: str
) -> None:
    paths = [name]
    text = {"csv": TEXT, "ndjson": JSON, "txt": TEXT}.get(name.split(".")[1], b"")
    if not text:
        frame_of(name.split(".")[1], tmp_path / name)
    elif name == "b.csv":
        paths = ["a.csv", "b.csv"]
        (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbf" + TEXT)
        (tmp_path / name).write_bytes(TEXT)
    else:
        packed = {"gz": gzip.compress(text), "zst": zstandard.compress(text)}
        (tmp_path / name).write_bytes(packed.get(name.rpartition(".")[2], text))
    options = SourceOptions(paths=tuple(paths), base=tmp_path, format="ipc" if name == "a.arrow" else None)
    with open_source(options, sizes=Sizes(block=200, rows=30)) as first:
        every = list(first.chunks())
        marks = json.loads(json.dumps(first.kept_marks))
    last = every[-1].last
    needed = np.zeros(last, dtype=np.bool_)
    needed[[3, last // 2, last - 2]] = True
    with open_source(options, sizes=Sizes(block=200, rows=30)) as again:
        again.recall(marks)
        some = list(again.chunks(needed))

    rows = {row[0]: row for chunk in every for part in (chunk.frame, chunk.malformed) for row in part.rows()}
    read = {row[0]: row for chunk in some for part in (chunk.frame, chunk.malformed) for row in part.rows()}
    assert {number: rows[number] for number in read} == read
    assert {4, last // 2 + 1, last - 1} <= read.keys()
    assert len(some) <= 6 < len(every)


def test_what_is_no_list_of_marks_is_left_alone_and_all_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"id\n1\n2\n")
    with opened(tmp_path, "a.csv") as source:
        for nonsense in (None, 7, [1], [["x", 0, 0, 0]], [[1, 2, 3, 4, 5]]):
            source.recall(nonsense)
            assert [chunk.frame["id"].to_list() for chunk in source.chunks(np.ones(2, np.bool_))] == [
                ["1", "2"]
            ]


def test_of_very_many_marks_some_are_kept(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"id\n" + b"1\n" * 3000)
    with open_source(SourceOptions(paths=("a.csv",), base=tmp_path), sizes=Sizes(block=4)) as source:
        found = sum(1 for _ in source.chunks())
        kept = source.kept_marks
    assert found > 1000 > len(kept) > 250
    assert kept[0].rows == 0
