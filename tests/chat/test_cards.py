"""One invoice in its chat, over real HTTP: sent, edited, announced, recorded."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from bot import texts
from bot.access import Access
from bot.chat.cards import Cards
from bot.chat.chats import Say
from bot.config import AccessSettings, LimitsSettings
from bot.core.answers import Notified
from bot.core.failure import Failure
from bot.core.invoice import Audience, Face, Invoice, State
from bot.core.steps import AS_READ, Around
from bot.core.work import Do
from bot.demo.telegram import Message
from bot.errors import (
    ChatError,
    ChatForbidden,
    ChatRefused,
    MessageGone,
    NodeLocked,
    NodeNotAsked,
    NodeUnreachable,
)
from tests.chat.room import ALIAS, PAYMENT_REQUEST, WITHIN, Room, plain

AWAY = Around(unreachable=frozenset({Audience.CHAT}))


async def taken(room: Room, do: Do, row: Invoice, around: Around = AS_READ) -> ChatError:
    """The error that a step ends with."""
    with pytest.raises(ChatError) as caught:
        await room.cards.do(do, row, around, NodeNotAsked())
    return caught.value


async def card_in(room: Room) -> tuple[Invoice, Message]:
    """An open card in the group."""
    return await room.open_card(room.group, room.anna, "/invoice 2100 pizza")


async def paid(room: Room, row: Invoice) -> Invoice:
    """The node says so."""
    return await room.change(
        row, state=State.SETTLED, paid_msat=2_100_000, settled_at=1_800_000_000
    )


def buttons(message: Message) -> list[str]:
    rows = (message.reply_markup or {}).get("inline_keyboard", [])
    return [button["text"] for row in rows for button in row]


# sending and editing


async def test_an_open_card_is_a_code_with_its_text_and_a_button(room: Room) -> None:
    row, card = await card_in(room)
    assert (row.card_id, row.card_is_text, row.payment_request_separate) == (card.id, False, False)
    assert card.photo is not None
    assert card.text == plain(texts.card(row, Face.OPEN, ALIAS).html)
    assert card.reply_to is room.telegram.message(room.group, row.origin_message_id)
    assert buttons(card) == [texts.CANCEL_BUTTON]


async def test_a_question_makes_the_next_message_a_reply_to_it(room: Room) -> None:
    row = await room.row(await room.say(room.group, room.anna, "/invoice"))
    row = await room.take(Do.SEND_CARD, row)
    card = room.telegram.messages(room.group)[-1]
    assert (row.card_id, row.card_shown, row.card_is_text) == (card.id, Face.QUESTION, True)
    assert card.text == plain(texts.question(row))
    assert (card.reply_markup or {}).get("force_reply")


async def test_a_waiting_notice_says_why_and_becomes_the_card(room: Room) -> None:
    row = await room.row(await room.say(room.group, room.anna, "/invoice 2100"))
    around = Around(patience_s=120.0)
    shown = await room.cards.do(Do.SEND_WAITING_NOTICE, row, around, NodeLocked())
    notice = room.telegram.messages(room.group)[-1]
    assert notice.text == plain(texts.waiting_notice(NodeLocked(), 120.0))
    assert shown.columns == {
        "card_id": notice.id,
        "card_shown": Face.WAITING,
        "card_is_text": True,
        "failure": Failure.of(NodeLocked()),
    }
    row = await room.change(row, **shown.columns)
    shown = await room.cards.do(Do.EDIT_CARD, row, around, NodeUnreachable())
    assert notice.text == plain(texts.still_waiting(NodeUnreachable()))
    assert shown.columns == {"failure": Failure.of(NodeUnreachable())}
    row = await room.change(
        row,
        **shown.columns,
        state=State.OPEN,
        payment_request=PAYMENT_REQUEST,
        expires_at=1_900_000_000,
    )
    row = await room.take(Do.EDIT_CARD, row)
    assert (row.card_shown, row.card_is_text) == (Face.OPEN, False)
    assert notice.photo is not None


@pytest.mark.parametrize("request_", ["lnbcrt1" + "q" * 4400, "lnbcrt1_"], ids=["long", "letter"])
async def test_a_request_that_no_code_holds_is_refused_like_a_photo(
    room: Room, request_: str
) -> None:
    row = await room.row(await room.say(room.group, room.anna, "/invoice 2100"))
    row = await room.change(
        row, state=State.OPEN, payment_request=request_, expires_at=1_900_000_000
    )
    before = len(room.telegram.messages(room.group))
    assert isinstance(await taken(room, Do.SEND_CARD, row), ChatRefused)
    assert len(room.telegram.messages(room.group)) == before


async def test_a_text_only_card_has_no_picture(room: Room) -> None:
    row, _ = await card_in(room)
    row = await room.take(Do.SEND_CARD, await room.change(row, text_only=True))
    card = room.telegram.messages(room.group)[-1]
    assert (row.card_id, row.card_is_text, card.photo) == (card.id, True, None)
    assert card.text == plain(texts.card(row, Face.OPEN, ALIAS, has_code=False).html)


async def test_what_is_sent_again_says_so(room: Room) -> None:
    row, _ = await card_in(room)
    row = await room.change(row, unsure=frozenset({Do.SEND_CARD}))
    await room.take(Do.SEND_CARD, row)
    again = texts.card(row, Face.OPEN, ALIAS, may_be_duplicate=True).html
    assert (
        room.ours(room.group)[-1] == plain(again) != plain(texts.card(row, Face.OPEN, ALIAS).html)
    )


async def test_a_long_payment_request_has_a_message_of_its_own(room: Room) -> None:
    row, _ = await card_in(room)
    row = await room.change(row, payment_request="lnbc21u1p" + "q" * 1500)
    row = await room.take(Do.SEND_CARD, row)
    assert row.payment_request_separate
    row = await room.take(Do.SEND_PAYMENT_REQUEST, row)
    message = room.telegram.messages(room.group)[-1]
    assert (row.payment_request_id, row.payment_request_shown) == (message.id, Face.OPEN)
    assert message.text == row.payment_request
    row = await room.take(Do.EDIT_PAYMENT_REQUEST, await paid(room, row))
    assert row.payment_request_shown is Face.PAID
    assert message.text == plain(texts.payment_request(row, Face.PAID))


async def test_a_copy_is_made_true_as_well(room: Room) -> None:
    row, copy = await card_in(room)
    row = await room.take(Do.SEND_CARD, row)
    row = await room.change(row, duplicates={copy.id: Face.OPEN}, state=State.CANCELLED)
    row = await room.take(Do.EDIT_CARD, row)
    row = await room.take(Do.EDIT_DUPLICATE, row)
    assert row.duplicates == {copy.id: Face.CANCELLED}
    assert room.ours(room.group) == [plain(texts.card(row, Face.CANCELLED, ALIAS).html)] * 2
    assert buttons(copy) == [texts.RENEW_BUTTON]


async def uploads(room: Room) -> list[bool]:
    """A card becomes paid: of each call whether it has the picture's bytes."""
    row, _ = await card_in(room)
    before = len(room.telegram.calls)
    row = await paid(room, row)
    with contextlib.suppress(ChatError):
        row = await room.take(Do.EDIT_CARD, row)
    calls = list(room.telegram.calls)[before:]
    edits = [call for call in calls if call.method == "editMessageMedia"]
    return [any(isinstance(each, bytes) for each in call.params.values()) for call in edits]


