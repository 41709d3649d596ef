"""Messages that were refused, which an edit may correct for a while. Knows Telegram's dates.

Nothing of it is stored: what a new process does not know is not corrected.
"""

from __future__ import annotations

from telegram import Message

#: Seconds after a message was written in which an edit corrects it, by Telegram's own clock.
CORRECTED_WITHIN_S = 120.0
#: Messages that are remembered.
REMEMBERED = 1000


class Corrections:
    """Which messages made nothing because of what they said."""

    def __init__(self) -> None:
        # the keys of messages, in the order of coming
        self._refused: dict[tuple[int, int], None] = {}

    def note(self, message: Message, *, refused: bool) -> None:
        """Whether this message made nothing, for now."""
        self._refused.pop(_key(message), None)
        if refused:
            self._refused[_key(message)] = None
            if len(self._refused) > REMEMBERED:
                del self._refused[next(iter(self._refused))]

    def may_take(self, edited: Message) -> bool:
        """Whether an edit counts as what its writer had meant to write."""
        if _key(edited) not in self._refused or edited.edit_date is None:
            return False
        return (edited.edit_date - edited.date).total_seconds() <= CORRECTED_WITHIN_S


def _key(message: Message) -> tuple[int, int]:
    return message.chat.id, message.message_id
