"""What came of what people want, as enums. Knows no chat and no prose.

Whatever has limits raises one of `bot.errors.Refused` instead; the sentences are in `bot.texts`.
"""

from __future__ import annotations

from enum import StrEnum


class Asked(StrEnum):
    """What came of asking for an invoice."""

    WAITING = "waiting"  # the row is written, the node is asked next
    QUESTION = "question"  # the row is written, the card asks for the amount
    AGAIN = "again"  # delivered again: its row is being worked on
    TOO_LATE = "too late"  # older than ten minutes as it came: nothing was done


class Answered(StrEnum):
    """What came of a text that may answer the question "How many sats?"."""

    TAKEN = "taken"  # the question's row has its amount, the node is asked next
    AGAIN = "again"  # delivered again: its row is being worked on
    NO_QUESTION = "no question"  # nothing is asked of this person here
    EXPIRED = "expired"  # it replies to a question of this person that has expired
    CLOSED = "closed"  # the same of one that was cancelled, or that another command has replaced
    GIFT_CLOSED = "gift closed"  # the same of one how much is given, for whatever reason
    OTHER_CARD = "other card"  # it replies to something else than the question
    TOO_LATE = "too late"  # older than ten minutes as it came: nothing was done


class Cancelling(StrEnum):
    """What came of asking to cancel."""

    CANCELLING = "cancelling"  # the node is asked next
    NOT_TRACKED = "not tracked"  # no row has this payment hash
    ALREADY_PAID = "already paid"
    NOT_ASKED = "not asked"  # it was still a question, which is dropped
    ALREADY_CLOSED = "already closed"
    UNCONFIRMED = "unconfirmed"  # it has expired; whether it was paid the node has to say
    NODE_AWAY = "node away"  # it is cancelled once its own node is connected again
    NOT_CONFIRMED = "not confirmed"  # it is cancelled once the node has confirmed it


class Renewing(StrEnum):
    """What came of asking for a closed invoice once more."""

    RENEWING = "renewing"  # the row is written, the node is asked next
    NOT_TRACKED = "not tracked"  # no row has this payment hash
    ALREADY_PAID = "already paid"
    STILL_OPEN = "still open"
    IN_VAIN = "in vain"  # the node or Telegram rejected it, and would again
    ALREADY_RENEWED = "already renewed"
    NOT_ALLOWED = "not allowed"
    PART_GONE = "part gone"  # its seat is another one's, paid, or its board is closed
    TOO_MANY = "too many"  # invoices for parts of a board in an hour
    REFUSED = "refused"  # the amount or a limit; the error says which


class OutputProblem(StrEnum):
    """Why the command line cannot write its output: the `problem` of `OutputRefused`."""

    IS_OURS = "is the bot's own"  # path
    IS_FOLDER = "is a folder"  # path
    NOT_A_FILE = "not a file"  # path: a link, a pipe, a device
    EXISTS = "exists"  # path
    FOLDER_MISSING = "folder missing"  # path: the folder
    FOLDER_READ_ONLY = "folder read-only"  # path: the folder
    NOT_WRITTEN = "not written"  # path, reason
    TWO_OUTPUTS = "two outputs"  # a picture and JSON, both to standard output
    IS_TERMINAL = "is a terminal"  # where a picture would go
    NO_CODE = "no code"  # the payment request fits into none
    CLOSED = "closed"  # standard output is
    LOST = "lost"  # reason
    NOT_PRINTED = "not printed"  # reason, payment_request: the node has the invoice


class BackupProblem(StrEnum):
    """Why a backup cannot be written: the `problem` of `BackupRefused`.

    What any output can meet has the value that it has in `OutputProblem`.
    """

    IS_DATABASE = "is the database"  # path: it, or a file that belongs to it
    IS_OURS = "is the bot's own"  # path
    EXISTS = "exists"  # path
    IS_FOLDER = "is a folder"  # path
    NOT_A_FILE = "not a file"  # path: a link, a pipe, a device
    FOLDER_MISSING = "folder missing"  # path: the folder
    FOLDER_READ_ONLY = "folder read-only"  # path: the folder
    NOT_WRITTEN = "not written"  # path, reason
    NOT_WHOLE = "not whole"  # path, reason: what SQLite finds wrong with it


