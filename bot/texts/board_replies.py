"""What is said to one person about a board: answers to presses, to links, and how it is managed.

Answers to presses are plain text, everything else is Telegram HTML.
"""

from __future__ import annotations

from collections.abc import Mapping

from bot.core.amounts import format_sats
from bot.core.board import Board, Seat
from bot.core.split import MAX_SEATS
from bot.core.text import MAX_TEXT, clean_name, length
from bot.core.wishes import (
    Change,
    Changing,
    Closing,
    Fixing,
    Joining,
    Leaving,
    Parting,
    Sitting,
    Splitting,
)
from bot.texts.boards import (
    ASK_BUTTON,
    GIVE_BUTTON,
    JOIN_BUTTON,
    PAY_BUTTON,
    board,
    first_line,
    seat_lines,
)
from bot.texts.phrases import can_receive, long_memo, moment, name, short_memo

OTHERS_BUTTON = "Pay for someone else"
ANY_BUTTON = "Let my wallet decide"
HIDE_BUTTON, SHOW_BUTTON = "Hide my name", "Show my name"
BACK_BUTTON = "Back"
CLOSE_BUTTON = "Close it"
NOBODY_ELSE = "No other part is left to pay."
GIFT_CLOSED = f"This question is closed. To give, press {GIVE_BUTTON} in the group."
GIFT_CHOSEN = "You have already chosen an amount."
SPLIT_IN_GROUPS = "Bills are split in groups. Write /split there."
COLLECT_IN_GROUPS = "Collections are made in groups. Write /collect there."
#: Labels of what can be done with a board.
CHANGES: Mapping[Change, str] = {
    Change.FREE: "Free a part",
    Change.SETTLE: "Settled otherwise",
    Change.UNSETTLE: "Not settled",
    Change.ADD: "Add a part",
    Change.REMIND: "Remind",
    Change.MOVE: "Move to the end",
    Change.CLOSE: "Close",
}

_NOT_TRACKED = "I no longer track this."
_ALREADY_DONE = "I have already done that."
FOLLOWS = (
    "I'm cancelling the invoice that was open for this part. Yours follows. "
    "If it doesn't, please press again."
)
_CLOSED = "This is closed. Nothing more can be paid."
_CHOOSE: Mapping[Change, str] = {
    Change.FREE: "Whose part should become free?",
    Change.SETTLE: "Whose part was paid another way?",
    Change.UNSETTLE: "Which part still has to be paid with sats?",
    Change.CLOSE: "Close it? Open invoices are cancelled, and nothing more can be paid.",
}
_CHANGED: Mapping[Change, str] = {
    Change.FREE: "The part is free.",
    Change.SETTLE: "The part counts as settled.",
    Change.UNSETTLE: "The part has to be paid again.",
    Change.ADD: "There is one more part.",
    Change.REMIND: "I'm reminding everyone who has not paid.",
    Change.MOVE: "I'm moving it to the end of the chat.",
    Change.CLOSE: "I'm closing it.",
}


def splitting(came_of_it: Splitting) -> str:
    """What is said back to /split and /collect; "" where the board says it."""
    return {
        Splitting.TOO_MANY_OPEN: (
            "This chat has too many open splits and collections. Close one of them first."
        ),
        Splitting.TOO_MANY_OWN: (
            "You have too many open splits and collections here. Close one of them first."
        ),
        Splitting.TOO_OFTEN: (
            "You have made too many splits and collections. Please try again in 10 minutes."
        ),
    }.get(came_of_it, "")


def too_little_inbound(receivable_msat: int) -> str:
    """Said at once where a sum is more than the node can receive."""
    able = can_receive(receivable_msat)
    return f"⚠️ The node {able} now. That is less than the sum: some payments will probably fail."


def sitting(came_of_it: Sitting) -> str:
    """What a press on "Pay my part" or "Give" is answered with, where no link is."""
    return {
        Sitting.SEATED: "To pay, open the chat with me.",
        Sitting.AGAIN: _ALREADY_DONE,
        Sitting.FULL: (
            "Every part already belongs to someone. The person who asked can add one or free one."
        ),
        Sitting.JOINING: f"Nobody is asked to pay yet. Press {JOIN_BUTTON} to take part.",
        Sitting.CLOSED: _CLOSED,
        Sitting.NOT_TRACKED: _NOT_TRACKED,
    }[came_of_it]


def joining(came_of_it: Joining) -> str:
    """What a press on "I'm in" or "Not me" on a board is answered with."""
    return {
        Joining.IN: f"You're in. Once {ASK_BUTTON} has been pressed, you can pay your part.",
        Joining.OUT: "All right, without you.",
        Joining.FULL: "There is no room for another person.",
        Joining.OVER: "The number of people is already fixed.",
        Joining.CLOSED: _CLOSED,
        Joining.NOT_TRACKED: _NOT_TRACKED,
    }[came_of_it]


def fixing(came_of_it: Fixing) -> str:
    """What a press on "Ask now" is answered with."""
    return {
        Fixing.FIXED: f"Everyone who is in can press {PAY_BUTTON} now.",
        Fixing.TOO_FEW: f"At least two people have to be in. They press {JOIN_BUTTON}.",
        Fixing.ALREADY_FIXED: "The number of people is already fixed.",
        Fixing.CLOSED: _CLOSED,
    }[came_of_it]


