"""Delete people, suppress them, and lift a suppression: three things that are easily confused."""

import polars as pl

from bulk.destinations.customerio.batches import BATCHING, sending
from bulk.destinations.customerio.identifiers import PERSON, PERSON_FIELDS, SPEC, head
from bulk.destinations.operation import Effect, Operation, Terms
from bulk.destinations.shape import braced

_ACCEPTED = "the vendor accepts it also for somebody it does not know"


def _operation(
    action: str, about: str, warning: str, *, effect: Effect, irreversible: bool, fact: str
) -> Operation:
    def item(_terms: Terms) -> pl.Expr:
        return braced(*head(action))

    return Operation(
        name=f"{action}_person",
        about=about,
        fields=PERSON_FIELDS,
        whom="person" if effect is Effect.REMOVES else "",  # to lift a suppression brings nobody
        effect=effect,
        converse=sending(irreversible=irreversible),
        fact=fact,
        one_of=PERSON,
        batching=BATCHING,
        irreversible=irreversible,
        approval=not irreversible,
        warning=warning,
        item=item,
    )


DELETE = _operation(
    "delete",
    "Delete people's profiles; their identifiers are free again. To keep them away, use suppress_person.",
    "Deletes the profile for ever, not the person's past activity, and frees the identifier: any later "
    "import, event or form creates the person anew, subscribed.",
    effect=Effect.REMOVES,
    irreversible=True,
    fact=f"person.delete: {SPEC}; {_ACCEPTED} (recorded)",
)
SUPPRESS = _operation(
    "suppress",
    "Delete people's profiles and history, and block their identifiers until they are unsuppressed.",
    "Deletes the profile and its history for ever and blocks the identifiers: whatever is sent about them is "
    "ignored, although it is answered with success, until they are unsuppressed.",
    effect=Effect.REMOVES,
    irreversible=True,
    fact=f"person.suppress: {SPEC}; {_ACCEPTED} (fairly sure)",
)
UNSUPPRESS = _operation(
    "unsuppress",
    "Lift the suppression of identifiers; nothing is restored, a later import starts a new profile.",
    "Frees the identifier only and restores nothing: neither the profile nor that the person had "
    "unsubscribed. Whoever asked to be forgotten can be created and written to again.",
    effect=Effect.WRITES,
    irreversible=False,
    fact=f"person.unsuppress: {SPEC}",
)
