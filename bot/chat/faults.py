"""What people hear where handling their update failed for a reason of ours."""

from __future__ import annotations

from telegram import Message, Update

from bot import texts
from bot.access import Access
from bot.chat.replies import Answer, Replies, reply
from bot.places import Places


class Faults:
    """Says it where it can be said."""

    def __init__(self, *, access: Access, places: Places, replies: Replies) -> None:
        self._access = access
        self._places = places
        self._replies = replies

    def apologize(self, update: Update) -> None:
        """To the person who pressed or wrote, if they may ask for anything; returns at once."""
        message = update.message or update.edited_message
        if (query := update.callback_query) is not None:
            self._replies.send([Answer(query.id, query.from_user.id, texts.BUG, alert=True)])
        elif message is not None and self._may_ask(message):
            self._replies.send([reply(message, texts.BUG)])

    def _may_ask(self, message: Message) -> bool:
        person, ids = message.from_user, self._places.ids(message.chat.id)
        return person is not None and self._access.may_ask(person.id, ids)
