"""The plain script that the bot is measured against: honest and usual, and nothing made slow.

python-telegram-bot polls by itself and handles updates concurrently; the node is asked with
blocking gRPC; `qrcode` makes the picture; one reply. Run with TOKEN, API_URL, LND_HOST and
LND_FOLDER (of tls.cert and invoice.macaroon) in the environment.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

import grpc
import qrcode
from telegram import Update
from telegram.ext import Application, CommandHandler, ContextTypes

from bot.lnrpc.lightning_pb2 import Invoice
from bot.lnrpc.lightning_pb2_grpc import LightningStub


def connected(host: str, folder: Path) -> LightningStub:
    macaroon = (folder / "invoice.macaroon").read_bytes().hex()

    def with_macaroon(
        _context: grpc.AuthMetadataContext, callback: grpc.AuthMetadataPluginCallback
    ) -> None:
        callback((("macaroon", macaroon),), None)

    credentials = grpc.composite_channel_credentials(
        grpc.ssl_channel_credentials((folder / "tls.cert").read_bytes()),
        grpc.metadata_call_credentials(with_macaroon),
    )
    return LightningStub(grpc.secure_channel(host, credentials))


lnd = connected(os.environ["LND_HOST"], Path(os.environ["LND_FOLDER"]))


async def invoice(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    amount, *memo = context.args
    answer = lnd.AddInvoice(Invoice(value=int(amount), memo=" ".join(memo)))
    picture = io.BytesIO()
    qrcode.make(answer.payment_request).save(picture)
    await update.message.reply_photo(
        picture.getvalue(), caption=f"{amount} sats\n{answer.payment_request}", do_quote=True
    )


def main() -> None:
    application = (
        Application.builder()
        .token(os.environ["TOKEN"])
        .base_url(os.environ["API_URL"] + "/bot")
        .concurrent_updates(True)
        .build()
    )
    application.add_handler(CommandHandler("invoice", invoice))
    application.run_polling()


if __name__ == "__main__":
    main()
