"""Kustomer as data: where it is, what it needs to know, what it can do."""

from collections.abc import Mapping

from bulk.destinations.kustomer.answers import read
from bulk.destinations.kustomer.listing import CUSTOMERS
from bulk.destinations.kustomer.operations import OPERATIONS
from bulk.destinations.kustomer.probes import probes
from bulk.destinations.kustomer.settings import KustomerSettings
from bulk.destinations.system import Credential, System


def _headers(auth: Mapping[str, str], _settings: KustomerSettings) -> dict[str, str]:
    return {"Authorization": f"Bearer {auth['api_key']}"}


KUSTOMER = System(
    name="kustomer",
    base_url="https://api.kustomerapp.com/v1",
    hosts=r"([a-z0-9-]+\.)?api\.(prod\d+\.)?kustomerapp\.com",
    credentials=(Credential("api_key", "KUSTOMER_API_KEY"),),
    settings=KustomerSettings,
    headers=_headers,
    read=read,
    probes=probes,
    operations={operation.name: operation for operation in OPERATIONS},
    listings={CUSTOMERS.name: CUSTOMERS},
    budget_period=60.0,
)
