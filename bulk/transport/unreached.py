"""Why no connection was to be had, in our own words."""

import ssl

import aiohttp

_WHY = (
    ((aiohttp.ClientConnectorDNSError,), "the host name cannot be resolved"),
    (
        (aiohttp.ClientSSLError, ssl.SSLError, aiohttp.ServerFingerprintMismatch),
        "no secure connection: the TLS handshake failed",
    ),
    ((aiohttp.InvalidURL,), "the proxy that the environment names is no URL"),
    ((aiohttp.ClientHttpProxyError, aiohttp.ClientProxyConnectionError), "the proxy refused the connection"),
    ((TimeoutError,), "connecting took too long"),
    ((ConnectionRefusedError,), "the connection was refused: nothing listens there"),
    ((ConnectionResetError,), "the connection was closed at once, before anything was sent"),
)
"""By what was raised; the first that fits is told."""


def why_unreached(error: Exception) -> str:
    """Return a sentence about a request of which nothing was sent."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        why = getattr(error.certificate_error, "verify_message", "") or "it cannot be verified"
        return f"the server's certificate is not trusted: {why}"
    causes = (error, getattr(error, "os_error", None))
    said = (sentence for kinds, sentence in _WHY if any(isinstance(one, kinds) for one in causes))
    return next(said, "the host cannot be reached")
