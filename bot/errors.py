"""Every error of ours. Knows nothing else of the project.

Grouped by what the reader should do::

    InvoiceBotError
    ├── ConfigError              mend the setting it names; exit 2
    ├── StartError               the process can't run as it stands; exit 1
    │   ├── DatabaseInUse        end the other process
    │   ├── DatabaseTooNew       run the newer version
    │   ├── DatabaseUnreadable   look at the file
    │   └── TokenRefused         ask @BotFather for a token
    ├── StoreUnavailable         wait: locked, full or out of reach; nothing was written
    ├── Refused                  tell the person who asked
    │   ├── AmountRefused        amounts.py and access.py say why
    │   ├── MemoRefused
    │   └── LimitReached
    ├── NodeError
    │   ├── NodePassing          wait, and ask again: whether the call arrived is unknown
    │   │   ├── NodeUnreachable
    │   │   ├── NodeStarting
    │   │   ├── NodeLocked
    │   │   ├── NodeTimeout
    │   │   ├── NodeOdd          a text nobody knows
    │   │   └── AskedTooLongAgo  not the node's fault: the bot was away
    │   ├── NodeSetting          the owner has to mend something; asked again all the same
    │   │   ├── CertificateRefused
    │   │   ├── MacaroonRefused
    │   │   └── PermissionMissing
    │   └── NodeRefused          the node said no to this very request
    │       ├── InvoiceUnknown   no such payment hash at the node
    │       └── AlreadySettled   too late to cancel: it is paid
    └── ChatError                what Telegram answered to a send or an edit
        ├── NotSent              it surely did not arrive: send again
        │   └── ChatBusy         not before `retry_after_s`
        ├── MaybeSent            unknown, never failed: it may stand in the chat
        │   └── NoAnswer         it was not even refused: most likely it stands there
        ├── MessageGone          the message to edit was removed
        ├── ChatForbidden        blocked or removed: nothing arrives until they are back
        ├── ChatMoved            the group has a new id
        └── ChatRefused          Telegram will never take this

An error's sentence is its docstring's first line unless one is given. Sentences of `Refused`
and `NodeError` are shown in chats: what happened, and what to do.
"""

from __future__ import annotations


class InvoiceBotError(Exception):
    """Something went wrong."""

    def __init__(self, sentence: str | None = None, *, detail: str = "") -> None:
        if sentence is None:
            sentence = (type(self).__doc__ or "").strip().splitlines()[0]
        super().__init__(sentence)
        self.sentence = sentence
        # what the other side said, for the log only
        self.detail = detail


class ConfigError(InvoiceBotError):
    """A setting is missing, wrong or unknown."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class StartError(InvoiceBotError):
    """The bot can't start."""


class DatabaseInUse(StartError):
    """Another process works on this database."""


class DatabaseTooNew(StartError):
    """The database was written by a newer version of this bot: run that version, or newer."""


class DatabaseUnreadable(StartError):
    """The database can't be read."""


class TokenRefused(StartError):
    """Telegram refuses the bot's token: ask @BotFather for the current one."""


class StoreUnavailable(InvoiceBotError):
    """The database can't be written right now."""


class Refused(InvoiceBotError):
    """This can't be done."""


class AmountRefused(Refused):
    """That is not an amount."""


class MemoRefused(Refused):
    """That memo is too long."""


class LimitReached(Refused):
    """A limit is reached."""


class NodeError(InvoiceBotError):
    """The Lightning node did not do it."""


class NodePassing(NodeError):
    """The Lightning node can't answer right now."""


class NodeUnreachable(NodePassing):
    """The Lightning node can't be reached."""


class NodeStarting(NodePassing):
    """The Lightning node is still starting."""


class NodeLocked(NodePassing):
    """The Lightning node's wallet is locked: its owner has to unlock it."""


class NodeTimeout(NodePassing):
    """The Lightning node does not answer."""


class NodeOdd(NodePassing):
    """The Lightning node reports a fault of its own."""


class AskedTooLongAgo(NodePassing):
    """I was away when you asked."""


class NodeSetting(NodeError):
    """The Lightning node does not accept this bot: its owner has to look at it."""


class CertificateRefused(NodeSetting):
    """The Lightning node's certificate does not fit: its owner has to renew it here."""


class MacaroonRefused(NodeSetting):
    """The Lightning node refuses this bot's macaroon: its owner has to put a valid one in place."""


class PermissionMissing(NodeSetting):
    """This bot's macaroon lacks a permission: its owner has to bake one that has it."""


class NodeRefused(NodeError):
    """The Lightning node refused this invoice."""


class InvoiceUnknown(NodeRefused):
    """The Lightning node does not know this invoice."""


class AlreadySettled(NodeRefused):
    """This invoice is already paid."""


class ChatError(InvoiceBotError):
    """Telegram did not do it."""


class NotSent(ChatError):
    """Telegram can't be reached: it was not sent."""


class ChatBusy(NotSent):
    """Telegram asks to wait."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(f"Telegram asks to wait {retry_after_s:g} s.")
        self.retry_after_s = retry_after_s


class MaybeSent(ChatError):
    """Telegram did not answer: it may have arrived or not."""


class NoAnswer(MaybeSent):
    """Telegram has not answered in time: it may have arrived or not."""


class MessageGone(ChatError):
    """The message was removed."""


class ChatForbidden(ChatError):
    """The bot may not write there any more."""


class ChatMoved(ChatError):
    """The group became a supergroup."""

    def __init__(self, new_chat_id: int) -> None:
        super().__init__()
        self.new_chat_id = new_chat_id


class ChatRefused(ChatError):
    """Telegram refused the message."""
