"""The floor of beginning again: hash a source and read it once, as two threads.

python benchmarks/scan.py contacts.csv
"""

import hashlib
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl


def digest(path: Path) -> str:
    """Return the source's hash."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def rows(path: Path) -> int:
    """Count the rows, all columns read."""
    batches = pl.scan_csv(path, infer_schema=False).collect_batches(chunk_size=50_000, maintain_order=True)
    return sum(batch.height for batch in batches)


def main() -> None:
    """Do both at once."""
    path = Path(sys.argv[1])
    with ThreadPoolExecutor(2) as both:
        hashed, counted = both.submit(digest, path), both.submit(rows, path)
        sys.stdout.write(f"{hashed.result()} {counted.result()}\n")


if __name__ == "__main__":
    main()
