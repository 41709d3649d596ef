"""What gRPC reports, as our errors. Knows LND's texts: no other module matches them.

A plain error of LND's arrives as UNKNOWN with a text, so code and text are both matched.
"""

from __future__ import annotations

from typing import TypeVar

import grpc

from bot.errors import (
    AlreadySettled,
    AmountTooLarge,
    CallMissing,
    CertificateChanged,
    CertificateCorrupt,
    CertificateExpired,
    CertificateName,
    CertificateNotPublic,
    CertificateNotYetValid,
    CertificateRefused,
    ExpiryTooLong,
    HashExists,
    InvoiceUnknown,
    MacaroonBound,
    MacaroonExpired,
    MacaroonRefused,
    MemoTooLong,
    NodeError,
    NodeLocked,
    NodeNameUnknown,
    NodeOdd,
    NodeRefused,
    NodeStarting,
    NodeStopping,
    NodeTimeout,
    NodeUnreachable,
    PermissionMissing,
    ProxyRefused,
    RestPort,
    TlsFailed,
    TlsMissing,
    WalletMissing,
)

T = TypeVar("T")

#: gRPC's words for a connection that fails → what it means. The first that matches counts.
CONNECTION_FAILURES: tuple[tuple[str, type[NodeError]], ...] = (
    ("errors resolving", NodeNameUnknown),
    ("HTTP proxy returned", ProxyRefused),
    ("missing selected ALPN", RestPort),
    ("certificate has expired", CertificateExpired),
    ("certificate is not yet valid", CertificateNotYetValid),
    ("CERTIFICATE_VERIFY_FAILED", CertificateRefused),
    ("Hostname Verification", CertificateName),
    ("WRONG_VERSION_NUMBER", TlsMissing),
    ("security handshaker", CertificateCorrupt),
    ("Ssl handshake failed", TlsFailed),
    ("SSL_ERROR", TlsFailed),
    # it hung up; otherwise it was silent for as long as a connection has to come up
    ("Handshake read failed (Socket closed", NodeUnreachable),
    ("Handshake read failed (recvmsg", NodeUnreachable),
    ("Handshake read failed", NodeTimeout),
)

#: Text of a node that is not ready, whatever the code → what it means.
NOT_READY: tuple[tuple[str, type[NodeError]], ...] = (
    ("waiting to start", NodeStarting),
    ("in the process of starting up", NodeStarting),
    ("shutting down", NodeStopping),
    ("wallet not created", WalletMissing),
    ("wallet locked", NodeLocked),
)

#: Text of an UNKNOWN error → what it means. The first that matches counts.
TEXTS: tuple[tuple[str, type[NodeError]], ...] = (
    *NOT_READY,
    ("permission denied", PermissionMissing),
    # of a macaroon that is to be baked: a call that this LND was built without
    ("must be an existing URI", CallMissing),
    # litd's, for the macaroon of an account: it knows only the account's own invoices
    ("restricted account macaroon", PermissionMissing),
    ("does not belong to this account", InvoiceUnknown),
    ("macaroon has expired", MacaroonExpired),
    ("macaroon locked to different IP", MacaroonBound),
    ("macaroon", MacaroonRefused),
    ("encoding/hex", MacaroonRefused),
    ("unmarshal v", MacaroonRefused),
    ("verification failed", MacaroonRefused),
    ("caveat ", MacaroonRefused),
    ("already settled", AlreadySettled),
    ("unable to locate invoice", InvoiceUnknown),
    ("there are no existing invoices", InvoiceUnknown),
    ("memo too large", MemoTooLong),
    ("data length too big", MemoTooLong),
    ("invoice amount", AmountTooLarge),
    ("amount cannot be negative", NodeRefused),
    ("mutually exclusive", NodeRefused),
    ("expiry of", ExpiryTooLong),
    ("invalid preimage length", NodeRefused),
    ("payment hash already exists", HashExists),
    ("payment hash", NodeRefused),
    ("invalid hash length", NodeRefused),
    ("description hash", NodeRefused),
    ("CLTV delta", NodeRefused),
    ("context deadline exceeded", NodeTimeout),
    ("context canceled", NodeTimeout),
)

_CODES: dict[grpc.StatusCode, type[NodeError]] = {
    grpc.StatusCode.DEADLINE_EXCEEDED: NodeTimeout,
    grpc.StatusCode.CANCELLED: NodeUnreachable,
    grpc.StatusCode.NOT_FOUND: InvoiceUnknown,
    grpc.StatusCode.UNAUTHENTICATED: MacaroonRefused,
    grpc.StatusCode.PERMISSION_DENIED: PermissionMissing,
    grpc.StatusCode.UNIMPLEMENTED: CallMissing,
}

#: A phrase in gRPC's text → why there is no connection, as people read it beside the error. The
#: first that matches counts.
CAUSES: tuple[tuple[str, str], ...] = (
    ("Connection refused", "connection refused"),
    ("Domain name not found", "no such name"),
    ("Name or service not known", "no such name"),
    ("name resolution", "the name can't be looked up"),
    ("No address associated", "the name has no address"),
    ("errors resolving", "the name can't be looked up"),
    ("No route to host", "no route to it"),
    ("Network is unreachable", "no network"),
    ("Connection reset", "the connection breaks"),
    ("Handshake read failed", "no answer to the TLS handshake"),
    ("Socket closed", "the connection breaks"),
    ("imed out", "no answer in time"),
    ("imeout", "no answer in time"),
)

_REFUSALS = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)


def explain(
    error: grpc.aio.AioRpcError, *, is_pinned: bool = True, was_accepted: bool = False
) -> NodeError:
    """The `NodeError` for what gRPC reports. Its `detail` is the node's own text, for the log.

    `is_pinned`: the node's certificate was compared with a file, not with the public authorities'.
    `was_accepted`: the node had that very certificate before.
    """
    code, text = error.code(), error.details() or ""
    detail = f"{code.name}: {text}"
    kind: type[NodeError]
    if code is grpc.StatusCode.UNAVAILABLE:
        kind = _first((*CONNECTION_FAILURES, *NOT_READY), text, NodeUnreachable)
        if kind is CertificateRefused and not is_pinned:
            kind = CertificateNotPublic
        elif kind is CertificateRefused and was_accepted:
            kind = CertificateChanged
    elif code in _CODES:
        kind = _CODES[code]
        if code in _REFUSALS:  # the text says more
            kind = _first(TEXTS, text, kind)
    else:
        kind = _first(TEXTS, text, NodeOdd)
    return kind(detail=detail)


def cause(detail: str) -> str:
    """Why there is no connection, in an error's `detail`; "" where nobody knows it."""
    return _first(CAUSES, detail, "")


def _first(table: tuple[tuple[str, T], ...], text: str, otherwise: T) -> T:
    return next((meant for part, meant in table if part in text), otherwise)
