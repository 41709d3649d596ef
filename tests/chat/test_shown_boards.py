"""One board in its chat, over real HTTP: sent, edited, moved down, announced, reminded of."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from bot.chat.boards import Boards
from bot.core.board import ANY_FACE, Board, BoardState, Sent
from bot.core.invoice import State
from bot.core.work import Do
from bot.demo.telegram import Message
from bot.errors import MessageGone
from tests.bills import board, free, taken
from tests.chat.room import ALIAS, Room


class Wall:
    """A group, and boards in it."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self._shows = Boards(room.chats, access=room.access, payee=lambda: ALIAS)

    def board(self, *seats: Any, **changes: Any) -> Board:
        """One of this group's."""
        own = {"chat_id": self.room.group.id, "reply_to": None, "asker_id": self.room.anna.id}
        return board(*seats, **{**own, **changes})

    async def do(self, do: Do, made: Board) -> tuple[Sent, list[Message]]:
        """Take a step; what it says of itself, and what stands in the group then."""
        sent = await self._shows.do(do, made)
        every = self.room.telegram.messages(self.room.group)
        return sent, [each for each in every if each.sender is self.room.bot_user]


@pytest.fixture
def wall(room: Room) -> Wall:
    return Wall(room)


def buttons(message: Message) -> int:
    rows = (message.reply_markup or {}).get("inline_keyboard", [])
    return len([*itertools.chain(*rows)])


async def test_a_new_board_has_buttons_and_says_its_number(wall: Wall) -> None:
    made = wall.board(is_shown=False)
    sent, (message,) = await wall.do(Do.SEND_CARD, made)
    assert sent == Sent(made.face, message.id)
    assert buttons(message) == 2


@pytest.mark.parametrize("do", [Do.EDIT_CARD, Do.EDIT_DUPLICATE])
async def test_its_message_and_each_copy_become_what_is(wall: Wall, do: Do) -> None:
    _, (first,) = await wall.do(Do.SEND_CARD, wall.board(is_shown=False))
    _, (first, second) = await wall.do(Do.SEND_CARD, wall.board(is_shown=False))
    before = second.text
    over = wall.board(taken(State.SETTLED, 1), free(2, otherwise=True), state=BoardState.CLOSED)
    known = {"card_id": first.id, "duplicates": {second.id: ANY_FACE}}
    made = wall.board(*over.seats, state=over.state, **known)
    sent, (first, second) = await wall.do(do, made)
    changed, other = (first, second) if do is Do.EDIT_CARD else (second, first)
    assert sent == Sent(made.face)
    assert (changed.text != before, other.text) == (True, before)
    assert (buttons(changed), buttons(other)) == (0, 2)


async def test_a_copy_that_somebody_removed_is_gone(wall: Wall) -> None:
    made = wall.board(card_id=77, duplicates={78: ANY_FACE})
    with pytest.raises(MessageGone):
        await wall.do(Do.EDIT_DUPLICATE, made)


async def test_what_is_announced_and_reminded_of_replies_to_the_board(wall: Wall) -> None:
    for do in (Do.ANNOUNCE, Do.REMIND):
        _, (*_, shown) = await wall.do(Do.SEND_CARD, wall.board(is_shown=False))
        _, (*_, said) = await wall.do(do, wall.board(card_id=shown.id))
        assert said.reply_to is shown
        assert buttons(said) == 0


async def test_the_message_before_is_removed_and_may_be_gone_already(wall: Wall) -> None:
    _, (old,) = await wall.do(Do.SEND_CARD, wall.board(is_shown=False))
    moved = wall.board(before_id=old.id)
    for _ in range(2):
        sent, left = await wall.do(Do.REMOVE_BEFORE, moved)
        assert (sent, left) == (Sent(moved.face), [])


async def test_a_message_before_that_is_too_old_to_be_removed_can_be_pressed_no_more(
    wall: Wall,
) -> None:
    _, (old,) = await wall.do(Do.SEND_CARD, wall.board(is_shown=False))
    before = old.text
    wall.room.clock.ahead_s += 49 * 3600
    _, (left,) = await wall.do(Do.REMOVE_BEFORE, wall.board(before_id=old.id))
    assert left.id == old.id
    assert left.text != before
    assert buttons(left) == 0


async def test_what_is_no_step_in_a_chat_is_refused(wall: Wall) -> None:
    in_a_chat = {
        *(Do.SEND_CARD, Do.EDIT_CARD, Do.EDIT_DUPLICATE),
        *(Do.REMOVE_BEFORE, Do.ANNOUNCE, Do.REMIND),
    }
    for do in set(Do) - in_a_chat:
        with pytest.raises(ValueError, match="not a step"):
            await wall.do(do, wall.board())
