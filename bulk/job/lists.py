"""Lists of people that a job names, as pydantic models."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Discriminator, Field, Tag, model_validator

from bulk.job.forms import Paths
from bulk.job.hashing import HashName, check_secret
from bulk.job.part import Part


class ListColumn(Part):
    """One column of one or several files."""

    path: Paths
    column: str | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """The path or paths, as a tuple."""
        return (self.path,) if isinstance(self.path, str) else tuple(self.path)


class Excepted(ListColumn):
    """People who are taken off a suppression list: they came back with fresh consent."""


class Erased(Part):
    """Everybody whom a ledger's erasing steps were asked to erase."""

    ledger: str
    field: str | None = Field(default=None, description="The only field that is compared.")
    except_: Excepted | None = Field(default=None, alias="except")


class People(ListColumn):
    """A list of people, plain or hashed."""

    hash: HashName = "none"
    secret: str | None = Field(default=None, repr=False, min_length=1)
    of: str | None = Field(default=None, description="SQL over the column value: what is hashed or compared.")
    field: str | None = Field(default=None, description="The only field that is compared.")
    except_: Excepted | None = Field(default=None, alias="except")

    @model_validator(mode="after")
    def _keyed(self) -> "People":
        check_secret(self.hash, self.secret)
        return self


class Hold(People):
    """A list of people who must not be removed, such as a legal hold."""

    reason: str = Field(min_length=1, description="Why; it stands in the ledger and the evidence.")
    reference: str | None = Field(default=None, description="What the hold is called, such as a case number.")

    @property
    def why(self) -> str:
        """The reason and the reference, in words."""
        return f"{self.reason} ({self.reference})" if self.reference else self.reason


def _form(given: object) -> str:
    """Tell which form of list this is."""
    if isinstance(given, Erased):
        return "ledger"
    return "ledger" if isinstance(given, Mapping) and "ledger" in given and "path" not in given else "path"


Suppression = Annotated[
    Annotated[People, Tag("path")] | Annotated[Erased, Tag("ledger")], Discriminator(_form)
]
"""A list of people who are not to be written to."""
LIST_TAGS = frozenset(("path", "ledger"))
