"""singer-sdk: a target that posts record by record, or batch by batch, one request at a time."""

import io
import json
import sys
from collections.abc import Iterator
from typing import Any, ClassVar

import requests
from asked import asked, records
from singer_sdk import BatchSink, RecordSink, Target

HEADERS = {"Content-Type": "application/json"}
TEXT = {"type": ["string", "null"]}
PROPERTIES = {"user_id": TEXT, "email": TEXT, "name": TEXT, "attributes": {"type": "object"}}
GIVEN = asked()
SESSION = requests.Session()


def post(content: object) -> None:
    """Post one body."""
    SESSION.post(GIVEN.url, data=json.dumps(content), headers=HEADERS).raise_for_status()


def plain(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record without what the SDK adds."""
    return {name: value for name, value in record.items() if not name.startswith("_sdc")}


class Single(RecordSink):
    """Posts each record."""

    def process_record(self, record: dict[str, Any], context: dict[str, Any]) -> None:  # noqa: ARG002 - the SDK's
        """Post one."""
        post(plain(record))


class Batched(BatchSink):
    """Posts records together."""

    max_size = GIVEN.batch_size

    def process_batch(self, context: dict[str, Any]) -> None:
        """Post those that came together."""
        post([plain(record) for record in context["records"]])


class Server(Target):
    """The target."""

    name = "target-server"
    config_jsonschema: ClassVar[dict[str, Any]] = {"type": "object", "properties": {}}
    default_sink_class = Batched if GIVEN.batch_size > 1 else Single


def messages() -> Iterator[str]:
    """Yield what a tap would say."""
    schema = {"type": "object", "properties": PROPERTIES}
    yield json.dumps(
        {"type": "SCHEMA", "stream": "contacts", "schema": schema, "key_properties": ["user_id"]}
    )
    for record in records(GIVEN.contacts):
        yield json.dumps({"type": "RECORD", "stream": "contacts", "record": record})


def main() -> None:
    """Hand the target its messages."""
    said = io.StringIO("\n".join(messages()) + "\n")
    Server(config={}).listen(said)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
