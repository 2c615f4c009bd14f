"""Reads one chunk ahead, so that reading a file and working on its rows share the processors."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def ahead(items: Iterator[T]) -> Iterator[T]:
    """Yield items that are never None; the next one is made by a thread while the present one is used."""
    with ThreadPoolExecutor(1, "reading ahead") as pool:
        upcoming = pool.submit(next, items, None)
        while (item := upcoming.result()) is not None:
            upcoming = pool.submit(next, items, None)
            yield item