async def test_a_closed_picture_is_uploaded_once(room: Room) -> None:
    assert [await uploads(room) for _ in range(3)] == [[True], [False], [False]]


async def test_a_picture_that_telegram_lost_is_uploaded_again(room: Room) -> None:
    lost = "Bad Request: wrong file identifier/HTTP URL specified"
    assert await uploads(room) == [True]
    room.telegram.fail("editMessageMedia", status=400, description=lost)
    assert await uploads(room) == [False, True]
    assert await uploads(room) == [False]
    room.telegram.fail("editMessageMedia", status=400, description=lost)
    room.telegram.fail("editMessageMedia", status=500)
    assert await uploads(room) == [False, True]  # which may not have arrived
    assert await uploads(room) == [True]


async def test_the_same_picture_stays_where_only_the_text_changes(room: Room) -> None:
    row, card = await card_in(room)
    row = await room.take(Do.EDIT_CARD, await room.change(row, state=State.EXPIRED))
    photo = card.photo
    row = await room.take(Do.EDIT_CARD, await room.change(row, replaced=True))
    assert (row.card_shown, card.photo) == (Face.EXPIRED_REPLACED, photo)
    assert room.telegram.calls[-1].method == "editMessageCaption"
    assert buttons(card) == []


async def test_an_edit_that_is_refused_is_made_another_way(room: Room) -> None:
    row, card = await card_in(room)
    refused = "Bad Request: not enough rights to send photos to the chat"
    room.telegram.fail("editMessageMedia", status=400, description=refused)
    row = await room.take(Do.EDIT_CARD, await paid(room, row))
    assert (row.card_shown, row.card_is_text) == (Face.PAID, False)
    assert card.text == plain(texts.card(row, Face.PAID, ALIAS).html)


