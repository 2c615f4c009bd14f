"""customerio: a thread for each connection, each with a client of its own; one request per person."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from asked import asked, records
from customerio import CustomerIO

LOCAL = threading.local()


def main() -> None:
    """Identify everybody."""
    given = asked()

    def identify(record: dict[str, Any]) -> None:
        if not hasattr(LOCAL, "client"):
            LOCAL.client = CustomerIO("site", "key")
            LOCAL.client.base_url = given.url
        named = {"email": record["email"], "name": record["name"]}
        LOCAL.client.identify(id=record["user_id"], **named, **record["attributes"])

    with ThreadPoolExecutor(given.connections) as threads:
        for _ in threads.map(identify, records(given.contacts)):
            pass


if __name__ == "__main__":
    main()
