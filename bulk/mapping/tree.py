"""A step's fields as a tree: values read from the source, constants, and objects of these."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from bulk.mapping.limits import Test
from bulk.mapping.reading import Reading, Step


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value read from the source.

    Attributes:
        path: Names from the field down.
        name: Its name in the request.
        raw: Column of its raw values.
        cleaned: Column of its values, null where there is nothing to send.
        value: Column of its values as they are tested; the same one if nothing is converted.
        sent: Column of its values as they are sent; the same one if nothing is held back.
        read: How raw values become final ones.
        tests: What final values must pass.
        permit: Final values to those that are sent: null where one would re-subscribe somebody.
        nullable: Whether it is sent as null where nulls are sent.
    """

    path: tuple[str, ...]
    name: str
    raw: str
    cleaned: str
    value: str
    sent: str
    read: Reading
    tests: tuple[Test, ...]
    permit: Step | None = None
    nullable: bool = True

    def present(self) -> pl.Expr:
        """Tell for which records there is something to send."""
        return pl.col(self.sent).is_not_null()


@dataclass(frozen=True, slots=True)
class Fixed:
    """A constant, already JSON."""

    path: tuple[str, ...]
    name: str
    value: Any
    written: str
    nullable: bool = True

    def present(self) -> pl.Expr:
        """Tell for which records there is something to send."""
        return pl.lit(self.value is not None)


@dataclass(frozen=True, slots=True)
class Branch:
    """An object of members.

    Attributes:
        path: Names from the field down.
        name: Its name in the request.
        members: What it holds.
        most: Most members it may have.
        needed: Names of members without which it is not sent.
    """

    path: tuple[str, ...]
    name: str
    members: tuple["Node", ...]
    most: int | None = None
    needed: tuple[str, ...] = ()

    def present(self) -> pl.Expr:
        """Tell for which records there is something to send."""
        return pl.any_horizontal([member.present() for member in self.members])


Node = Leaf | Fixed | Branch


def leaves(nodes: tuple[Node, ...]) -> Iterator[Leaf]:
    """Yield every value read from the source, in mapping order."""
    for node in nodes:
        if isinstance(node, Branch):
            yield from leaves(node.members)
        elif isinstance(node, Leaf):
            yield node
