"""The recipe of docs/ for adding a system gives a system that keeps the contract."""

from typing import Any

import pytest
import test_destination_contract as contract
from pages import page

from bulk.destinations.operation import Operation
from bulk.destinations.system import System


def recipe() -> System:
    """Return the system that the page's block defines."""
    (text,) = (block.text for block in page("add-a-system").blocks if block.kind == "python")
    module: dict[str, Any] = {"__name__": "acme"}
    exec(compile(text, "acme.py", "exec"), module)
    found: System = module["ACME"]
    return found


ACME = recipe()
OF_OPERATIONS = (
    contract.test_an_operation_explains_itself,
    contract.test_a_limit_belongs_to_a_kind_that_has_it,
    contract.test_the_first_request_keeps_to_its_line,
    contract.test_whatever_is_answered_every_record_is_settled_once,
    contract.test_only_what_can_never_be_undone_sends_requests_of_that_kind,
)


@pytest.mark.parametrize("operation", ACME.operations.values(), ids=lambda operation: operation.name)
@pytest.mark.parametrize("held_to", OF_OPERATIONS, ids=lambda test: test.__name__)
def test_its_operations_keep_the_contract(held_to: Any, operation: Operation) -> None:
    held_to(ACME, operation)


@pytest.mark.parametrize("operation", ACME.operations.values(), ids=lambda operation: operation.name)
@pytest.mark.parametrize("lost", [contract.LOST, contract.UNSENT])
def test_its_operations_tell_doubt(operation: Operation, lost: Any) -> None:
    contract.test_a_lost_answer_settles_every_record_and_doubt_is_told(ACME, operation, lost)


@pytest.mark.parametrize(
    "held_to",
    [contract.test_any_answer_can_be_read, contract.test_secrets_go_into_headers_and_nowhere_else],
    ids=lambda test: test.__name__,
)
def test_it_keeps_the_contract_of_systems(held_to: Any) -> None:
    held_to(ACME)
