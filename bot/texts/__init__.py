"""Everything the bot says: errors and enums come in, sentences go out. Nobody else makes prose.

What people wrote is escaped here and nowhere else. All is Telegram HTML but for `why`, `reason`,
`why_failed` and what answers a press: those are plain text.
"""

from bot.texts.cards import (
    CANCEL_BUTTON,
    FACE_SIGNS,
    QUESTION_PLACEHOLDER,
    RENEW_BUTTON,
    Card,
    announcement,
    card,
    failed,
    payment_request,
    question,
    waiting_notice,
)
from bot.texts.errors import Reason, reason, refusal, why, why_failed
from bot.texts.owners import node_status, owner_notice
from bot.texts.replies import (
    BUG,
    CANCEL_HOW,
    GROUP_COMMANDS,
    NOT_ALLOWED,
    NOT_TRACKED,
    PRIVATE_COMMANDS,
    QUESTION_EXPIRED,
    TOO_LATE,
    asked_to_cancel,
    asked_to_renew,
    help_group,
    help_private,
    ids,
    latest,
    stranger,
)
from bot.texts.terminal import cure, finding_line, found, new_invoice

__all__ = [
    "BUG",
    "CANCEL_BUTTON",
    "CANCEL_HOW",
    "FACE_SIGNS",
    "GROUP_COMMANDS",
    "NOT_ALLOWED",
    "NOT_TRACKED",
    "PRIVATE_COMMANDS",
    "QUESTION_EXPIRED",
    "QUESTION_PLACEHOLDER",
    "RENEW_BUTTON",
    "TOO_LATE",
    "Card",
    "Reason",
    "announcement",
    "asked_to_cancel",
    "asked_to_renew",
    "card",
    "cure",
    "failed",
    "finding_line",
    "found",
    "help_group",
    "help_private",
    "ids",
    "latest",
    "new_invoice",
    "node_status",
    "owner_notice",
    "payment_request",
    "question",
    "reason",
    "refusal",
    "stranger",
    "waiting_notice",
    "why",
    "why_failed",
]
