"""A job to begin with: an export is recognised, or guessed by names and values, and its job written."""

from bulk.starting.draft import Draft, Question
from bulk.starting.drafting import draft
from bulk.starting.seen import Seen
from bulk.starting.writing import job_text

__all__ = ["Draft", "Question", "Seen", "draft", "job_text"]
