"""A family of updates: presses on the buttons under cards."""

from __future__ import annotations

from collections.abc import Sequence

from telegram import CallbackQuery
from telegram.ext import CallbackQueryHandler

from bot import texts
from bot.actions import Actions, Asker, BoardActions
from bot.chat.buttons import Press, Verb, read_press
from bot.chat.replies import Answer, Replies, Reply
from bot.chat.targets import AtNode, Targets
from bot.chat.updates import PtbApplication
from bot.core.text import clean_name
from bot.core.wishes import Renewing
from bot.errors import Refused


class Presses:
    """Cancel, Renew and Not me."""

    def __init__(
        self,
        *,
        actions: Actions,
        boards: BoardActions,
        node: AtNode,
        targets: Targets,
        replies: Replies,
    ) -> None:
        self._actions = actions
        self._boards = boards
        self._node = node
        self._targets = targets
        self._replies = replies

    def register(self, application: PtbApplication) -> None:
        """Who handles what."""
        application.add_handler(CallbackQueryHandler(self._replies.to_press(self.pressed)))

    async def pressed(self, query: CallbackQuery) -> Sequence[Reply]:
        """Cancel or Renew under a card."""
        press = read_press(query.data or "")
        row = None
        if press is not None and query.message is not None:
            row = await self._targets.of_card(press.payment_hash, query.message)
        person_id = query.from_user.id
        if press is None or row is None:
            return [Answer(query.id, person_id, texts.NOT_TRACKED, alert=True)]
        asker = Asker(person_id, clean_name(query.from_user.full_name or ""))

        async def then() -> Sequence[Reply]:
            return [Answer(query.id, person_id, await self._act(press, asker))]

        no = Answer(query.id, person_id, texts.NOT_ALLOWED, alert=True)
        unknown = Answer(query.id, person_id, texts.TRY_AGAIN, alert=True)
        return await self._targets.if_allowed(row, asker, then, [no], [unknown])

    async def _act(self, press: Press, by: Asker) -> str:
        """What to say."""
        if press.verb is Verb.LEAVE:
            return texts.leaving(await self._boards.leave(press.payment_hash))
        if press.verb is Verb.CANCEL:
            came_of_it = await self._actions.cancel(press.payment_hash, by)
            return texts.asked_to_cancel(came_of_it, self._node.hindrance)
        try:
            renewing = await self._actions.renew(press.payment_hash, by)
            return texts.asked_to_renew(renewing, away=self._node.away)
        except Refused as refused:
            return texts.asked_to_renew(Renewing.REFUSED, refused)
