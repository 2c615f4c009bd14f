"""Where a ledger stands: whether the file system it is on belongs to another machine."""

import os
import re
from pathlib import Path, PurePosixPath

MOUNTS = Path("/proc/self/mountinfo")
"""What is mounted where, on Linux; see proc(5)."""
NETWORK = frozenset(
    {
        "9p",
        "afs",
        "beegfs",
        "blobfuse",
        "blobfuse2",
        "ceph",
        "cifs",
        "davfs",
        "gcsfuse",
        "glusterfs",
        "goofys",
        "gpfs",
        "juicefs",
        "lustre",
        "mountpoint-s3",
        "nfs",
        "nfs4",
        "orangefs",
        "rclone",
        "s3fs",
        "smb3",
        "smbfs",
        "sshfs",
    }
)
"""File systems that other machines may write to, or that an object store stands behind."""
_MOUNT = re.compile(rb"^(?:[^ \n]+ ){4}([^ \n]+) [^\n]*? - ([^ \n]+)", re.MULTILINE)
"""ID PARENT DEVICE ROOT FOLDER OPTIONS [TAG…] - TYPE SOURCE OPTIONS"""
_ESCAPED = re.compile(rb"\\([0-7]{3})")


def network_warning(ledger: Path, mounts: Path = MOUNTS) -> str | None:
    """Say what may happen to a ledger where it stands; nothing on a local disk, or where that cannot be told.

    Args:
        ledger: The file, which need not be there yet.
        mounts: Tells what is mounted where.
    """
    try:
        listed = mounts.read_bytes()
    except OSError:
        return None
    kind = file_system(listed, PurePosixPath(ledger.resolve()))
    if kind is None or kind.removeprefix("fuse.") not in NETWORK:
        return None
    return (
        f"{ledger} stands on a network file system ({kind}): SQLite's locks and its write-ahead log are not"
        " safe there, so that two runs may write at once and a crash may damage it;"
        " move it to a local disk or a block volume"
    )


def file_system(mounts: bytes, path: PurePosixPath) -> str | None:
    """Return the type of the file system that an absolute path is on; None if no mount holds it.

    Args:
        mounts: Lines as in ``/proc/self/mountinfo``.
        path: Without symbolic links.
    """
    holding = [
        (len(folder.parts), os.fsdecode(kind))
        for folder, kind in ((_folder(escaped), kind) for escaped, kind in _MOUNT.findall(mounts))
        if path.is_relative_to(folder)
    ]
    deepest = max((depth for depth, _ in holding), default=0)
    # Of several on one folder, the one that was mounted last is seen.
    return next((kind for depth, kind in reversed(holding) if depth == deepest), None)


def _folder(escaped: bytes) -> PurePosixPath:
    return PurePosixPath(os.fsdecode(_ESCAPED.sub(lambda found: bytes([int(found[1], 8) & 0xFF]), escaped)))
