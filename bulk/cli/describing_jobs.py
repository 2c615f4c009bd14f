"""The JSON Schema of a job file, with which editors complete and check it."""

from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import TypeAdapter

from bulk.cli.describing_fields import options_about
from bulk.cli.meanings import MEANINGS
from bulk.destinations import SYSTEMS
from bulk.destinations.fields import Field
from bulk.destinations.operation import Operation
from bulk.job.model import JobFile

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]
ANY_FIELD: Schema = {"$ref": "#/$defs/FieldModel"}


def job_schema() -> Schema:
    """Return the schema: keys with their meanings, and by operation the fields that it has."""
    described = JobFile.model_json_schema(by_alias=True)
    parts = described["$defs"]
    # What names its origin in text is no object of members.
    member = {"type": "object", "allOf": [ANY_FIELD]}
    parts["FieldModel"]["oneOf"][-1]["properties"] = dict.fromkeys(("column", "expr", "value"), member)
    operations = [operation for system in SYSTEMS.values() for operation in system.operations.values()]
    _add(parts, "Destination", (system.settings for system in SYSTEMS.values()))
    _add(parts, "Step", (operation.options for operation in operations if operation.options))
    parts["Destination"]["properties"]["system"] = {"enum": list(SYSTEMS)}
    parts["Step"]["properties"]["operation"] = _choice(operations)
    parts["Step"]["allOf"] = [_when(name, operations) for name in _names(operations)]
    for part, meanings in MEANINGS.items():
        properties = described["properties"] if part == "JobFile" else parts[part]["properties"]
        for name, meaning in meanings.items():
            properties[name]["description"] = meaning
    return {"$schema": DIALECT, **described}


def _names(operations: Iterable[Operation]) -> list[str]:
    return list(dict.fromkeys(operation.name for operation in operations))


def _add(parts: Schema, part: str, kinds: Iterable[type[Any]]) -> None:
    """Let a part hold the own keys of systems or operations; which of them fits is told by ``bulk check``."""
    for kind in dict.fromkeys(kinds):
        own = TypeAdapter(kind).json_schema(ref_template="#/$defs/{model}")
        parts.update(own.pop("$defs", {}))
        properties = own.get("properties", {})
        for name, meaning in options_about(kind).items():
            properties[name]["description"] = meaning
        parts[part]["properties"] = properties | parts[part]["properties"]


def _choice(operations: list[Operation]) -> Schema:
    """Return the operations there are; editors show what each does and where."""
    told: dict[str, list[str]] = {}
    for system in SYSTEMS.values():
        for operation in system.operations.values():
            told.setdefault(operation.name, []).append(f"{system.name}: {operation.about}")
    return {"enum": _names(operations), "enumDescriptions": [" ".join(about) for about in told.values()]}


def _when(name: str, operations: list[Operation]) -> Schema:
    """Say which fields a step of an operation has."""
    fields = {field.name: field for one in operations if one.name == name for field in one.fields}
    # An `http` request has any field.
    closed = {"additionalProperties": False} if fields else {}
    shown = {field.name: {"allOf": [ANY_FIELD], "description": _about(field)} for field in fields.values()}
    return {
        "if": {"properties": {"operation": {"const": name}}, "required": ["operation"]},
        "then": {"properties": {"fields": {"properties": shown, **closed}}},
    }


def _about(field: Field) -> str:
    return " ".join(_sentences(field))


def _sentences(field: Field) -> Iterator[str]:
    yield f"{field.kind.value}. {field.about}"
    if field.required:
        yield "Required."
