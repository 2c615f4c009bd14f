"""Lists of people that a job names, as pydantic models."""

from typing import Literal

from pydantic import Field, model_validator

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

    hash: Literal["none", "md5", "sha1", "sha256", "hmac-sha256"] = "none"
    secret: str | None = Field(default=None, repr=False, min_length=1)
    of: str | None = Field(default=None, description="SQL over the column value: what is hashed or compared.")
    field: str | None = Field(default=None, description="The only field that is compared.")
    except_: Excepted | None = Field(default=None, alias="except")

    @model_validator(mode="after")
    def _keyed(self) -> "Suppression":
        if self.hash == "hmac-sha256" and self.secret is None:
            raise ValueError('hmac-sha256 needs a "secret", such as secret: "${LIST_SECRET}"')
        if self.hash != "hmac-sha256" and self.secret is not None:
            raise ValueError('a "secret" belongs to hash: hmac-sha256 only')
        return self
