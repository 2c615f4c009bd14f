"""Customer.io as data: hosts, credentials, surfaces, operations, listings."""

from base64 import b64encode
from collections.abc import Mapping, Sequence

from bulk.destinations.customerio.answers import read
from bulk.destinations.customerio.devices import ADD_DEVICE, DELETE_DEVICE
from bulk.destinations.customerio.erase import ERASE
from bulk.destinations.customerio.events import TRACK
from bulk.destinations.customerio.listing import PEOPLE
from bulk.destinations.customerio.merge import MERGE
from bulk.destinations.customerio.region import app_probe, region_probe
from bulk.destinations.customerio.removal import DELETE, SUPPRESS, UNSUPPRESS
from bulk.destinations.customerio.segments import ADD, REMOVE
from bulk.destinations.customerio.settings import CustomerioSettings
from bulk.destinations.customerio.shown import SURFACE
from bulk.destinations.customerio.unsubscribe import UNSUBSCRIBE
from bulk.destinations.customerio.upsert import UPSERT
from bulk.destinations.system import Credential, Place, Probe, Surface, System

_OPERATIONS = (
    UPSERT,
    DELETE,
    SUPPRESS,
    UNSUPPRESS,
    UNSUBSCRIBE,
    TRACK,
    ADD,
    REMOVE,
    MERGE,
    ADD_DEVICE,
    DELETE_DEVICE,
    ERASE,
)


def _headers(auth: Mapping[str, str], _settings: CustomerioSettings) -> dict[str, str]:
    pair = b64encode(f"{auth['site_id']}:{auth['api_key']}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def _app_headers(auth: Mapping[str, str], _settings: CustomerioSettings) -> dict[str, str]:
    return {"Authorization": f"Bearer {auth['app_api_key']}"}


def _app_url(settings: CustomerioSettings, base_url: str) -> str:
    return settings.app_url(base_url)


def _app_rate(settings: CustomerioSettings) -> str:
    return settings.app_rate


def _probes(place: Place) -> Sequence[Probe]:
    track = region_probe(place)
    return (track, app_probe(place)) if SURFACE in place.surfaces else (track,)


CUSTOMERIO = System(
    name="customerio",
    base_url="https://track.customer.io",
    hosts=r"track(-eu)?\.customer\.io",
    credentials=(
        Credential("site_id", "CUSTOMERIO_SITE_ID"),
        Credential("api_key", "CUSTOMERIO_API_KEY"),
        Credential("app_api_key", "CUSTOMERIO_APP_API_KEY", surface=SURFACE, required=False),
    ),
    settings=CustomerioSettings,
    headers=_headers,
    read=read,
    probes=_probes,
    operations={operation.name: operation for operation in _OPERATIONS},
    rate="100/s",  # the vendor's 1000/s is older than doubts about it, and what is over may be dropped
    pinned=lambda settings: settings.region is not None or settings.environment_id is not None,
    preflight=region_probe,
    surfaces={
        SURFACE: Surface(
            base_url=_app_url,
            rate=_app_rate,
            headers=_app_headers,
        )
    },
    listings={PEOPLE.name: PEOPLE},
)
