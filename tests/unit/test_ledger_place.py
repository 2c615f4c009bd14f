"""A ledger that stands on a file system of another machine is warned of."""

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bulk.ledger.place import file_system, network_warning

DISK = "24 1 254:0 / / rw,relatime - ext4 /dev/vda rw"
SHARE = "52 24 0:45 / /data rw,relatime shared:7 master:1 - nfs4 10.0.0.1:/bulk rw,vers=4.2"
NAME = st.sampled_from(
    ["a", "b", "ab", "a b", "tab\there", "new\nline", "back\\slash", "\\040", "ü", "\udcff"]
)
FOLDER = st.lists(NAME, max_size=3).map(lambda names: PurePosixPath("/", *names))
KIND = st.sampled_from(["ext4", "nfs4", "fuse.sshfs"])


def line(folder: PurePosixPath, kind: str) -> bytes:
    """Write a mount as the kernel does."""
    escaped = b"".join(
        b"\\%03o" % byte if byte in b" \t\n\\" else bytes([byte]) for byte in os.fsencode(str(folder))
    )
    return b"36 35 98:0 / " + escaped + b" rw,noatime master:1 - " + kind.encode() + b" /dev/root rw\n"


@given(st.lists(st.tuples(FOLDER, KIND), max_size=6), FOLDER)
@example([(PurePosixPath("/a"), "nfs4")], PurePosixPath("/ab"))
def test_the_nearest_folder_above_tells_and_there_the_last_mount(
    mounts: Sequence[tuple[PurePosixPath, str]], folder: PurePosixPath
) -> None:
    path = folder / "some.ledger"
    seen = dict(mounts)
    expected = next((seen[above] for above in path.parents if above in seen), None)
    assert file_system(b"".join(line(*mount) for mount in mounts), path) == expected


@pytest.mark.parametrize(
    ("mounts", "kind"),
    [
        (f"{DISK}\n{SHARE}\n", "nfs4"),
        (f"{SHARE}\n{DISK}\n", "nfs4"),
        (f"{DISK}\n{SHARE.replace(' shared:7 master:1', '')}\n", "nfs4"),
        (f"{DISK}\n{SHARE.replace('/data', '/data2')}\n", "ext4"),
        (f"{DISK}\n{SHARE.replace(' /data ', ' /data/b.ledger ')}\n", "ext4"),
        (f"{DISK}\nno line of the kernel's\n", "ext4"),
        ("", None),
    ],
)
def test_the_type_stands_behind_the_tags_of_a_mount(mounts: str, kind: str | None) -> None:
    assert file_system(mounts.encode(), PurePosixPath("/data/a.ledger")) == kind


def mounted(folder: Path, at: Path, kind: str) -> Path:
    """Write what would be mounted."""
    mounts = folder / "mountinfo"
    mounts.write_bytes(line(PurePosixPath("/"), "ext4") + line(PurePosixPath(at), kind))
    return mounts


@pytest.mark.parametrize(
    "kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "ceph", "fuse.glusterfs", "lustre"]
)
def test_a_network_file_system_is_warned_of(tmp_path: Path, kind: str) -> None:
    mounts = mounted(tmp_path, tmp_path, kind)
    warning = network_warning(tmp_path / "a.ledger", mounts)
    assert warning is not None
    assert f"stands on a network file system ({kind})" in warning


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "zfs", "overlay", "tmpfs", "fuseblk", "virtiofs"])
def test_a_disk_of_this_machine_is_not(tmp_path: Path, kind: str) -> None:
    assert network_warning(tmp_path / "a.ledger", mounted(tmp_path, tmp_path, kind)) is None


def test_a_link_is_followed_to_where_the_ledger_stands(tmp_path: Path) -> None:
    share = tmp_path / "share"
    share.mkdir()
    (tmp_path / "here").symlink_to(share)
    mounts = mounted(tmp_path, share, "nfs4")
    assert network_warning(tmp_path / "here" / "a.ledger", mounts) is not None


def test_where_mounts_cannot_be_read_nothing_is_said(tmp_path: Path) -> None:
    assert network_warning(tmp_path / "a.ledger", tmp_path / "no such file") is None
