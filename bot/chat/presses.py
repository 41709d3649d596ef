"""A family of updates: presses on the buttons under cards, and what is under no message now."""

from __future__ import annotations

from collections.abc import Sequence

from telegram import CallbackQuery
from telegram.ext import CallbackQueryHandler

from bot import texts
from bot.actions import Actions, Asker, BoardActions
from bot.chat import messages
from bot.chat.board_buttons import to_pay_for
from bot.chat.buttons import Press, Verb, read_press
from bot.chat.chats import Edit, Say
from bot.chat.replies import Answer, Replies, Reply
from bot.chat.targets import AtNode, Targets, as_named, hindered
from bot.chat.updates import PtbApplication
from bot.core.invoice import AT_THE_NODE, Invoice, State
from bot.core.wishes import Cancelling, Leaving, Renewing
from bot.errors import Refused


class Presses:
    """Cancel, Renew, and what is under the cards of parts."""

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
        press = press._replace(payment_hash=row.payment_hash)
        asker = messages.presser(query.from_user)
        message_id = query.message.message_id if query.message is not None else 0

        async def act(by: Asker) -> Sequence[Reply]:
            said, *others = await self._act(press, by, row, message_id, query.id)
            return [Answer(query.id, person_id, said), *others]

        async def then() -> Sequence[Reply]:
            if press.verb is Verb.CANCEL and row.chat_id < 0 and person_id != row.asker_id:
                return as_named(row.chat_id, query.from_user, act, [unknown])
            return await act(asker)

        no = Answer(query.id, person_id, texts.NOT_ALLOWED, alert=True)
        unknown = Answer(query.id, person_id, texts.TRY_AGAIN, alert=True)
        return await self._targets.if_allowed(row, asker, then, [no], [unknown])

    async def _act(
        self, press: Press, by: Asker, row: Invoice, message_id: int, number: str
    ) -> tuple[str, *tuple[Reply, ...]]:
        """What to answer, and what else to say. `number`: the press's, by Telegram."""
        match press.verb:
            case Verb.LEAVE:
                came_of_leaving = await self._boards.leave(press.payment_hash, press=number)
                said = texts.leaving(came_of_leaving)
                if came_of_leaving is Leaving.LEAVING:
                    said = f"{said} {hindered(self._node, [row])}".rstrip()
                return (said,)
            case Verb.CANCEL:
                came_of_it = await self._actions.cancel(press.payment_hash, by)
                said = texts.asked_to_cancel(came_of_it, self._node.hindrance)
                if came_of_it is Cancelling.NOT_ASKED:  # its buttons would be of no use
                    return said, Edit(row.chat_id, message_id, texts.GIFT_CLOSED)
                return (said,)
            case Verb.OTHERS:
                return await self._others(press, by, row, message_id)
            case Verb.GIVE:
                return (await self._give(press, row),)
            case Verb.HIDE | Verb.SHOW:
                return (await self._hide(press, number),)
        try:
            renewing = await self._actions.renew(press.payment_hash, by)
            return (texts.asked_to_renew(renewing, away=self._node.away),)
        except Refused as refused:
            return (texts.asked_to_renew(Renewing.REFUSED, refused),)

    async def _others(
        self, press: Press, by: Asker, row: Invoice, message_id: int
    ) -> tuple[str, *tuple[Reply, ...]]:
        """Whose part somebody wants to pay, in their private chat."""
        token = await self._boards.token_of(press.payment_hash, by)
        text, keyboard = to_pay_for(await self._boards.to_pay_for(token, by), token)
        if keyboard is None:
            return (text,)
        return "", Say(row.chat_id, text, reply_to=message_id, keyboard=keyboard)

    async def _give(self, press: Press, row: Invoice) -> str:
        if row.state in (*AT_THE_NODE, State.SETTLED):
            return texts.GIFT_CHOSEN
        try:
            is_taken = await self._actions.give(press.payment_hash, 1000 * press.sats)
        except Refused as refused:
            return texts.why(refused)
        return "" if is_taken else texts.GIFT_CLOSED

    async def _hide(self, press: Press, number: str) -> str:
        is_hidden = press.verb is Verb.HIDE
        row = await self._boards.hide(press.payment_hash, is_hidden=is_hidden, press=number)
        return texts.NOT_TRACKED if row is None else texts.hidden(row.hidden)
