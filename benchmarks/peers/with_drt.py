"""drt: DuckDB reads the CSV file, `rest_api` posts, one at a time; its limit of 10/s is turned off."""

import json
import os
import sys
from pathlib import Path

from asked import ATTRIBUTES, asked

PROJECT = {"name": "benchmark", "version": "0.1", "profile": "local"}
PROFILES = {"local": {"type": "duckdb", "database": ":memory:"}}
BATCH = {"body_mode": "batch", "batch_template": "{{ rows | tojson_safe }}"}


def main() -> None:
    """Write a project into the working directory, and become `drt run`. YAML is JSON, too."""
    given = asked()
    attributes = ", ".join(f"'{name}': {name}" for name in ATTRIBUTES)
    model = (
        f"SELECT id AS user_id, email, name, {{{attributes}}} AS attributes "
        f"FROM read_csv('{given.contacts}', all_varchar=true)"
    )
    sync = {
        "name": "contacts",
        "model": model,
        "destination": {
            "type": "rest_api",
            "url": given.url,
            "method": "POST",
            "headers": {"Content-Type": "application/json"},
            **(BATCH if given.batch_size > 1 else {}),
        },
        "sync": {
            "mode": "full",
            "batch_size": max(1000, given.batch_size),
            "rate_limit": {"requests_per_second": 0},
            "on_error": "skip",
        },
    }
    write("drt_project.yml", PROJECT)
    write(".drt/profiles.yml", PROFILES)
    write("syncs/contacts.yml", sync)
    os.environ["HOME"] = str(Path.cwd())
    os.execv(Path(sys.executable).with_name("drt"), ["drt", "run"])


def write(name: str, content: object) -> None:
    """Write one file of the project."""
    path = Path(name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content))


if __name__ == "__main__":
    main()
