"""Objects in s3, gs and az: copied once, through polars, to where the other readers can read them."""

from collections.abc import Iterator

import polars as pl
from polars.exceptions import PolarsError

from bulk.errors import SourceError
from bulk.source.locating import Place
from bulk.source.spool import Spool


def remote_frames(place: Place, kind: str, rows: int) -> Iterator[pl.DataFrame]:
    """Yield the rows of a remote parquet or Arrow IPC file; the first frame may be empty."""
    scan_file = pl.scan_parquet if kind == "parquet" else pl.scan_ipc
    try:
        scan = scan_file(place.url, glob=False)
        yield pl.DataFrame(schema=scan.collect_schema())
        yield from scan.collect_batches(chunk_size=rows, maintain_order=True)
    except (PolarsError, OSError) as error:
        raise _unreachable(place) from error


def spool_text(place: Place, spool: Spool, rows: int) -> Spool:
    """Copy a remote text file line by line, which makes an LF of every CRLF; only UTF-8 can be copied."""
    try:
        scan = pl.scan_lines(place.url, glob=False)
        for batch in scan.collect_batches(chunk_size=rows, maintain_order=True):
            spool.append("".join(f"{line}\n" for line in batch.to_series()).encode())
    except (PolarsError, OSError) as error:
        raise _unreachable(place, " and that it is UTF-8") from error
    return spool


def _unreachable(place: Place, also: str = "") -> SourceError:
    return SourceError(f"{place.name} cannot be read; check its address, its format, the credentials{also}")
