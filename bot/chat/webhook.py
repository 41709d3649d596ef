"""Telegram's calls, each an update for the inbox. Knows the HTTP of the webhook.

Whoever does not know the secret learns nothing: not even that something is answered here.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Callable
from urllib.parse import urlsplit

from aiohttp import web

from bot import logs
from bot.chat import inbox
from bot.chat.limits import Drops
from bot.errors import StoreUnavailable
from bot.listener import MAX_BODY, Routes, nothing
from bot.store import Store

log = logs.get(__name__)

HEADER = "X-Telegram-Bot-Api-Secret-Token"
#: Seconds in which a body has to be there.
BODY_S = 10.0
#: Seconds after which Telegram may try again while the database takes nothing. Without them it
#: waits twice as long each time, and the whole chat with it.
AGAIN_S = 2

_CONTEXT = b"invoice-bot: secret_token of setWebhook"


def secret_of(token: str) -> str:
    """What Telegram has to say with each call: each process and each start knows the same.

    The token cannot be found from it.
    """
    digest = hmac.digest(token.encode(), _CONTEXT, hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


class Webhook:
    """What is answered at the address where Telegram delivers.

    It writes into the inbox, for whoever empties it: any process can take a call.
    """

    def __init__(
        self, store: Store, *, token: str, address: str, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._bot_id = int(token.partition(":")[0])
        secret = secret_of(token)
        logs.redact(secret)
        self._secret = secret.encode()
        self._path = urlsplit(address).path or "/"
        self._clock = clock
        self._skipped = Drops("webhook call skipped")
        self._refused = Drops("webhook call refused")
        self._is_store_away = False

    @property
    def routes(self) -> Routes:
        """The address's own path, and that of a proxy which takes the path away."""
        return {("POST", path): self.answer for path in {self._path, "/"}}

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """200 once the update is kept, or cannot be read; 503 where it has to come again."""
        said = request.headers.get(HEADER, "").encode(errors="surrogateescape")
        if not hmac.compare_digest(said, self._secret):
            self._refused.add("wrong secret" if said else "no secret")
            return nothing()
        if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
            self._refused.add("its body is packed")  # which Telegram does not do
            return web.Response(status=415, headers={"Accept-Encoding": "identity"})
        try:
            async with asyncio.timeout(BODY_S):
                body = await self._body(request)
        except TimeoutError:
            self._refused.add("its body took too long")
            return web.Response(status=408)
        if body is None:
            self._refused.add("its body is too large")
            return web.Response(status=413)
        try:
            is_kept = await inbox.put(self._store, self._bot_id, body, self._clock())
        except StoreUnavailable:
            if not self._is_store_away:
                log.warning("webhook calls refused: the database cannot be written")
            self._is_store_away = True
            return web.Response(status=503, headers={"Retry-After": str(AGAIN_S)})
        self._is_store_away = False
        if not is_kept:  # Telegram would deliver it again and again, and the chat's others after it
            self._skipped.add("no update")
        return web.Response()

    async def _body(self, request: web.BaseRequest) -> bytes | None:
        """All of it; None where it is too large."""
        if (request.content_length or 0) > MAX_BODY:
            return None
        try:
            return await request.read()
        except web.HTTPRequestEntityTooLarge:
            return None