class MoveProblem(StrEnum):
    """Why a database cannot be moved: the `problem` of `MoveRefused`."""

    NO_ADDRESS = "no address"  # argument: which of the two
    NOT_BARE = "not bare"  # argument: its password, which anybody could read there
    SAME = "same"
    MISSING = "missing"  # path: of the source
    EMPTY = "empty"  # path: of the source, which has tables and no row
    HOLDS_SOMETHING = "holds something"  # path: of the target
    COUNTS_DIFFER = "counts differ"  # table
    STOPPED = "stopped"  # path: of the one that failed, reason
    INTERRUPTED = "interrupted"  # by a signal
    UNKNOWN = "unknown"  # path: of the target; reason: all of it is there, or nothing
    LOCK_LOST = "lock lost"  # path: of the source; everything was moved all the same


class Splitting(StrEnum):
    """What came of asking for a board."""

    MADE = "made"
    AGAIN = "again"  # delivered again
    TOO_LATE = "too late"
    TOO_MANY_OPEN = "too many open"  # in this chat
    TOO_MANY_OWN = "too many own"  # of this person's, likewise
    TOO_OFTEN = "too often"  # this person


class Sitting(StrEnum):
    """What came of a press on "Pay my part" or "Give"."""

    SEATED = "seated"  # the link to the private chat has a token
    AGAIN = "again"  # delivered again, and its seat was left since
    FULL = "full"
    JOINING = "joining"  # nobody is asked for money yet
    CLOSED = "closed"
    NOT_TRACKED = "not tracked"


class Joining(StrEnum):
    """What came of "I'm in" and "Not me", before anybody is asked for money."""

    IN = "in"
    OUT = "out"
    FULL = "full"
    OVER = "over"  # the number of people is fixed
    CLOSED = "closed"
    NOT_TRACKED = "not tracked"


class Fixing(StrEnum):
    """What came of "Ask now"."""

    FIXED = "fixed"  # everybody who is in can pay
    TOO_FEW = "too few"
    ALREADY_FIXED = "already fixed"
    CLOSED = "closed"


class Parting(StrEnum):
    """What came of a link to a part."""

    ASKED = "asked"  # the row is written, the node or the giver is asked next
    THERE = "there"  # its card is in the chat already
    ASKING = "asking"  # so is the question how much is given
    AGAIN = "again"  # delivered again: its row is being worked on
    PAID = "paid"
    PAID_OWN = "paid own"  # so is somebody's own part: they may pay for others
    GIVEN = "given"  # the gift of this link is paid
    CLOSED = "closed"
    NOT_YOURS = "not yours"  # somebody else's, or of no seat
    CANCELLING = "cancelling"  # its invoice before has to be closed first
    ANOTHERS = "another's"  # the seat is another one's than the button says
    TOO_MANY = "too many"  # invoices in an hour
    ONE_AT_A_TIME = "one at a time"  # another one's, of which the invoice has to be cancelled
    ONCE = "once"  # this one's was cancelled for them a short time ago, and is another one's again
    FASTER = "faster"  # somebody else has asked meanwhile


class Change(StrEnum):
    """What those who manage a board want of it."""

    FREE = "free"  # a seat
    SETTLE = "settle"  # a seat was paid otherwise
    UNSETTLE = "unsettle"  # it was not
    ADD = "add"  # a seat
    REMIND = "remind"
    MOVE = "move"  # its message to the bottom
    CLOSE = "close"


class Changing(StrEnum):
    """What came of that."""

    DONE = "done"
    LATER = "later"  # once the node has cancelled its invoice
    AGAIN = "again"  # delivered again
    ANOTHERS = "another's"  # somebody else has the seat by now
    PAID = "paid"  # the part is
    NOTHING = "nothing"  # to do
    TOO_SOON = "too soon"  # after the last time
    FULL = "full"
    CLOSED = "closed"
    NOT_TRACKED = "not tracked"


class Leaving(StrEnum):
    """What came of "Not me"."""

    LEAVING = "leaving"  # the seat is free once the node has cancelled its invoice
    PAID = "paid"
    NOT_TRACKED = "not tracked"


class Closing(StrEnum):
    """What came of asking to close a board."""

    CLOSING = "closing"
    ALREADY_CLOSED = "already closed"
