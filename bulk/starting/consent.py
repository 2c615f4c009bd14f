"""Who must not be written to: what columns say of it becomes a condition, and doubt holds back."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from bulk.errors import UsageError
from bulk.starting.exports import Export
from bulk.starting.flags import NO, NOTHING, YES, listed
from bulk.starting.meanings import Known, Meaning, folded
from bulk.starting.seen import Seen, quoted, speakable
from bulk.starting.trying import true_of

STAYS = frozenset(
    {"subscribed", "subscribe", "active", "confirmed", "opted in", "opted-in", "opted_in", "opt in", "opt-in"}
    | {"optin", "granted", "consented", "given", "accepted", "agreed"}
)
LEAVES = frozenset(
    {"unsubscribed", "unsubscribe", "opted out", "opted-out", "opted_out", "opt out", "opt-out", "optout"}
    | {"never subscribed", "never_subscribed", "not subscribed", "not_subscribed", "non-subscribed"}
    | {"nonsubscribed", "no consent", "no_consent", "bounced", "cleaned", "suppressed", "complained", "spam"}
    | {"transactional", "pending", "unconfirmed", "inactive", "blocked", "withdrawn", "denied", "declined"}
    | {"revoked", "archived", "deleted", "cancelled", "canceled", "complaint"}
)
_TELLING = frozenset(
    word for word in STAYS | LEAVES if re.search(r"subscri|opt|consent|bounced|cleaned", word)
)
_MOSTLY = 0.8
"""The share of values that must say how somebody stands to e-mails; whoever has another is held back."""
_USUAL_YES = frozenset({"true", "yes", "1", "subscribed"})
_USUAL_NO = frozenset({"", "false", "no", "0"})
_REMOVED_NAME = re.compile(
    r"unsub|nonsub|clean(?:ed|_)|bounce|suppress|optout|opt(?:ed)?[-_ ]out"
    r"|do[-_ ]?not[-_ ]?(?:contact|e?mail)|erasure|erase[-_d]|deletion"
    r"|blacklist|blocklist|complain|disiscritt|abgemeldet|desinscri"
)
_CONSENT = frozenset({Meaning.OPTED_OUT, Meaning.OPTED_IN})
_ROWS = frozenset({Meaning.GONE, Meaning.EXISTS})


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition of the source, and the column it is about."""

    column: str
    sql: str
    about: str


def settled(seen: Seen, column: str, known: Known, *, sure: bool) -> Known | None:
    """Return what a column that seems to be about consent means, now that its values are seen.

    ``sure`` says that the export is known, so that no words are needed to believe it.
    """
    if known.meaning is not Meaning.OPTED_IN:
        return known
    if isinstance(seen.schema[column], (pl.Boolean, pl.Int64)):
        return known
    said = seen.said(column)
    if said & LEAVES & _TELLING:
        return known
    if seen.share(column, STAYS | LEAVES | YES | NO) >= _MOSTLY:
        status = folded(column).endswith(("status", "state"))
        return known if sure or not status or said & _TELLING else None
    return known if sure and not seen.filled(column).is_empty() else None


def by_values(seen: Seen, column: str) -> Known | None:
    """Return that a column tells how people stand to e-mails, if its words show it."""
    telling = seen.said(column) & _TELLING and seen.share(column, STAYS | LEAVES) >= _MOSTLY
    return Known(Meaning.OPTED_IN) if telling else None


def opted_out(seen: Seen, known: Mapping[str, Known]) -> tuple[Condition, ...]:
    """Return the conditions of which one is true for everybody who must not be written to."""
    return tuple(
        Condition(column, _out(seen, column), one.about)
        if one.meaning is Meaning.OPTED_OUT
        else Condition(column, _not_in(seen, column), one.about or "whoever has no yes there")
        for column, one in known.items()
        if one.meaning in _CONSENT and _tellable(column)
    )


