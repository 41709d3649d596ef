"""The control port: HTTP that steers a simulated node from another process. Knows only `SimNode`.

It asks for no password, so it listens on this machine only.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from bot.demo.node.invoice import SimInvoice
from bot.demo.node.refusals import PaymentFailed
from bot.demo.node.sim import SimNode

HELP = """\
control port:
  POST /pay       {"payment_request": "lnsb...", "amount_msat": 1000}   (amount: if any, or more)
  POST /stop  /start  /kill  /lock  /unlock
  GET  /invoices
"""


def control(node: SimNode) -> Starlette:
    """The HTTP application that steers `node`."""

    async def pay(request: Request) -> JSONResponse:
        try:
            asked = await request.json()
            payment_request, amount_msat = asked["payment_request"], asked.get("amount_msat")
        except (ValueError, KeyError, TypeError, AttributeError):
            return JSONResponse({"error": "expected {payment_request, amount_msat?}"}, 400)
        if not isinstance(payment_request, str) or not isinstance(amount_msat, int | None):
            return JSONResponse({"error": "expected {payment_request, amount_msat?}"}, 400)
        try:
            return JSONResponse(_shown(node.pay(payment_request, amount_msat=amount_msat)))
        except PaymentFailed as error:
            return JSONResponse({"error": str(error)}, 409)

    async def invoices(_request: Request) -> JSONResponse:
        return JSONResponse([_shown(each) for each in node.invoices.values()])

    async def steer(request: Request) -> JSONResponse:
        match request.url.path.removeprefix("/"):
            case "start" if not node.alive:
                await node.start()
            case "stop":
                await node.stop()
            case "kill":
                await node.kill()
            case "lock":
                node.lock()
            case "unlock":
                await node.unlock()
        return JSONResponse({"alive": node.alive, "state": node.state})

    steering = [
        Route(f"/{verb}", steer, methods=["POST"])
        for verb in ("start", "stop", "kill", "lock", "unlock")
    ]
    return Starlette(
        routes=[Route("/pay", pay, methods=["POST"]), Route("/invoices", invoices), *steering]
    )


def _shown(invoice: SimInvoice) -> dict[str, object]:
    return {
        "payment_hash": invoice.payment_hash.hex(),
        "payment_request": invoice.payment_request,
        "state": invoice.state_name,
        "memo": invoice.memo,
        "amount_msat": invoice.value_msat,
        "paid_msat": invoice.paid_msat,
        "created_at": invoice.created_at,
        "expires_at": invoice.expires_at,
        "add_index": invoice.add_index,
        "settle_index": invoice.settle_index,
    }
