"""A family of commands: /export, all invoices of a time as a file, for owners, in private."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import BinaryIO

from telegram import Message
from telegram.ext import CommandHandler

from bot import texts
from bot.actions import Ledger
from bot.chat import messages
from bot.chat.admission import Admission
from bot.chat.chats import MAX_FILE_BYTES
from bot.chat.replies import MakeFile, Replies, Reply, reply
from bot.chat.updates import PtbApplication
from bot.core import period, sheet
from bot.core.period import Period
from bot.core.sheet import Form
from bot.errors import ExportEmpty, ExportTooLarge, Refused

FILE_NAME = "invoices.csv"
#: Bytes of the request that are not the file: its other fields, and what is between them.
AROUND_BYTES = 16 * 1024


class Export:
    """Writes a file, a page of rows at a time; `max_bytes`: what Telegram takes."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        admission: Admission,
        replies: Replies,
        max_bytes: int = MAX_FILE_BYTES,
    ) -> None:
        self._ledger = ledger
        self._admission = admission
        self._replies = replies
        self._max_bytes = max_bytes

    def register(self, application: PtbApplication) -> None:
        """Who handles what."""
        export = self._replies.to_message(self.export)
        application.add_handler(CommandHandler("export", export, filters=messages.ADDRESSED))

    async def export(self, message: Message) -> Sequence[Reply]:
        """/export [2026-10], or since one day until another."""
        asker = messages.asker(message)
        if (instead := await self._admission.owners_in_private(message, asker)) is not None:
            return instead
        try:
            wanted = period.parse(messages.after_command(message))
        except Refused as error:
            return [reply(message, texts.export_refusal(error))]
        return [
            MakeFile(
                partial(self._write, wanted),
                FILE_NAME,
                partial(reply, message),
                person_id=asker.id,
                may_read=partial(self._admission.is_owner, asker.id),
            )
        ]

    async def _write(self, wanted: Period, file: BinaryIO) -> str:
        """The file, and its caption. Raises `ExportEmpty`, `ExportTooLarge`, `StoreUnavailable`."""
        count = size = 0
        text = sheet.head(Form.CSV)
        async for entries in self._ledger.entries(wanted):
            data = (text + sheet.lines(entries, Form.CSV)).encode()
            text, count, size = "", count + len(entries), size + len(data)
            if size > self._max_bytes - AROUND_BYTES:
                raise ExportTooLarge
            file.write(data)
        if not count:
            raise ExportEmpty
        file.flush()
        return texts.exported(count)