async def test_a_message_that_cannot_be_made_true_is_removed(room: Room) -> None:
    row, card = await card_in(room)
    for method in ("editMessageMedia", "editMessageCaption", "editMessageText"):
        room.telegram.fail(method, status=400, description="Bad Request: something new")
    assert type(await taken(room, Do.EDIT_CARD, await paid(room, row))) is MessageGone
    assert card.deleted


async def test_where_it_cannot_be_removed_either_the_refusal_is_told(room: Room) -> None:
    row, card = await card_in(room)
    for method in ("editMessageMedia", "editMessageCaption", "editMessageText", "deleteMessage"):
        text = "too old" if method == "deleteMessage" else f"{method} refused"
        room.telegram.fail(method, status=400, description=f"Bad Request: {text}")
    error = await taken(room, Do.EDIT_CARD, await paid(room, row))
    assert type(error) is ChatRefused
    assert "editmessagemedia" in error.detail.lower()
    assert not card.deleted


async def test_a_card_that_somebody_removed_is_gone(room: Room) -> None:
    row, card = await card_in(room)
    room.telegram.delete_message(room.group, card.id)
    assert type(await taken(room, Do.EDIT_CARD, await paid(room, row))) is MessageGone


async def test_what_is_no_step_in_a_chat_is_a_bug(room: Room) -> None:
    row, _ = await card_in(room)
    with pytest.raises(ValueError, match="add"):
        await room.cards.do(Do.ADD, row, AS_READ, NodeNotAsked())


# announcing


async def test_a_payment_is_announced_in_its_chat(room: Room) -> None:
    row, _ = await card_in(room)
    row = await room.take(Do.ANNOUNCE, await paid(room, row))
    assert row.announced
    assert room.ours(room.group)[-1] == plain(texts.announcement(row, payee=ALIAS))


async def test_of_an_unreachable_group_the_asker_hears_in_private(room: Room) -> None:
    chat = room.private(room.anna)
    await room.say(chat, room.anna, "/help")
    row, _ = await card_in(room)
    before = len(room.ours(room.group))
    row = await room.take(Do.ANNOUNCE, await paid(room, row), AWAY)
    assert row.announced
    assert room.ours(chat)[-1] == plain(texts.announcement(row, Audience.ASKER, ALIAS))
    assert len(room.ours(room.group)) == before


async def test_of_an_unreachable_private_chat_the_owners_hear(room: Room) -> None:
    olgas = room.private(room.owner)
    await room.say(olgas, room.owner, "/help")
    row, _ = await room.open_card(room.private(room.anna), room.anna, "/invoice 2100")
    row = await room.take(Do.ANNOUNCE, await paid(room, row), AWAY)
    assert room.ours(olgas)[-1] == plain(texts.announcement(row, Audience.OWNERS, ALIAS))


async def test_what_is_announced_elsewhere_stays_there_when_the_chat_is_back(room: Room) -> None:
    olgas = room.private(room.owner)
    await room.say(olgas, room.owner, "/help")
    row, _ = await card_in(room)
    row = await room.change(await paid(room, row), announce_to=Audience.OWNERS)
    await room.take(Do.ANNOUNCE, row)
    assert room.ours(olgas)[-1] == plain(texts.announcement(row, Audience.OWNERS, ALIAS))


