"""Sends one request at most once, and returns its answer or why there is none.

Connections, with their names, TLS and proxies, are opened by aiohttp; answers are read by llhttp. What
happens on a connection is ours: a session of aiohttp takes four times as long for an exchange.
"""

from bulk.transport.answer import LARGEST_ANSWER
from bulk.transport.transport import Endpoint, Transport
from bulk.transport.wire import OnSent

__all__ = ["LARGEST_ANSWER", "Endpoint", "OnSent", "Transport"]
