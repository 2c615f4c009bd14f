"""The file of who unsubscribed: whole lines, each person once, whatever became of its last writer."""

import csv
import os
import resource
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk.errors import HeldError, StoppedError, UsageError
from bulk.listening.file import HEADER, SuppressionFile
from bulk.webhooks.people import COLUMNS, Unsubscribed

SOMEBODY = "somebody@example.com"


def person(name: str, user_id: str = "", event_id: str = "") -> Unsubscribed:
    email = f"{name}@example.com" if name else ""
    return Unsubscribed(
        email, user_id, "customerio", "customer_unsubscribed", "2026-11-27T22:00:00Z", event_id
    )


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as lines:
        return list(csv.reader(lines))


def first_cells(path: Path) -> list[str]:
    return [row[0] for row in rows(path)]


@contextmanager
def opened(path: Path) -> Iterator[SuppressionFile]:
    with closing(SuppressionFile(path)) as file:
        yield file


def test_a_new_file_is_its_owners_alone_and_has_a_header(tmp_path: Path) -> None:
    with opened(tmp_path / "new.csv") as file:
        assert len(file) == 0
    assert rows(tmp_path / "new.csv") == [list(COLUMNS)]
    assert stat.S_IMODE((tmp_path / "new.csv").stat().st_mode) == 0o600


def test_each_person_is_one_line_also_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "un.csv"
    with opened(path) as file:
        assert file.append([person("ada"), person("bob"), person("ada", event_id="2")]) == 2
        assert file.append([person("ADA")]) == 0
    with opened(path) as file:
        assert (len(file), file.append([person("Bob"), person("eve")])) == (2, 1)
    assert first_cells(path)[1:] == ["ada@example.com", "bob@example.com", "eve@example.com"]


def test_who_has_no_address_is_known_by_the_id_and_an_id_is_never_taken_for_an_address(
    tmp_path: Path,
) -> None:
    with opened(tmp_path / "un.csv") as file:
        assert file.append([person("", "7"), person("", "7"), person("ada", "7")]) == 2


def test_what_csv_has_to_quote_is_read_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "un.csv"
    awkward = 'a "b", =c'
    with opened(path) as file:
        file.append([person("", awkward)])
    with opened(path) as file:
        assert file.append([person("", awkward)]) == 0
    assert rows(path)[1][1] == awkward


def test_a_file_cut_off_anywhere_ends_with_each_person_once(tmp_path: Path) -> None:
    whole = tmp_path / "whole.csv"
    people = [person("ada", '4"2', "e1"), person("bob", "7", "e2")]
    with opened(whole) as file:
        file.append(people)
    data = whole.read_bytes()
    path = tmp_path / "cut.csv"
    for length in range(len(data) + 1):
        path.write_bytes(data[:length])
        with opened(path) as file:
            file.append(people)
        assert first_cells(path)[1:] == ["ada@example.com", "bob@example.com"], length
        assert {len(row) for row in rows(path)} == {len(COLUMNS)}, length


Names = st.lists(st.sampled_from(["ada", "bob", "eve", "joe", "kim"]), max_size=4)


