"""Keeps two runs on one machine from using up one account's rate together."""

import fcntl
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bulk.errors import HeldError, JobError

STATE_DIR = "BULK_STATE_DIR"


def state_folder(environ: Mapping[str, str]) -> Path | None:
    """Return the folder of the locks; None if the user has no place for one."""
    if environ.get(STATE_DIR):
        return Path(environ[STATE_DIR])
    if environ.get("XDG_STATE_HOME"):
        return Path(environ["XDG_STATE_HOME"]) / "bulk"
    return Path(environ["HOME"]) / ".local" / "state" / "bulk" if environ.get("HOME") else None


@contextmanager
def hold_accounts(accounts: Mapping[str, str], environ: Mapping[str, str]) -> Iterator[None]:
    """Hold the account of every destination until the context ends; kernel locks, so a crash frees them.

    Where no folder can be written (a container with a read-only root and no state folder) nothing is held.

    Args:
        accounts: By destination, what tells its account from others; only a hash of it is written.
        environ: Where the folder is named.

    Raises:
        HeldError: Another run uses one of the accounts.
        JobError: Two destinations are one account.
    """
    _refuse_twins(accounts)
    folder = state_folder(environ)
    with ExitStack() as held:
        if folder is not None and _made(folder):
            for name, account in accounts.items():
                held.enter_context(_lock(folder / hashlib.sha256(account.encode()).hexdigest()[:32], name))
        yield


def _refuse_twins(accounts: Mapping[str, str]) -> None:
    """Refuse two destinations that are one account: each would use up its whole rate."""
    first: dict[str, str] = {}
    for name, account in accounts.items():
        if first.setdefault(account, name) != name:
            both = f"{first[account]} and {name}"
            raise JobError([f"destinations {both} are the same account; let their steps share one"])


def _made(folder: Path) -> bool:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


@contextmanager
def _lock(path: Path, name: str) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise HeldError(
                f"destination {name}: another run here uses this account; wait for it, or stop it first"
            ) from None
        yield
    finally:
        os.close(descriptor)
