"""dlt: files of contacts, posted by as many workers as there are connections.

They go through dictionaries and files of JSON, its usual way, or with --arrow through Arrow and Parquet.
"""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import requests
from asked import asked, nested, records

HEADERS = {"Content-Type": "application/json"}


def main() -> None:
    """Set dlt up by its environment variables, and run a pipeline."""
    given = asked()
    # Without a limit there is one file, which is one job, which is one worker.
    os.environ["DATA_WRITER__FILE_MAX_ITEMS"] = str(-(-given.rows // given.connections))
    os.environ["LOAD__WORKERS"] = str(given.connections)
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    import dlt  # reads its settings when it is loaded

    local = threading.local()

    def post(body: bytes) -> None:
        if not hasattr(local, "session"):
            local.session = requests.Session()
        answer = local.session.post(given.url, data=body, headers=HEADERS)
        answer.raise_for_status()

    @dlt.destination(
        batch_size=given.batch_size,
        name="server",
        naming_convention="direct",
        max_parallel_load_jobs=given.connections,
        loader_file_format="parquet" if given.arrow else None,
    )
    def server(items: Any, table: Any) -> None:  # noqa: ARG001 - dlt gives both
        if given.arrow:
            post(orjson.dumps([nested(row) for row in items.to_pylist()]))
        elif given.batch_size > 1:
            post(orjson.dumps(items))
        else:
            post(orjson.dumps(items[0]))

    @dlt.resource(name="contacts", max_table_nesting=0)
    def contacts() -> Iterator[Any]:
        yield from tables(given.contacts) if given.arrow else records(given.contacts)

    pipeline = dlt.pipeline("benchmark", destination=server, pipelines_dir=str(Path.cwd() / "dlt"))
    pipeline.run(contacts())


def tables(path: Path) -> Iterator[Any]:
    """Yield the contacts as Arrow tables, all columns text."""
    import pyarrow as pa
    from pyarrow import csv

    header = path.open().readline().strip().split(",")
    text = csv.ConvertOptions(column_types=dict.fromkeys(header, pa.string()))
    for batch in csv.open_csv(path, convert_options=text):
        yield pa.Table.from_batches([batch])


if __name__ == "__main__":
    main()
