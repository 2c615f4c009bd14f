"""A part of the job file."""

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A part of the job: unknown keys are mistakes."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, arbitrary_types_allowed=True
    )
