"""A family of commands: /split and /collect, presses on boards, and the links to private chats."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from telegram import CallbackQuery, MaybeInaccessibleMessage, Message, User
from telegram.ext import CallbackQueryHandler, CommandHandler, filters

from bot import texts
from bot.actions import Asker, BoardActions, Place
from bot.chat import board_buttons, messages
from bot.chat.admission import Admission
from bot.chat.board_buttons import (
    ASKED_ABOUT,
    CHANGE,
    MANAGE_LINK,
    OF_A_SEAT,
    PAY_FOR,
    ManagePress,
    OnBoard,
    handle_on,
    is_panel_of,
)
from bot.chat.chats import Edit, Say
from bot.chat.client import Naming, TelegramBot
from bot.chat.replies import NAME_AGAIN_S, Answer, AskNode, IfNamed, Replies, Reply, reply
from bot.chat.targets import AtNode, Targets, as_named, hindered
from bot.chat.updates import PtbApplication
from bot.clock import Lately
from bot.core.amount_problems import with_example
from bot.core.board import Board, BoardState
from bot.core.inbound import receivable_of
from bot.core.invoice import Invoice
from bot.core.wishes import Change, Changing, Joining, Parting, Sitting, Splitting
from bot.errors import AmountRefused, Refused, StoreUnavailable
from bot.places import Places

#: Seconds for which a link lets the invoice go first that its press has asked for: a client sends
#: its START at once, and whoever pressed waits for the card.
LINK_YIELDS_S = 0.012
#: Seconds in which the invoice before is closed, if its node answers.
FOLLOWS_WITHIN_S = 8.0


class _HasToken(filters.MessageFilter):
    """A /start that a link brought."""

    def filter(self, message: Message) -> bool:
        return bool(messages.after_command(message))


class Boards:
    """Turns commands and presses into what people want of a board."""

    def __init__(
        self,
        *,
        actions: BoardActions,
        node: AtNode,
        admission: Admission,
        places: Places,
        replies: Replies,
        targets: Targets,
        telegram_bot: TelegramBot,
    ) -> None:
        self._actions = actions
        self._node = node
        self._admission = admission
        self._places = places
        self._replies = replies
        self._targets = targets
        self._telegram_bot = telegram_bot
        self._follow: set[int] = set()  # people whose part follows another's invoice
        self._named = Lately(sum(NAME_AGAIN_S))  # tokens whose person's name was asked for

    def register(self, application: PtbApplication) -> None:
        """Who handles what."""
        callback, to_press = self._replies.to_message, self._replies.to_press
        corrected = self._replies.corrected
        linked = messages.ADDRESSED & filters.ChatType.PRIVATE & _HasToken()
        on_boards = "|".join(OnBoard)
        for handler in (
            CommandHandler("split", callback(self.split), filters=messages.ASKS),
            CommandHandler("collect", callback(self.collect), filters=messages.ASKS),
            CommandHandler("split", corrected(self.split), filters=messages.EDITED),
            CommandHandler("collect", corrected(self.collect), filters=messages.EDITED),
            CommandHandler("start", callback(self.start), filters=linked),
            CallbackQueryHandler(to_press(self.pressed), pattern=f"^({on_boards}):"),
            CallbackQueryHandler(to_press(self.pressed_to_pay_for), pattern=f"^{PAY_FOR}:"),
            CallbackQueryHandler(to_press(self.pressed_to_manage), pattern=f"^{CHANGE}:"),
        ):
            application.add_handler(handler)

    # new boards

    async def split(self, message: Message) -> Sequence[Reply]:
        """/split <sum>/<people> [memo], or names, or neither: a new board.

        Alone, as a reply to a board: that one at the end of the chat.
        """
        what = messages.after_command(message)

        def make(asker: Asker, place: Place, age_s: float) -> Awaitable[_Made]:
            me = self._telegram_bot.username.casefold()  # which pays nobody's part
            named = [each for each in messages.named(message) if each.username.casefold() != me]
            origin = messages.origin(message)
            at = self._admission.now()
            return self._actions.split(asker, origin, place, what, named, age_s=age_s, at=at)

        return await self._new(message, what, make, "split", texts.SPLIT_IN_GROUPS)

    async def collect(self, message: Message) -> Sequence[Reply]:
        """/collect <goal>/<suggested gift> [memo], or any for no goal: a new board."""
        what = messages.after_command(message)

        def make(asker: Asker, place: Place, age_s: float) -> Awaitable[_Made]:
            origin, at = messages.origin(message), self._admission.now()
            return self._actions.collect(asker, origin, place, what, age_s=age_s, at=at)

        return await self._new(message, what, make, "collect", texts.COLLECT_IN_GROUPS)

    async def _new(
        self,
        message: Message,
        what: str,
        make: Callable[[Asker, Place, float], Awaitable[_Made]],
        command: str,
        in_groups: str,
    ) -> Sequence[Reply]:
        asker = messages.asker(message)
        if not self._admission.may_ask(message, asker):
            return await self._admission.stranger(message, asker)
        if messages.is_private(message):
            return [reply(message, in_groups)]
        to = messages.replied(message)
        if not what and to is not None:
            is_ours = messages.is_from(to, self._telegram_bot)
            handle = handle_on(to) if is_ours else ""
            here = await self._actions.board_of(to.chat.id, to.message_id, handle)
            if here is not None:
                return await self._again(message, asker, here)
        place = messages.place(message, self._places)
        try:
            came_of_it, board = await make(asker, place, self._admission.age_s(message))
        except Refused as error:
            self._replies.corrections.note(message, refused=True)
            return [reply(message, texts.refusal(_as_command(error, command)))]
        self._replies.corrections.note(message, refused=False)
        if came_of_it is Splitting.TOO_LATE:
            return await self._admission.too_late(message, asker)
        said = texts.splitting(came_of_it)
        if board is not None:
            can = receivable_of(board.sum_msat, self._node.inbound_msat)
            said = "" if can is None or not board.sum_msat else texts.too_little_inbound(can)
        return [reply(message, said)] if said else []

    async def _again(self, message: Message, asker: Asker, board: Board) -> Sequence[Reply]:
        """The board at the end of its chat; also where its message was deleted."""
        if (late := await self._admission.late(message, asker)) is not None:
            return late
        came_of_it = await self._actions.change(board.id, Change.MOVE, 0, asker)
        if came_of_it is Changing.DONE:
            return []
        return [reply(message, texts.changing(Change.MOVE, came_of_it))]

    # presses on boards

    async def pressed(self, query: CallbackQuery) -> Sequence[Reply]:
        """A press on a button under a board."""
        verb, _, handle = (query.data or "").partition(":")
        person = query.from_user
        nothing = [Answer(query.id, person.id, texts.sitting(Sitting.NOT_TRACKED), alert=True)]
        if query.message is None:
            return nothing
        chat_id = self._places.now(query.message.chat.id)
        # A client can name any message, and where a group moved old numbers are void.
        has_it = query.message.chat.id == chat_id and handle_on(query.message) == handle
        number = query.message.message_id if has_it else None
        is_public = bool(query.message.chat.username)
        if verb == OnBoard.PAY:
            return [await self._seated(query, handle, chat_id, number, is_public=is_public)]
        board = await self._actions.of_button(handle, chat_id, number)
        if board is None:
            return nothing
        on = OnBoard(verb)
        if on in (OnBoard.ASK, OnBoard.MANAGE):
            return await self._if_allowed(
                query, board, self._asks if on is OnBoard.ASK else self._leads
            )

        return [await self._joined(query, board, chat_id, is_public=is_public, on=on)]

    async def _joined(
        self, query: CallbackQuery, board: Board, chat_id: int, *, is_public: bool, on: OnBoard
    ) -> Reply:
        """In or not: written as it was pressed, and whoever pressed waits for no name."""
        person, is_known = query.from_user, board.knows(query.from_user.id)
        by = messages.presser(person, Naming.NAME if is_known else Naming.SOMEONE)
        joined = await self._actions.join(
            board.handle, chat_id, by, is_in=on is OnBoard.JOIN, press=query.id
        )
        answer = Answer(query.id, person.id, texts.joining(joined))
        if is_known or joined is not Joining.IN:
            return answer

        name = partial(self._actions.name_in, board.handle, chat_id)
        return _named_later(person, chat_id, name, is_public=is_public, meanwhile=answer)

    async def _seated(
        self,
        query: CallbackQuery,
        handle: str,
        chat_id: int,
        number: int | None,
        *,
        is_public: bool,
    ) -> Reply:
        """A seat, and the link to the private chat: whoever pressed waits for no name."""
        person = query.from_user
        by = messages.presser(person, Naming.SOMEONE)
        try:
            came_of_it, token, is_named = await self._actions.sit(
                handle, chat_id, by, number, press=query.id
            )
        except Refused as refused:
            await self._actions.of_button(handle, chat_id, number)  # a copy is kept true anyway
            return Answer(query.id, by.id, texts.why(refused), alert=True)
        if came_of_it is not Sitting.SEATED:
            return Answer(query.id, by.id, texts.sitting(came_of_it), alert=True)
        answer = Answer(query.id, by.id, "", url=self._link(token))
        if is_named:
            return answer

        self._named.note(token)
        name = partial(self._actions.name, token, chat_id)
        return _named_later(person, chat_id, name, is_public=is_public, meanwhile=answer)

    def _link(self, token: str) -> str:
        return f"https://t.me/{self._telegram_bot.username}?start={token}"

    async def _if_allowed(
        self,
        query: CallbackQuery,
        board: Board,
        act: Callable[[CallbackQuery, Board, Asker], Awaitable[Sequence[Reply]]],
    ) -> Sequence[Reply]:
        """Those who manage a board: who asked, the group's admins, the bot's owners."""
        by = messages.presser(query.from_user)

        async def then() -> Sequence[Reply]:
            return await act(query, board, by)

        no = Answer(query.id, by.id, texts.NOT_ALLOWED, alert=True)
        unknown = Answer(query.id, by.id, texts.TRY_AGAIN, alert=True)
        return await self._targets.if_allowed(board, by, then, [no], [unknown])

    async def _asks(self, query: CallbackQuery, board: Board, by: Asker) -> Sequence[Reply]:
        """Ask now: everybody who is in has a part."""
        try:
            said = texts.fixing(await self._actions.fix(board.id))
        except Refused as refused:
            said = texts.why(refused)
        return [Answer(query.id, by.id, said, alert=True)]

    async def _leads(self, query: CallbackQuery, board: Board, by: Asker) -> Sequence[Reply]:
        """Manage: the link to the private chat."""
        return [Answer(query.id, by.id, "", url=self._link(f"{MANAGE_LINK}{board.handle}"))]

    # in private

    async def start(self, message: Message) -> Sequence[Reply]:
        """/start <token>, of a link: the invoice of that seat, or how a board is managed.

        Anybody may come by a link. Who is not on the list hears something now and then, and after
        everybody else.
        """
        token, by = messages.after_command(message), messages.asker(message)
        if (late := await self._admission.late(message, by)) is not None:
            return late
        if token.startswith(MANAGE_LINK):
            return await self._manage(message, token.removeprefix(MANAGE_LINK))
        part = partial(self._actions.part, token, by, messages.place(message, self._places))
        if self._actions.has_just_asked(by.id):
            await asyncio.sleep(LINK_YIELDS_S)
        try:
            came_of_it, row = await part()
        except Refused as refused:
            say, is_heard = await self._hearing(message, by)
            return [say(texts.refusal(refused))] if is_heard else []
        said = await self._came_of_link(message, token, by, part, came_of_it, row)
        return [*said, *self._named_again(message, token, row)]

    def _named_again(self, message: Message, token: str, row: Invoice | None) -> Sequence[Reply]:
        """Their name, where nobody has said it, and the process may be gone that asked for it."""
        person = message.from_user
        if person is None or row is None or row.asker_id != person.id:
            return []
        if row.asker_name or row.hidden or token in self._named:
            return []
        self._named.note(token)
        chat_id = row.origin_chat_id
        name = partial(self._actions.name, token, chat_id)
        return [_named_later(person, chat_id, name, is_public=True)]

    async def _came_of_link(
        self,
        message: Message,
        token: str,
        by: Asker,
        part: Callable[..., Awaitable[tuple[Parting, Invoice | None]]],
        came_of_it: Parting,
        row: Invoice | None,
    ) -> Sequence[Reply]:
        """What is said to who follows the link of a seat; nothing where its card says all."""
        if came_of_it in (Parting.ASKED, Parting.AGAIN):
            return []
        is_there = came_of_it in (Parting.THERE, Parting.ASKING)
        if is_there and row is not None and self._actions.is_on_its_way(row):
            return []
        say, is_heard = await self._hearing(message, by)
        if came_of_it is Parting.CANCELLING and row is not None:  # theirs follows all the same
            text, more = self._follows(by, row, part, say)
            return [say(text), *more] if is_heard else more
        if not is_heard:
            return []
        if came_of_it is Parting.PAID_OWN:
            board = await self._actions.to_pay_for(token, by)
            keyboard = None if board is None else board_buttons.pay_for(board, token)
            text = texts.parting(came_of_it)
            if board is not None and keyboard is not None:
                text = f"{text}\n{texts.pay_for(board)}"
            return [say(text, keyboard=keyboard)]
        said = say(texts.parting(came_of_it))
        if not is_there:
            return [said]
        if row is None or row.card_id is None:
            return []
        return [replace(said, reply_to=row.card_id)]

    async def _hearing(self, message: Message, by: Asker) -> tuple[Callable[..., Say], bool]:
        """How who has followed a link is answered, and whether they are: strangers now and then."""
        is_stranger = not self._admission.may_ask(message, by)
        is_heard = not is_stranger or await self._admission.may_be_answered(by)
        return partial(reply, message, to_stranger=is_stranger), is_heard

    async def pressed_to_pay_for(self, query: CallbackQuery) -> Sequence[Reply]:
        """A press on somebody else's part."""
        by, wanted = messages.presser(query.from_user), board_buttons.read_pay_for(query.data or "")
        if wanted is None or query.message is None or query.message.chat.id != by.id:
            return [Answer(query.id, by.id, texts.parting(Parting.NOT_YOURS), alert=True)]
        token, number, whose = wanted
        part = partial(self._actions.part, token, by, Place(by.id), number, whose=whose)
        try:
            came_of_it, row = await part(press=query.id)
        except Refused as refused:
            return [Answer(query.id, by.id, texts.why(refused), alert=True)]
        if came_of_it is Parting.CANCELLING and row is not None:
            say = partial(Say, by.id, reply_to=query.message.message_id)
            text, more = self._follows(by, row, part, say)
            return [Answer(query.id, by.id, text, alert=True), *more]
        said = texts.parting(came_of_it)
        answer = Answer(query.id, by.id, said, alert=bool(said))
        is_out_of_date = came_of_it in (Parting.PAID, Parting.CLOSED, Parting.ANOTHERS)
        if not is_out_of_date or not board_buttons.is_list_of(query.message, token):
            return [answer]
        return [answer, await self._list_to_pay_for(query.message, token, by)]

    def _follows(
        self,
        by: Asker,
        before: Invoice,
        part: Callable[..., Awaitable[tuple[Parting, Invoice | None]]],
        say: Callable[[str], Say],
    ) -> tuple[str, list[Reply]]:
        """What is said while another's invoice is cancelled, and what brings theirs then: `part`
        once more, unless somebody was faster. In memory alone."""
        if hindrance := hindered(self._node, [before]):
            return hindrance, []
        if by.id in self._follow:
            return texts.parting(Parting.CANCELLING), []
        self._follow.add(by.id)

        async def ask() -> str:
            came_of_it = Parting.CANCELLING
            try:
                with suppress(StoreUnavailable):
                    if await self._actions.is_closed(before, within_s=FOLLOWS_WITHIN_S):
                        came_of_it, _ = await part(takes=False)
            finally:
                self._follow.discard(by.id)
            return "" if came_of_it is Parting.THERE else texts.parting(came_of_it)

        return texts.FOLLOWS, [AskNode(ask, say)]

    async def _list_to_pay_for(
        self, message: MaybeInaccessibleMessage, token: str, by: Asker
    ) -> Edit:
        """What is left of it: a button that does nothing more goes."""
        board = await self._actions.to_pay_for(token, by)
        text, keyboard = board_buttons.to_pay_for(board, token)
        return Edit(message.chat.id, message.message_id, text, keyboard)

    async def _manage(self, message: Message, handle: str) -> Sequence[Reply]:
        asker = messages.asker(message)
        say, is_heard = await self._hearing(message, asker)
        if not is_heard:
            return []
        board = await self._actions.by_handle(handle)
        if board is None:
            return [say(texts.sitting(Sitting.NOT_TRACKED))]

        async def then() -> Sequence[Reply]:
            text = texts.manage(board, at=self._admission.now())
            return [say(text, keyboard=board_buttons.manage(board))]

        no, unknown = say(texts.NOT_ALLOWED), say(texts.TRY_AGAIN)
        return await self._targets.if_allowed(board, asker, then, [no], [unknown])

    async def pressed_to_manage(self, query: CallbackQuery) -> Sequence[Reply]:
        """A press on a button of how a board is managed."""
        press = board_buttons.read_manage(query.data or "")
        board = None if press is None else await self._actions.by_handle(press.handle)
        if press is None or board is None:
            said = texts.sitting(Sitting.NOT_TRACKED)
            return [Answer(query.id, query.from_user.id, said, alert=True)]

        async def act(query: CallbackQuery, board: Board, by: Asker) -> Sequence[Reply]:
            async def then(by: Asker) -> Sequence[Reply]:
                return await self._changed(query, board, by, press)

            if press.change is not Change.CLOSE or by.id == board.asker_id:
                return await then(by)
            unknown = [Answer(query.id, by.id, texts.TRY_AGAIN, alert=True)]
            return as_named(board.chat_id, query.from_user, then, unknown)

        return await self._if_allowed(query, board, act)

    async def _changed(
        self, query: CallbackQuery, board: Board, by: Asker, press: ManagePress
    ) -> Sequence[Reply]:
        """What came of it, and the panel as it is then."""
        change, said, hindrance = press.change, "", ""
        asked = change if change in ASKED_ABOUT and not press.number else None
        if change is not None and asked is None:
            number, whose = (press.number, press.whose) if change in OF_A_SEAT else (0, "")
            try:
                came_of_it = await self._actions.change(
                    board.id, change, number, by, press=query.id, whose=whose
                )
            except Refused as refused:
                return [Answer(query.id, by.id, texts.why(refused), alert=True)]
            said = texts.changing(change, came_of_it)
            board = await self._actions.by_handle(press.handle) or board
            seat = board.seat(number)
            if came_of_it is Changing.LATER and seat is not None:
                hindrance = hindered(self._node, seat.live)
                said = hindrance or said
            elif came_of_it is Changing.DONE and change is Change.CLOSE:
                hindrance = hindered(self._node, board.live)
                said = f"{said} {hindrance}".rstrip()
        answer = Answer(query.id, by.id, said, alert=bool(hindrance))
        # A client can name any message: only this board's own panel shows it.
        is_own = query.message is not None and query.message.chat.id == by.id
        if query.message is None or not is_own or not is_panel_of(query.message, press.handle):
            return [answer]
        show = partial(Edit, query.message.chat.id, query.message.message_id)
        panel = show(
            texts.manage(board, asked, at=self._admission.now()), board_buttons.manage(board, asked)
        )
        is_awaited = change is Change.CLOSE and board.state is BoardState.CLOSING
        more = [self._panel_at_end(board, press.handle, show)] if is_awaited else []
        return [answer, panel, *more]

    def _panel_at_end(self, board: Board, handle: str, show: Callable[..., Edit]) -> AskNode:
        """The panel once more, where the node has cancelled soon what was open. In memory alone."""

        async def ask() -> str:
            ended = None
            with suppress(StoreUnavailable):
                if await self._actions.is_ended(board, within_s=FOLLOWS_WITHIN_S):
                    ended = await self._actions.by_handle(handle)
            return "" if ended is None else texts.manage(ended, at=self._admission.now())

        keyboard = board_buttons.manage(replace(board, state=BoardState.CLOSED))
        return AskNode(ask, partial(show, keyboard=keyboard))


def _named_later(
    person: User,
    chat_id: int,
    name: Callable[[Asker], Awaitable[None]],
    *,
    is_public: bool,
    meanwhile: Answer | None = None,
) -> IfNamed:
    """`meanwhile` at once, and `name` once Telegram has said what everybody may read of them."""

    async def then(naming: Naming) -> Sequence[Reply]:
        await name(messages.presser(person, naming))
        return []

    return IfNamed(
        chat_id, person.id, is_public, then, unknown=[], is_awaited=False, meanwhile=meanwhile
    )


def _as_command(error: Refused, command: str) -> Refused:
    """With an example that is a whole command: an amount alone would be no answer."""
    if not isinstance(error, AmountRefused) or "example" not in error.values:
        return error
    return with_example(error, f"/{command} {error.values['example']}")


_Made = tuple[Splitting, Board | None]
