"""Lists of people that a job names, as pydantic models."""

from pydantic import Field, model_validator

from bulk.job.hashing import HashName, check_secret
from bulk.job.part import Part


class ListColumn(Part):
    """One column of one or several files."""

    path: str | list[str]
    column: str | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """The path or paths, as a tuple."""
        return (self.path,) if isinstance(self.path, str) else tuple(self.path)


class Excepted(ListColumn):
    """People who are taken off a suppression list: they came back with fresh consent."""


class Suppression(ListColumn):
    """A list of people who are not to be written to."""

    hash: HashName = "none"
    secret: str | None = Field(default=None, repr=False, min_length=1)
    of: str | None = Field(default=None, description="SQL over the column value: what is hashed or compared.")
    field: str | None = Field(default=None, description="The only field that is compared.")
    except_: Excepted | None = Field(default=None, alias="except")

    @model_validator(mode="after")
    def _keyed(self) -> "Suppression":
        check_secret(self.hash, self.secret)
        return self
