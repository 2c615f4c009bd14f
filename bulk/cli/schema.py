"""``bulk schema``: the JSON Schema of the job file."""

import typer


def schema() -> None:
    """Print the JSON Schema of the job file, for editors.

    Example: bulk schema > job.schema.json
    """
    import json

    from bulk.cli.describing_jobs import job_schema

    typer.echo(json.dumps(job_schema(), indent=2, ensure_ascii=False))