async def test_one_owner_who_hears_is_enough_and_the_others_are_notified_as_owners(
    room: Room,
) -> None:
    first, second = room.private(room.owner), room.private(room.bert)
    for chat, person in ((first, room.owner), (second, room.bert)):
        await room.say(chat, person, "/help")
    cards = room.cards_for(room.owner, room.bert)
    row, _ = await card_in(room)
    row = await room.change(await paid(room, row), announce_to=Audience.OWNERS)
    room.telegram.block(room.bert)
    shown = await cards.do(Do.ANNOUNCE, row, AS_READ, NodeNotAsked())
    assert shown.columns == {"announced": True, "notified": {room.owner.id: True}}
    said = plain(texts.announcement(row, Audience.OWNERS, ALIAS))
    assert room.ours(first).count(said) == 1
    room.telegram.unblock(room.bert)
    came = await cards.notify(row, [room.bert.id])
    assert came.read == {room.bert.id}
    assert room.ours(second)[-1] == plain(texts.payment_notice(row, room.bert.id))


@pytest.mark.parametrize("answer", ["half", 502])
async def test_an_owner_whose_chat_has_trouble_keeps_it_from_no_other(
    room: Room, answer: str | int
) -> None:
    first, second = room.private(room.owner), room.private(room.bert)
    for chat, person in ((first, room.owner), (second, room.bert)):
        await room.say(chat, person, "/help")
    cards = room.cards_for(room.owner, room.bert)
    row, _ = await card_in(room)
    row = await room.change(await paid(room, row), announce_to=Audience.OWNERS)
    if isinstance(answer, int):
        room.telegram.fail("sendMessage", chat_id=first.id, status=answer)
    else:
        room.telegram.garble("sendMessage", '{"ok":', acted=True, chat_id=first.id)
    shown = await cards.do(Do.ANNOUNCE, row, AS_READ, NodeNotAsked())
    # the first one may have read it: a notice says so
    assert shown.columns["notified"] == {room.owner.id: False, room.bert.id: True}
    said = plain(texts.announcement(row, Audience.OWNERS, ALIAS))
    assert room.ours(second).count(said) == 1


async def test_where_nobody_can_be_reached_that_is_forbidden(room: Room) -> None:
    row, _ = await card_in(room)
    row = await room.change(await paid(room, row), announce_to=Audience.OWNERS)
    assert type(await taken(room, Do.ANNOUNCE, row)) is ChatForbidden  # they never wrote to it
    cards = room.cards_for(room.owner, room.bert)
    room.telegram.fail("sendMessage", chat_id=room.private(room.owner).id, times=None, status=400)
    with pytest.raises(ChatForbidden):  # the other one may come back
        await cards.do(Do.ANNOUNCE, row, AS_READ, NodeNotAsked())
    with pytest.raises(ChatForbidden):
        await room.cards_for().do(Do.ANNOUNCE, row, AS_READ, NodeNotAsked())


async def test_who_is_no_owner_by_the_time_a_payment_goes_out_does_not_read_of_it(
    room: Room,
) -> None:
    hers = room.private(room.bert)
    await room.say(hers, room.bert, "/help")
    await room.said(hers)
    listed = AccessSettings(owners=frozenset({room.owner.id, room.bert.id}))
    access = Access(listed, LimitsSettings())
    cards = Cards(room.chats, room.store, access=access, payee=lambda _: ALIAS, within=WITHIN)
    row, _ = await card_in(room)
    row = await paid(room, row)
    stall = room.telegram.stall("sendMessage", chat_id=hers.id)
    room.chats.say(Say(hers.id, "first"))
    await stall.reached()
    coming = asyncio.ensure_future(cards.notify(row, [room.bert.id]))
    await asyncio.sleep(0)
    access.reload(AccessSettings(owners=frozenset({room.owner.id})), LimitsSettings())
    stall.release()
    came = await coming
    assert came == Notified(*[frozenset[int]()] * 4)  # and they are asked about no more
    assert room.ours(hers)[1:] == ["first"]


async def test_who_asked_for_a_bill_reads_of_its_payments_whoever_owns_the_bot(room: Room) -> None:
    hers = room.private(room.bert)
    await room.say(hers, room.bert, "/help")
    row, _ = await card_in(room)
    row = await room.change(await paid(room, row), requester_id=room.bert.id)
    came = await room.cards_for().notify(row, [room.bert.id])
    assert came.read == {room.bert.id}
