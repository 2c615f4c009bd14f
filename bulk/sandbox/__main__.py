"""``python -m bulk.sandbox``: the systems as a process of their own, announced by one line of JSON."""

import asyncio
import gc
import sys

import orjson

from bulk.errors import BulkError
from bulk.sandbox.options import Urls, read_arguments
from bulk.sandbox.serve import serve

_NEVER = 1_000_000


def announce(urls: Urls) -> None:
    """Write the base URLs where a program reads them."""
    sys.stdout.write(orjson.dumps(urls).decode() + "\n")
    sys.stdout.flush()


def main() -> None:
    """Serve until told to stop."""
    try:
        options, with_parent = read_arguments(sys.argv[1:])
        # Looking through a hundred thousand people for garbage takes a tenth of a second. What came meanwhile
        # would be counted late, and refused, though it was sent in time: people stay, so they are left out.
        gc.set_threshold(*gc.get_threshold()[:2], _NEVER)
        asyncio.run(serve(options, announce, with_parent=with_parent))
    except BulkError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
