"""``bulk schema``: the JSON Schema of the job file."""

import json

import typer


def schema() -> None:
    """Print the JSON Schema of the job file, for editors.

    Example: bulk schema > job.schema.json
    """
    from bulk.job.model import JobFile

    described = JobFile.model_json_schema(by_alias=True)
    typer.echo(json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **described}, indent=2))
