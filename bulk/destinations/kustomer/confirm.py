"""Read one record back and compare it with what was sent."""

from bulk.conversation import Batch, Conversation, Status, Verdict
from bulk.destinations.kustomer.compare import differences
from bulk.destinations.kustomer.look_up import identifiers, look_up
from bulk.destinations.kustomer.person import person
from bulk.destinations.operation import Terms

_NOT_SHOWN = Verdict(
    Status.FAILED, "no_effect", error_message="the account does not show a customer with its identifiers"
)
_NOT_READABLE = Verdict(Status.SUCCEEDED, "not_verifiable")


def confirm(batch: Batch, terms: Terms) -> Conversation:
    """Settle one record by what the account shows of it; one without an identifier cannot be read back."""
    who = person(batch, 0, terms.settings)
    by = next(identifiers(who), None)
    if by is None:
        yield batch.settle(_NOT_READABLE)
        return
    shown = yield from look_up(by, terms.settings)
    if shown is None or isinstance(shown, Verdict):
        yield batch.settle(shown or _NOT_SHOWN)
        return
    differing = differences(who.body, shown)
    message = f"the account shows another value for {', '.join(differing)}"
    good = Verdict(Status.SUCCEEDED, "read_back", object_id=shown.id)
    yield batch.settle(Verdict(Status.FAILED, "no_effect", error_message=message) if differing else good)
