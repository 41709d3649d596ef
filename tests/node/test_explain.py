"""What LND and gRPC report becomes the error that says what to do: real gRPC, LND's own texts."""

from __future__ import annotations

import grpc
import pytest

from bot import errors, texts
from bot.core.answers import WalletState
from bot.demo.node import SimNode
from bot.errors import (
    MAX_DETAIL,
    AlreadySettled,
    AmountTooLarge,
    CallMissing,
    CertificateCorrupt,
    CertificateExpired,
    CertificateName,
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
    NodePassing,
    NodeRefused,
    NodeSetting,
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
from bot.node.client import Node
from tests.node.simulated import HASH, add, failure

TEXTS: list[tuple[str, type[NodeError]]] = [
    # every call
    ("waiting to start, RPC services not available", NodeStarting),
    ("wallet not created, create one to enable full RPC access", WalletMissing),
    ("wallet locked, unlock it to enable full RPC access", NodeLocked),
    (
        "the RPC server is in the process of starting up, but not yet ready to accept calls",
        NodeStarting,
    ),
    ("invoice registry shutting down", NodeStopping),
    ("expected 1 macaroon, got 0", MacaroonRefused),
    ("expected 1 macaroon, got 2", MacaroonRefused),
    ("empty macaroon data", MacaroonRefused),
    ("encoding/hex: invalid byte: U+007A 'z'", MacaroonRefused),
    ("encoding/hex: odd length hex string", MacaroonRefused),
    ("cannot determine data format of binary-encoded macaroon", MacaroonRefused),
    ("unmarshal v2: field data extends past end of buffer", MacaroonRefused),
    ("permission denied", PermissionMissing),
    ("verification failed: signature mismatch after caveat verification", MacaroonRefused),
    (
        "cannot retrieve macaroon: cannot get macaroon: root key with id 7 doesn't exist",
        MacaroonRefused,
    ),
    (
        'caveat "time-before 2026-11-22T19:49:57.372105444Z" not satisfied: macaroon has expired',
        MacaroonExpired,
    ),
    (
        'caveat "ipaddr 10.1.1.1" not satisfied: macaroon locked to different IP address',
        MacaroonBound,
    ),
    # of an account of litd's
    ("invoice does not belong to this account", InvoiceUnknown),
    ("this RPC call is not supported with restricted account macaroons", PermissionMissing),
    ("context deadline exceeded", NodeTimeout),
    ("context canceled", NodeTimeout),
    # AddInvoice
    ("memo too large: 1026 bytes (maxsize=1024)", MemoTooLong),
    ("data length too big to fit within 10 bits: 1024", MemoTooLong),
    ("sat and msat arguments are mutually exclusive", NodeRefused),
    ("amount cannot be negative", NodeRefused),
    ("invoice amount 100000.00000001 BTC is too large, max is 100000 BTC", AmountTooLarge),
    (
        "expiry of 3.1536001e+07 seconds greater than max expiry of 3.1536e+07 seconds",
        ExpiryTooLong,
    ),
    ("invalid preimage length of 31, want 32", NodeRefused),
    ("invoice with payment hash already exists", HashExists),
    ("description hash is 31 bytes, must be 32", NodeRefused),
    ("CLTV delta of 18 must be greater than minimum of 24", NodeRefused),
    # LookupInvoice and CancelInvoice
    ("payment hash must be exactly 32 bytes, is instead 31", NodeRefused),
    ("unable to locate invoice", InvoiceUnknown),
    ("there are no existing invoices", InvoiceUnknown),
    ("invalid hash length of 31, want 32", NodeRefused),
    ("invoice already settled", AlreadySettled),
    # none that we know
    ("the moon is in the wrong quarter", NodeOdd),
    ("", NodeOdd),
]


@pytest.mark.parametrize(("text", "kind"), TEXTS, ids=[row[0][:45] for row in TEXTS])
async def test_a_text_of_the_nodes_becomes_the_error_that_says_what_to_do(
    sim: SimNode, node: Node, text: str, kind: type[NodeError]
) -> None:
    sim.fail("CancelInvoice", text=text)
    error = await failure(node.cancel(HASH))
    assert type(error) is kind
    assert error.detail == f"UNKNOWN: {text}"


async def test_of_a_long_text_of_the_nodes_the_beginning_is_kept(sim: SimNode, node: Node) -> None:
    sim.fail("CancelInvoice", text="invoice already settled " + "x" * 5000)
    error = await failure(node.cancel(HASH))
    assert type(error) is AlreadySettled
    assert len(error.detail) == MAX_DETAIL
    assert MAX_DETAIL <= len(str(error)) < 2 * MAX_DETAIL


CODES: list[tuple[grpc.StatusCode, str, type[NodeError]]] = [
    (grpc.StatusCode.NOT_FOUND, "unable to locate invoice", InvoiceUnknown),
    (grpc.StatusCode.NOT_FOUND, "there are no existing invoices", InvoiceUnknown),
    (grpc.StatusCode.DEADLINE_EXCEEDED, "context deadline exceeded", NodeTimeout),
    (grpc.StatusCode.CANCELLED, "context canceled", NodeUnreachable),
    (grpc.StatusCode.UNIMPLEMENTED, "unknown method X for service lnrpc.Lightning", CallMissing),
    (grpc.StatusCode.UNIMPLEMENTED, "unknown service lnrpc.Lightning", CallMissing),
    (grpc.StatusCode.UNAUTHENTICATED, "", MacaroonRefused),
    (grpc.StatusCode.PERMISSION_DENIED, "", PermissionMissing),
    (grpc.StatusCode.INTERNAL, "oops", NodeOdd),
    (grpc.StatusCode.RESOURCE_EXHAUSTED, "too many", NodeOdd),
    # of newer versions
    (
        grpc.StatusCode.UNAVAILABLE,
        "waiting to start, RPC services not available",
        NodeStarting,
    ),
    (
        grpc.StatusCode.UNAVAILABLE,
        "the RPC server is in the process of starting up, but not yet ready to accept calls",
        NodeStarting,
    ),
    (grpc.StatusCode.UNAVAILABLE, "invoice registry shutting down", NodeStopping),
    (
        grpc.StatusCode.FAILED_PRECONDITION,
        "wallet locked, unlock it to enable full RPC access",
        NodeLocked,
    ),
    (
        grpc.StatusCode.FAILED_PRECONDITION,
        "wallet not created, create one to enable full RPC access",
        WalletMissing,
    ),
    (grpc.StatusCode.ALREADY_EXISTS, "invoice with payment hash already exists", HashExists),
    (grpc.StatusCode.INVALID_ARGUMENT, "memo too large: 1026 bytes (maxsize=1024)", MemoTooLong),
    (grpc.StatusCode.PERMISSION_DENIED, "permission denied", PermissionMissing),
    (
        grpc.StatusCode.UNAUTHENTICATED,
        'caveat "time-before 2026-11-22T19:49:57Z" not satisfied: macaroon has expired',
        MacaroonExpired,
    ),
    (
        grpc.StatusCode.PERMISSION_DENIED,
        "verification failed: signature mismatch after caveat verification",
        MacaroonRefused,
    ),
    (
        grpc.StatusCode.PERMISSION_DENIED,
        "invoice does not belong to this account",
        InvoiceUnknown,
    ),
    # the connection
    (grpc.StatusCode.UNAVAILABLE, "Stream removed (Socket closed)", NodeUnreachable),
    (
        grpc.StatusCode.UNAVAILABLE,
        "errors resolving umbrel.local:10009: [UNKNOWN: getaddrinfo: Name or service not known]",
        NodeNameUnknown,
    ),
    (grpc.StatusCode.UNAVAILABLE, "certificate has expired", CertificateExpired),
    (
        grpc.StatusCode.UNAVAILABLE,
        "SSL_ERROR_SSL: error: CERTIFICATE_VERIFY_FAILED: self signed certificate",
        CertificateRefused,
    ),
    (grpc.StatusCode.UNAVAILABLE, "Hostname Verification Check failed.", CertificateName),
    (grpc.StatusCode.UNAVAILABLE, "SSL_ERROR_SSL: error: WRONG_VERSION_NUMBER", TlsMissing),
    (
        grpc.StatusCode.UNAVAILABLE,
        "Failed to create security handshaker",
        CertificateCorrupt,
    ),
    (grpc.StatusCode.UNAVAILABLE, "HTTP proxy returned response code 501", ProxyRefused),
    (grpc.StatusCode.UNAVAILABLE, "missing selected ALPN property.", RestPort),
    (grpc.StatusCode.UNAVAILABLE, "Handshake read failed (Socket closed)", NodeUnreachable),
    (
        grpc.StatusCode.UNAVAILABLE,
        "Handshake read failed (recvmsg:Connection reset by peer (104))",
        NodeUnreachable,
    ),
    (grpc.StatusCode.UNAVAILABLE, "Handshake read failed (Endpoint closing)", NodeTimeout),
    (grpc.StatusCode.UNAVAILABLE, "Ssl handshake failed (TSI_PROTOCOL_FAILURE)", TlsFailed),
    (grpc.StatusCode.UNAVAILABLE, "SSL_ERROR_SSL: error: NO_SHARED_CIPHER", TlsFailed),
]


@pytest.mark.parametrize(("code", "text", "kind"), CODES)
async def test_a_code_becomes_the_error_that_says_what_to_do(
    sim: SimNode, node: Node, code: grpc.StatusCode, text: str, kind: type[NodeError]
) -> None:
    sim.fail("LookupInvoice", code=code, text=text)
    error = await failure(node.lookup(HASH))
    assert type(error) is kind
    assert error.detail == f"{code.name}: {text}"


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        (WalletState.WAITING_TO_START, NodeStarting),
        (WalletState.NON_EXISTING, WalletMissing),
        (WalletState.LOCKED, NodeLocked),
        (WalletState.UNLOCKED, NodeStarting),
    ],
)
async def test_a_node_that_is_not_ready_says_so_and_still_tells_its_state(
    sim: SimNode, node: Node, state: WalletState, kind: type[NodeError]
) -> None:
    sim.set_state(state.value)
    for call in (add(node), node.lookup(HASH), node.cancel(HASH), node.info()):
        assert type(await failure(call)) is kind
    assert await node.state() is state


KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, NodeError) and kind is not NodeError
]


def test_every_error_of_the_node_is_one_of_three_things_to_do() -> None:
    assert len(KINDS) >= 30
    assert all(issubclass(kind, NodePassing | NodeSetting | NodeRefused) for kind in KINDS)


@pytest.mark.parametrize("kind", [NodeError, *KINDS])
def test_every_error_of_the_node_is_explained_in_one_or_two_sentences(
    kind: type[NodeError],
) -> None:
    said = texts.why(kind())
    assert said.endswith(".")
    assert said.count(". ") <= 1
    assert not any(word in said.lower() for word in ("grpc", "traceback", "exception", "code"))
