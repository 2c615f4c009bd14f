"""Find the files a job names, and tell their format by their names."""

import difflib
import glob
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from bulk.errors import SourceError
from bulk.source.compression import SUFFIXES

STDIN: Final = "-"
FORMATS: Final = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "ipc",
    ".ipc": "ipc",
    ".feather": "ipc",
    ".xlsx": "excel",
    ".xls": "excel",
    ".xlsb": "excel",
    ".ods": "excel",
    ".txt": "lines",
    ".list": "lines",
}
KNOWN: Final = frozenset(FORMATS.values())
_SCHEMES: Final = {"s3": "s3", "gs": "gs", "az": "az", "azure": "az"}
_WILD: Final = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Place:
    """Something rows are read from: a local file, stdin, or a remote address.

    Attributes:
        name: What people call it.
        path: The local file; None for stdin and remote addresses.
        url: The remote address.
        regular: Whether it is a file that can be read again; pipes cannot.
    """

    name: str
    path: Path | None = None
    url: str = ""
    regular: bool = True


def locate(paths: Sequence[str], base: Path) -> list[Place]:
    """Return the files in the order in which they are read: as listed, those of a glob sorted."""
    if not paths:
        raise SourceError("the source names no file; give it a path")
    if STDIN in paths and len(paths) > 1:
        raise SourceError("standard input cannot be combined with files; give it alone")
    found: dict[str, Place] = {}
    for path in paths:
        for place in _locate(path, base):
            found.setdefault(place.url or str(place.path), place)
    return list(found.values())


def _locate(path: str, base: Path) -> list[Place]:
    if path == STDIN:
        return [Place("standard input", regular=False)]
    scheme, mark, rest = path.partition("://")
    if mark:
        return [_remote(scheme, rest)]
    full = base / Path(path).expanduser()
    if full.exists() or full.is_symlink() or not _WILD & set(path):
        return [_local(path, full)]
    pattern = str(Path(glob.escape(str(base)), Path(path).expanduser()))
    found = glob.glob(pattern, recursive=True)  # noqa: PTH207 - a pattern of absolute and relative parts
    matches = sorted(match for match in found if not Path(match).is_dir())
    if not matches:
        raise SourceError(
            f'no file matches "{path}"; check the pattern and the folder it starts from ({base})'
        )
    return [_local(_shown(match, base), Path(match)) for match in matches]


def _shown(match: str, base: Path) -> str:
    path = Path(match)
    return str(path.relative_to(base)) if path.is_relative_to(base) else match


def _remote(scheme: str, rest: str) -> Place:
    known = _SCHEMES.get(scheme.lower())
    if known is None:
        raise SourceError("a remote source begins with s3://, gs:// or az://; copy other files here first")
    if "*" in rest or "[" in rest:
        raise SourceError("a remote address cannot hold a pattern; list the files one by one")
    bucket, slash, key = rest.partition("?")[0].partition("/")
    address = bucket.rpartition("@")[2] + slash + key  # what stands before an @ may be a secret
    return Place(f"{known}://{address}", url=f"{known}://{rest}")


def _local(name: str, path: Path) -> Place:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise SourceError(f'{name} is a folder; name the files in it, such as "{name.rstrip("/")}/*.csv"')
        if stat.S_ISREG(mode):
            path.open("rb").close()
    except FileNotFoundError as error:
        raise SourceError(f"there is no file {name}{_nearest(path)}") from error
    except PermissionError as error:
        raise SourceError(f"{name} may not be read by this user; change its permissions") from error
    except OSError as error:
        raise SourceError(f"{name} cannot be opened: {error.strerror}") from error
    return Place(name, path, regular=stat.S_ISREG(mode))


def _nearest(path: Path) -> str:
    """Suggest the file whose name is nearest, in the same folder."""
    try:
        names = [entry.name for entry in path.parent.iterdir() if entry.is_file()]
    except OSError:
        return "; check the folder's name"
    near = difflib.get_close_matches(path.name, names, n=1)
    return f'; did you mean "{near[0]}"?' if near else "; check its name and folder"


def suffixes(name: str) -> tuple[str, str]:
    """Return the suffix that tells the format and the one that tells the compression, either may be empty."""
    path = PurePosixPath(name.lower())
    packed = path.suffix if path.suffix in SUFFIXES else ""
    return (PurePosixPath(path.stem).suffix if packed else path.suffix), packed


def format_of(places: Sequence[Place], wanted: str | None) -> str:
    """Return the one format of all files."""
    if wanted is not None:
        if wanted not in KNOWN:
            near = difflib.get_close_matches(wanted, sorted(KNOWN), n=1)
            meant = f'did you mean "{near[0]}"?' if near else f"it is one of {', '.join(sorted(KNOWN))}"
            raise SourceError(f'the format "{wanted}" is not known; {meant}')
        return wanted
    formats = {_format(place): place.name for place in places}
    if len(formats) > 1:
        (one, first), (two, second), *_ = formats.items()
        raise SourceError(f"{first} is {one} but {second} is {two}; all files of a source have one format")
    return next(iter(formats))


def _format(place: Place) -> str:
    if not place.regular and (place.path is None or not suffixes(place.name)[0]):
        return "csv"
    suffix = suffixes(place.url.partition("?")[0] or place.name)[0]
    if suffix not in FORMATS:
        ending = f'the suffix "{suffix}" says' if suffix else "its name says"
        raise SourceError(
            f"{place.name} could be anything, {ending} nothing about its format; set source.format"
        )
    return FORMATS[suffix]
