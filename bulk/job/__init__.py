"""The job file as types; every mistake reported at once, with its line and a suggestion."""

from bulk.job.load import load_job
from bulk.job.resolved import Job

__all__ = ["Job", "load_job"]
