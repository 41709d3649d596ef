"""Which links Telegram takes, and what it makes of them. Knows URLs only."""

from __future__ import annotations

import ipaddress
import re
import string

_MAX_USER_ID = (1 << 40) - 1
_HOST_CHARS = frozenset(string.ascii_lowercase + string.digits + ".-_!$,~*'();&+=")
_TG_HOST = re.compile(r"[A-Za-z0-9_-]*\Z")
_TONSITE_HOST = re.compile(r"[A-Za-z0-9_.-]*\Z")
_INNER_SCHEMES = ("tg", "ton", "tonsite")


class LinkError(ValueError):
    """Telegram refuses the link; the text is its reason."""


def ascii_lower(text: str) -> str:
    """Lower case for A to Z only, as TDLib does it."""
    return text.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")


def link_user_id(url: str) -> int | None:
    """The user id of a `tg://user?id=…` link, or None where it is no such link."""
    found = re.match(r"tg:(?://)?user/?\?([^#]*)", ascii_lower(url))
    if not found:
        return None
    for parameter in found[1].split("&"):
        key, _, value = parameter.partition("=")
        if key == "id":
            user_id = int(value) if re.fullmatch(r"[1-9][0-9]{0,18}", value) else 0
            return user_id if 0 < user_id <= _MAX_USER_ID else None
    return None


def check_link(url: str) -> str:
    """The link as Telegram keeps it. LinkError with TDLib's reason where it refuses it.

    http, https, tg, ton and tonsite pass; anything else, `lightning:` included, does not.
    """
    inner = ""
    rest = url
    for scheme in _INNER_SCHEMES:
        if ascii_lower(url).startswith(scheme + ":"):
            inner = scheme
            rest = url[len(scheme) + 1 :].removeprefix("//")
            break
    secure, userinfo, host, port, query = _split(rest)
    if not inner:
        if "." not in host and not host.startswith("["):
            raise LinkError("Wrong HTTP URL")
        protocol = "https://" if secure else "http://"
        credentials = f"{userinfo}@" if userinfo else ""
        return f"{protocol}{credentials}{host}{f':{port}' if port else ''}{query}"
    is_http = ascii_lower(rest).startswith("http://") or secure
    if is_http or userinfo or port or host.startswith("["):
        raise LinkError("Wrong tg URL" if inner == "tg" else "Wrong ton URL")
    if not (_TONSITE_HOST if inner == "tonsite" else _TG_HOST).match(host):
        raise LinkError("Unallowed characters in URL host")
    return f"{inner}://{host}{query[1:] if query.startswith('/?') else query}"


def _split(url: str) -> tuple[bool, str, str, int, str]:
    """(is https, userinfo, host, port or 0, path and query)."""
    secure, rest = _cut_protocol(url)
    found = re.search(r"[/?#]", rest)
    cut = found.start() if found else len(rest)
    authority, query = rest[:cut], rest[cut:].rstrip(" \t\r\n\0\v")
    authority, port = _cut_port(authority)
    userinfo, at, host = authority.rpartition("@")
    _check_host(host)
    if not query.startswith("/"):
        query = "/" + query
    query = re.sub("[\0-\x20]", lambda char: f"%{ord(char[0]):02X}", query)
    return secure, userinfo if at else "", ascii_lower(host), port, query


def _cut_protocol(url: str) -> tuple[bool, str]:
    found = re.match(r"([^:/?#@\[\]]*)://", url)
    if not found:
        return False, url
    protocol = ascii_lower(found[1])
    if protocol not in ("http", "https"):
        raise LinkError("Unsupported URL protocol")
    return protocol == "https", url[found.end() :]


def _cut_port(authority: str) -> tuple[str, int]:
    # the first character is never taken for the colon: ":80" is a host
    found = re.search(r"(?<=.):([^:\]@]*)\Z", authority, re.DOTALL)
    if not found:
        return authority, 0
    digits = found[1].lstrip("0") or "0"
    port = int(digits) if re.fullmatch(r"[0-9]{1,9}", digits) else 0
    if not found[1] or not 0 < port <= 65535:
        raise LinkError("Wrong port number specified in the URL")
    return authority[: found.start()], port


def _check_host(host: str) -> None:
    if host.startswith("[") and host.endswith("]"):
        try:
            ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            raise LinkError("Wrong IPv6 address specified in the URL") from None
        return
    if not host:
        raise LinkError("URL host is empty")
    if host == ".":
        raise LinkError("Host is invalid")
    lowered = ascii_lower(host)
    if re.search(r"%(?![0-9a-f]{2})", lowered):
        raise LinkError("Wrong percent-encoded symbol in URL host")
    for char in lowered.replace("%", ""):
        if char not in _HOST_CHARS and char.isascii():
            raise LinkError("Wrong URL host")
