"""Why Telegram can't be reached: a name, a proxy, TLS. Knows the errors of a connection."""

from __future__ import annotations

import os
import re
from urllib.parse import urlsplit
from urllib.request import getproxies

import aiohttp
from telegram.error import TelegramError, TimedOut

from bot.chat.transport import proxy_for
from bot.findings import About, Finding, Kind, bad

#: Nobody answers, or the connection breaks before anything that can be read.
_NO_ANSWER = (aiohttp.ClientConnectionError, TimeoutError)


def why_unreachable(error: TelegramError, api_url: str) -> Finding | None:
    """What keeps this machine from `api_url`; None where somebody answers there."""
    cause = error.__cause__
    if isinstance(cause, aiohttp.ClientSSLError):
        return bad(About.TELEGRAM, Kind.TLS_FAILED, api_url=api_url, reason=_tls_reason(cause))
    at_proxy = isinstance(cause, aiohttp.ClientHttpProxyError | aiohttp.InvalidURL)
    if not at_proxy and not isinstance(cause, _NO_ANSWER) and not isinstance(error, TimedOut):
        return None
    proxies = getproxies()
    proxy = proxy_for(api_url, proxies)
    if proxy is not None:
        return _by_proxy(cause, proxy, api_url)
    if "all" in proxies:
        return bad(About.TELEGRAM, Kind.PROXY_UNSUPPORTED, variable="ALL_PROXY")
    if isinstance(cause, aiohttp.ClientConnectorDNSError):
        return bad(About.TELEGRAM, Kind.NAME_UNKNOWN, name=cause.host, api_url=api_url)
    return bad(About.TELEGRAM, Kind.UNREACHABLE, api_url=api_url, reason=_reason(cause))


def _by_proxy(cause: BaseException | None, proxy: str, api_url: str) -> Finding:
    if proxy.partition("://")[0].lower() not in ("http", "https"):
        variable = f"{urlsplit(api_url).scheme.upper()}_PROXY"
        return bad(About.TELEGRAM, Kind.PROXY_UNSUPPORTED, variable=variable)
    return bad(About.TELEGRAM, Kind.PROXY_FAILED, proxy=_place(proxy), reason=_reason(cause))


def _place(address: str) -> str:
    """Host and port of an address, which may have a password as well."""
    try:
        return urlsplit(address).netloc.rpartition("@")[2]
    except ValueError:
        return ""


def _reason(cause: BaseException | None) -> str:
    """What the operating system, or the proxy, says."""
    match cause:
        case aiohttp.ClientHttpProxyError():
            return f"it answers {cause.message} ({cause.status})"
        case aiohttp.InvalidURL():
            return "that is not an address"
        case aiohttp.ClientConnectorDNSError():
            return "no such name"
        case aiohttp.ClientConnectorError() if cause.os_error.errno:
            return os.strerror(cause.os_error.errno).lower()
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError():
            return "the connection breaks"
    return "no answer in time"


def _tls_reason(error: aiohttp.ClientSSLError) -> str:
    """What the handshake failed for, without the address and OpenSSL's line numbers."""
    why = (
        error.certificate_error
        if isinstance(error, aiohttp.ClientConnectorCertificateError)
        else error.os_error
    )
    found = re.search(r"\] (.*?)(?: \(_ssl|$)", str(why))
    return found[1] if found else type(why).__name__
