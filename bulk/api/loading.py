"""Job files, read and checked."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from bulk import job as jobs
from bulk.job import Job


def load_job(
    path: str | Path, *, settings: Sequence[str] = (), environ: Mapping[str, str] | None = None
) -> Job:
    """Read and check a job file; nothing is opened or sent.

    Args:
        path: The file.
        settings: ``dotted.path=value`` each, laid over the file, as ``--set`` does.
        environ: Where ``${NAME}`` is looked up; default: the environment.

    Raises:
        JobError: With every mistake that the file alone shows.
        UsageError: A setting leads nowhere.
    """
    return jobs.load_job(Path(path), os.environ if environ is None else environ, settings)