@given(st.lists(st.tuples(Names, st.none() | st.floats(0, 1)), max_size=6))
def test_kills_and_repeated_deliveries_lose_nobody_and_double_nobody(
    groups: list[tuple[list[str], float | None]],
) -> None:
    """A group is answered; or its writer is killed when a share of it is written, and it is sent again."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "un.csv"
        file = SuppressionFile(path)
        for names, share in groups:
            people = [person(name) for name in names]
            if share is not None:
                before = path.stat().st_size
                file.append(people)
                file.close()
                os.truncate(path, before + int(share * (path.stat().st_size - before)))
                file = SuppressionFile(path)
            file.append(people)
        file.close()
        told = {f"{name}@example.com" for names, _ in groups for name in names}
        assert sorted(told) == sorted(first_cells(path)[1:])
        assert path.read_bytes().endswith(b"\n")


def test_a_last_line_that_only_lacks_its_end_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "un.csv"
    path.write_bytes(HEADER + b"\nada@example.com,,by hand,,,")
    with opened(path) as file:
        assert (len(file), file.repaired, file.append([person("bob")])) == (1, 1, 1)
    assert first_cells(path)[1:] == ["ada@example.com", "bob@example.com"]


def test_lines_of_somebody_elses_hand_are_read_as_far_as_they_go(tmp_path: Path) -> None:
    path = tmp_path / "un.csv"
    lines = [b"ada@example.com\r\n", b"\r\n", b' Bob@example.com ,"x\n', b"\xff\xfe,,,\n"]
    path.write_bytes(b"\xef\xbb\xbf" + HEADER + b"\r\n" + b"".join(lines))
    with opened(path) as file:
        assert file.append([person("ada"), person("bob"), person("eve")]) == 1


@pytest.mark.parametrize("text", ["email\n", "PK\x03\x04", "email,user_id,source,event,at,event_id,more"])
def test_another_file_is_left_as_it_is(text: str, tmp_path: Path) -> None:
    path = tmp_path / "contacts.csv"
    path.write_text(text)
    with pytest.raises(UsageError, match="its first line is not email,user_id"):
        SuppressionFile(path)
    assert path.read_text() == text


def test_a_folder_a_pipe_and_a_missing_folder_are_told_in_a_sentence(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "missing" / "un.csv"):
        with pytest.raises(UsageError, match=str(path)):
            SuppressionFile(path)


def test_a_second_writer_is_refused_and_the_file_is_free_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "un.csv"
    with opened(path), pytest.raises(HeldError, match="another bulk listen appends"):
        SuppressionFile(path)
    with opened(path) as file:
        assert len(file) == 0


def test_a_file_that_was_put_in_its_place_is_taken_up(tmp_path: Path) -> None:
    path = tmp_path / "un.csv"
    with opened(path) as file:
        file.append([person("ada"), person("bob")])
        mended = tmp_path / "mended.csv"
        mended.write_bytes(HEADER + b"\nada@example.com,,,,,\n")
        mended.replace(path)
        assert file.append([person("ada"), person("bob")]) == 1
        assert file.taken_up == 1
        path.unlink()
        assert file.append([person("ada")]) == 1
    assert first_cells(path)[1:] == ["ada@example.com"]


def test_a_line_that_somebody_changed_counts_as_it_is_now(tmp_path: Path) -> None:
    path = tmp_path / "un.csv"
    with opened(path) as file:
        file.append([person("ada")])
        path.write_bytes(path.read_bytes().replace(b"ada@", b"eve@"))
        os.utime(path, ns=(0, 0))
        assert file.append([person("ada")]) == 1


def test_a_foreign_file_that_was_put_in_its_place_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "un.csv"
    with opened(path) as file:
        foreign = tmp_path / "foreign.csv"
        foreign.write_text(f"Email\n{SOMEBODY}\n")
        foreign.replace(path)
        with pytest.raises(UsageError, match="its first line"):
            file.append([person("ada")])
    assert path.read_text() == f"Email\n{SOMEBODY}\n"


def test_who_could_not_be_brought_to_the_disk_is_not_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "un.csv"
    sync, faults = os.fsync, [OSError(5, "Input/output error")]

    def failing_once(descriptor: int) -> None:
        if faults:
            raise faults.pop()
        sync(descriptor)

    with opened(path) as file:
        file.append([person("ada")])
        monkeypatch.setattr(os, "fsync", failing_once)
        with pytest.raises(OSError, match="Input/output error"):
            file.append([person("bob")])
        assert first_cells(path)[1:] == ["ada@example.com"]
        assert file.append([person("ada"), person("bob")]) == 1
        assert file.taken_up == 0
    assert first_cells(path)[1:] == ["ada@example.com", "bob@example.com"]


def test_room_is_proven_by_what_is_on_disk_and_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "un.csv"
    with opened(path) as file:
        file.append([person("ada")])
        before, sizes = path.read_bytes(), []
        sync = os.fsync

        def watched(descriptor: int) -> None:
            sizes.append(path.stat().st_size - len(before))
            sync(descriptor)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fsync", watched)
            file.prove_room()
        assert sizes == [4096, 0]
        assert path.read_bytes() == before
        assert (file.append([person("ada"), person("bob")]), file.taken_up) == (1, 0)


def test_a_full_disk_has_no_room_and_the_file_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "un.csv"
    with opened(path) as file:
        file.append([person("ada")])
        before = path.read_bytes()
        old = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 10, old[1]))
        try:
            with pytest.raises(OSError, match="too large"):
                file.prove_room()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, old)
        assert path.read_bytes() == before
        file.prove_room()
        assert (file.append([person("bob")]), file.taken_up) == (1, 0)


def test_a_kill_while_room_is_proven_leaves_nothing_but_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "un.csv"
    with opened(path) as file:
        file.append([person("ada")])
    for left in (1, 4096):
        with path.open("ab") as lines:
            lines.write(b"\n" * left)
        with opened(path) as file:
            assert (len(file), file.repaired, file.append([person("ada")])) == (1, 0, 0)


def test_a_disk_that_takes_nothing_back_stops_the_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    with opened(tmp_path / "un.csv") as file:
        monkeypatch.setattr(os, "fsync", failing)
        with pytest.raises(StoppedError, match="start again"):
            file.append([person("ada")])
