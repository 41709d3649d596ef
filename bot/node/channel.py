"""How the node is reached: address, certificate, proxy. Knows gRPC's channel options."""

from __future__ import annotations

from collections.abc import Sequence

import grpc
import grpc.aio
from cryptography import x509

#: The largest answer, or event, that is taken; a larger one ends its call, or the stream.
MAX_ANSWER_BYTES = 16 * 1024 * 1024

#: LND takes no ping more often than every 10 s, and none without a call.
CHANNEL_OPTIONS: Sequence[tuple[str, int]] = (
    ("grpc.keepalive_time_ms", 25_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # gRPC pings for measures of its own too, has one ping on its way at a time, and would wait a
    # minute for the answer to such a one.
    ("grpc.http2.ping_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 0),
    ("grpc.http2.max_pings_without_data", 0),
    # The default waits up to two minutes before it looks at a node that is back.
    ("grpc.initial_reconnect_backoff_ms", 500),
    # This is also the least time that a connection gets to come up, over Tor or a slow line.
    ("grpc.min_reconnect_backoff_ms", 5_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # An invoice with very many payments is large; the default is 4 MB.
    ("grpc.max_receive_message_length", MAX_ANSWER_BYTES),
    # That limit is of what arrives, which could be packed and a thousand times as large: only
    # what is not packed is asked for and read.
    ("grpc.compression_enabled_algorithms_bitset", 1),
    ("grpc.per_message_decompression", 0),
    # A repetition is the engine's to decide.
    ("grpc.enable_retries", 0),
    # The environment's proxy is for Telegram: to the node it would be in the way, even on this
    # machine.
    ("grpc.enable_http_proxy", 0),
    # A channel with a renewed certificate must not share the old one's connections.
    ("grpc.use_local_subchannel_pool", 1),
)


#: The least time that a connection gets to come up through a proxy: Tor needs long at first.
THROUGH_PROXY_MS = 20_000
_ON_ITS_WAY = (grpc.ChannelConnectivity.IDLE, grpc.ChannelConnectivity.CONNECTING)
#: What the library raises for a certificate that can be decoded, but is odd.
_ODD = (
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.ExtensionNotFound,
    x509.UnsupportedGeneralNameType,
    TypeError,
)


def open_channel(
    host: str, certificate: bytes | None, *, proxy: str | None = None
) -> grpc.aio.Channel:
    """A channel to `host` (host:port) over TLS. Nothing connects before its first call.

    `certificate`: PEM, which is all that is trusted; None: what the system's authorities vouch for.
    `proxy`: http://host:port, which gets the name of `host` and tunnels to it.
    """
    options: dict[str, int | str] = dict(CHANNEL_OPTIONS)
    target = host
    if proxy is not None:
        # What gRPC itself makes of its proxy option, but that NO_PROXY has no say in it.
        target = proxy.removeprefix("http://")
        options["grpc.http_connect_server"] = options["grpc.default_authority"] = host
        options["grpc.min_reconnect_backoff_ms"] = THROUGH_PROXY_MS
    name = own_name(certificate) if certificate is not None else None
    if name is not None:
        # The certificate itself is pinned: whose address reaches it says no more. gRPC asks for a
        # name all the same.
        options["grpc.ssl_target_name_override"] = name
        options.pop("grpc.default_authority", None)
    credentials = grpc.ssl_channel_credentials(certificate)
    return grpc.aio.secure_channel(f"dns:///{target}", credentials, options=list(options.items()))


async def has_connected(channel: grpc.aio.Channel) -> None:
    """Wait until there is a connection, or none can be made now: then a call fails at once.

    Raises `grpc.aio.UsageError` where the channel is closed.
    """
    while (state := channel.get_state(try_to_connect=True)) in _ON_ITS_WAY:
        await channel.wait_for_state_change(state)
    if state is grpc.ChannelConnectivity.SHUTDOWN:
        raise grpc.aio.UsageError("channel is closed")


def expires_at(pem: bytes) -> float:
    """When a certificate expires, in Unix seconds. Raises ValueError for what is none."""
    return _read(pem).not_valid_after_utc.timestamp()


def _read(pem: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem)
    except _ODD as error:  # such as a version that nobody has
        raise ValueError(f"unreadable certificate: {error}") from error


def own_name(pem: bytes) -> str | None:
    """A name that the certificate carries where it vouches for itself, as LND's does.

    None where an authority vouches: then the name in the node's address has to be the right one.
    """
    try:
        certificate = _read(pem)
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        if certificate.issuer != certificate.subject:
            return None
    except (ValueError, *_ODD):  # gRPC says what is wrong with it
        return None
    names = extension.value.get_values_for_type(x509.DNSName)
    addresses = map(str, extension.value.get_values_for_type(x509.IPAddress))
    return next((name.replace("*", "any", 1) for name in (*names, *addresses)), None)
