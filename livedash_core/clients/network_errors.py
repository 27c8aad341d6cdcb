"""Translates the errors of aiohttp and TLS into LiveDash's."""

from __future__ import annotations

import ssl

import aiohttp

from livedash_core.clients.source import Source
from livedash_core.clients.urls import Target
from livedash_core.errors import PermanentError, ProcessingError, SystemicError, TransientError

#: What a request raises that gets no whole answer. Those that are a ``TimeoutError``, too, are those of one wait.
NETWORK_ERRORS = (aiohttp.ClientError, ssl.SSLError)


def translated(exc: Exception, target: Target, source: Source) -> ProcessingError:
    """Translate one of ``NETWORK_ERRORS``. Its text is left out: a server may have written parts of it."""
    where = f"{source.company}: {target.shown}"
    if isinstance(exc, aiohttp.InvalidURL):  # "127.1", which the operating system would read as an address
        return PermanentError(f"{where} has a host that is neither a name nor an address in its usual form")
    tls = _tls_error(exc)
    if isinstance(tls, ssl.SSLCertVerificationError):
        problem = (
            f"{where} has no valid certificate: {tls.verify_message} (SSL_CERT_FILE can name an authority of your own)"
        )
        if source.is_home(target):
            return SystemicError(problem, company_id=source.company_id)
        return TransientError(problem)  # opens the circuit; sessions on other origins go on
    if isinstance(tls, ssl.SSLError):
        return TransientError(f"{where}: TLS failed ({tls.reason})")
    if isinstance(exc, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return TransientError(f"{where} cannot be connected to")
    if isinstance(exc, TimeoutError):
        return TransientError(f"{where} stopped sending data")
    return TransientError(f"{where} broke off, or does not speak HTTP")


def _tls_error(exc: BaseException) -> ssl.SSLError | None:
    """The error of TLS that ``exc`` is, or was caused by: aiohttp wraps it in classes of its own."""
    error: BaseException | None = exc
    while isinstance(error, aiohttp.ClientError) or not isinstance(error, ssl.SSLError | None):
        error = error.__cause__ or error.__context__
    return error
