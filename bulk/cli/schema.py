"""``bulk schema``: the JSON Schema of the job file."""

import json
from typing import Any

import typer


def schema() -> None:
    """Print the JSON Schema of the job file, for editors.

    Example: bulk schema > job.schema.json
    """
    from bulk.destinations import SYSTEMS
    from bulk.job.model import JobFile

    described = JobFile.model_json_schema(by_alias=True)
    operations = [operation for system in SYSTEMS.values() for operation in system.operations.values()]
    _add(described, "Destination", [system.settings for system in SYSTEMS.values()])
    _add(described, "Step", [operation.options for operation in operations if operation.options])
    typer.echo(json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **described}, indent=2))


def _add(described: dict[str, Any], part: str, kinds: list[type[Any]]) -> None:
    """Let a part hold the own keys of systems or operations; which of them fits is told by ``bulk check``."""
    from pydantic import TypeAdapter

    for kind in dict.fromkeys(kinds):
        own = TypeAdapter(kind).json_schema(ref_template="#/$defs/{model}")
        described["$defs"] |= own.pop("$defs", {})
        known = described["$defs"][part]["properties"]
        described["$defs"][part]["properties"] = own.get("properties", {}) | known