def held_back(seen: Seen, conditions: Sequence[Condition]) -> int:
    """Return how many of the rows that were seen must not be written to."""
    if not conditions:
        return 0
    return true_of(seen, " or ".join(f"({one.sql})" for one in conditions)) or 0


def alive(seen: Seen, known: Mapping[str, Known]) -> tuple[Condition, ...]:
    """Return the conditions that hold for all rows that are contacts still."""
    return tuple(
        Condition(column, _kept(seen, column, gone=one.meaning is Meaning.GONE), one.about)
        for column, one in known.items()
        if one.meaning in _ROWS and _tellable(column)
    )


def of_removed(seen: Seen, export: Export | None, known: Mapping[str, Known]) -> str:
    """Say why a source is a list of people who must not be written to; nothing if it is not."""
    if export is not None and _all_removed(seen, export):
        return f"{export.name}: everybody in it has left, or bounced"
    if _REMOVED_NAME.search(seen.stem.casefold()):
        return "its name says so"
    said = " or ".join(f"({condition})" for condition in _said_no(seen, known))
    rows = seen.sample.height
    if said and rows and seen.complete and true_of(seen, said) == rows:
        return "every row of it says so"
    return ""


def _said_no(seen: Seen, known: Mapping[str, Known]) -> Iterator[str]:
    """Yield conditions that are true for people who said no, which is more than that they did not say yes."""
    for column, one in known.items():
        if one.meaning is Meaning.OPTED_OUT:
            yield _out(seen, column)
        elif one.meaning is Meaning.OPTED_IN and isinstance(seen.schema[column], pl.String):
            said = seen.said(column) & (NO | LEAVES)
            yield f"lower(trim({quoted(column)})) in ({listed(said)})" if said else "1 = 0"


def _all_removed(seen: Seen, export: Export) -> bool:
    """Tell whether a column that only removed people have a value in is filled in every row."""
    telling = [column for column in seen.columns if folded(column) in export.removed]
    if export.removed[:1] == ("portalunsubscribe",):
        return bool(telling)
    return any(len(seen.filled(column)) == seen.sample.height for column in telling)


def _tellable(column: str) -> bool:
    if not speakable(column):
        raise UsageError(
            f'the column "{column}" says who may be written to, but no expression can name it;'
            " give it another name in the file's header"
        )
    return True


def _out(seen: Seen, column: str) -> str:
    name, dtype = quoted(column), seen.schema[column]
    if isinstance(dtype, pl.Boolean):
        return name
    if dtype.is_numeric():
        return f"{name} <> 0"
    said = seen.said(column)
    if not isinstance(dtype, pl.String) or (
        not seen.filled(column).is_empty() and not said & (NO | NOTHING | YES)
    ):
        return f"{name} is not null"
    return f"lower(trim({name})) not in ({listed(_USUAL_NO | (said & (NO | NOTHING)))})"


def _not_in(seen: Seen, column: str) -> str:
    name, dtype = quoted(column), seen.schema[column]
    if isinstance(dtype, pl.Boolean):
        return f"not coalesce({name}, false)"
    if dtype.is_numeric():
        return f"coalesce({name}, 0) = 0"
    words = seen.said(column) & (YES | STAYS) or _USUAL_YES
    return f"coalesce(lower(trim({name})), '') not in ({listed(words)})"


def _kept(seen: Seen, column: str, *, gone: bool) -> str:
    name, dtype = quoted(column), seen.schema[column]
    if isinstance(dtype, pl.Boolean):
        return f"not coalesce({name}, false)" if gone else f"coalesce({name}, true)"
    if not isinstance(dtype, pl.String):
        return f"coalesce({name}, 0) = 0" if gone else f"coalesce({name}, 1) <> 0"
    text = f"coalesce(lower(trim({name})), '')"
    return f"{text} in ({listed(_USUAL_NO)})" if gone else f"{text} not in ({listed(_USUAL_NO - {''})})"