def leaving(came_of_it: Leaving) -> str:
    """What a press on "Not me" on a private card is answered with."""
    return {
        Leaving.LEAVING: "All right. Your part is free once the node has cancelled its invoice.",
        Leaving.PAID: "It has already been paid.",
        Leaving.NOT_TRACKED: _NOT_TRACKED,
    }[came_of_it]


def closing(came_of_it: Closing) -> str:
    """What /cancel as a reply to a board is answered with; "" where the board says it."""
    return "This is already closed." if came_of_it is Closing.ALREADY_CLOSED else ""


def parting(came_of_it: Parting) -> str:
    """What a link to a part is answered with, where its card says nothing."""
    return {
        Parting.ASKED: "",
        Parting.AGAIN: "",
        Parting.THERE: "This is your invoice.",
        Parting.ASKING: "Choose here how much you give.",
        Parting.PAID: "There is nothing left to pay for this part.",
        Parting.PAID_OWN: "There is nothing left to pay for your part.",
        Parting.GIVEN: f"This gift is paid. To give again, press {GIVE_BUTTON} in the group.",
        Parting.CLOSED: _CLOSED,
        Parting.NOT_YOURS: (
            "This link is for somebody else, or no longer valid. "
            f"Press {PAY_BUTTON} or {GIVE_BUTTON} in the group."
        ),
        Parting.CANCELLING: (
            "I'm still cancelling the invoice that was open for this part. "
            "Please try again in a moment."
        ),
        Parting.ANOTHERS: "This part is somebody else's by now. Nothing has changed. Choose again.",
        Parting.ONE_AT_A_TIME: (
            "This part has an open invoice, and so had the one that you chose before. "
            "Pay that part first, then choose the next one."
        ),
        Parting.ONCE: (
            "I have cancelled somebody else's invoice for this part once for you. "
            "Please try again in half an hour."
        ),
        Parting.FASTER: "Somebody else was faster: the invoice for this part is theirs now.",
        Parting.TOO_MANY: "You have asked for too many invoices. Please try again in an hour.",
    }[came_of_it]


def pay_for(shown: Board) -> str:
    """Asks whose part of this bill somebody wants to pay: they may have seats of several."""
    where = f" in {group}" if (group := name(shown.chat_title)) else ""
    which = f"Split of {format_sats(shown.sum_msat)}{where}{short_memo(shown.memo)}"
    is_left = any(shown.unpaid)
    asks = "Whose part do you want to pay?" if is_left else "There is no part left to pay."
    return "\n".join([which, *long_memo(shown.memo), asks])


def part_label(seat: Seat) -> str:
    """A part on a button; plain text."""
    return f"{_plain(seat)}: {format_sats(seat.amount_msat)}"


def gift_label(amount_msat: int) -> str:
    """A gift on a button; plain text."""
    return format_sats(amount_msat) if amount_msat else ANY_BUTTON


def hidden(is_hidden: bool) -> str:
    """What a press on "Hide my name" or "Show my name" is answered with."""
    return "Your name will not be shown." if is_hidden else "Your name will be shown."


def manage(shown: Board, asked: Change | None = None, *, at: float) -> str:
    """What those who manage a board read in private, and what they are `asked`.

    It is changed by no more than their presses, so it says that it is of `at`, in Unix seconds.
    """
    question = "" if asked is None else _CHOOSE.get(asked, "")
    as_of = f"As of {moment(int(at), 'Dt')}. The message in the group stays up to date."
    if not (shown.is_split or question):
        whole = board(shown, None)
        dated = f"{whole}\n{as_of}"
        return dated if length(dated) <= MAX_TEXT else whole
    first = first_line(shown) + short_memo(shown.memo)
    room = MAX_TEXT - length(f"{first}\n{as_of}\n{question}") - 1
    parts = seat_lines(shown, room) if shown.is_split else []
    return "\n".join(filter(None, [first, *parts, as_of, question]))


def changing(change: Change, came_of_it: Changing) -> str:
    """What a press of somebody who manages a board is answered with."""
    if came_of_it is Changing.DONE:
        return _CHANGED[change]
    if came_of_it is Changing.TOO_SOON:
        every = "an hour" if change is Change.REMIND else "a minute"
        return f"That is possible once {every}. Please try again later."
    return {
        Changing.AGAIN: _ALREADY_DONE,
        Changing.ANOTHERS: "Somebody else has this part by now. Nothing has changed.",
        Changing.LATER: "I'm asking the node to cancel the open invoice first.",
        Changing.PAID: "This part has already been paid.",
        Changing.NOTHING: "There is nothing to do.",
        Changing.FULL: f"A bill can have {MAX_SEATS} parts at most.",
        Changing.CLOSED: _CLOSED,
        Changing.NOT_TRACKED: _NOT_TRACKED,
    }[came_of_it]


def _plain(seat: Seat) -> str:
    if seat.hidden:
        return "an admin"
    return clean_name(seat.public_name) or ("someone" if seat.person_id else "free")
