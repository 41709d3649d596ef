"""The simulated Telegram. It alone knows how the Bot API answers; it knows no product."""

from bot.demo.telegram.changes import Listener
from bot.demo.telegram.deliveries import Front, Hook
from bot.demo.telegram.faults import Fault, Stall
from bot.demo.telegram.sim import SimTelegram
from bot.demo.telegram.starts import start_token
from bot.demo.telegram.world import (
    Answer,
    Call,
    Change,
    Chat,
    Document,
    Json,
    Message,
    Photo,
    Press,
    User,
    Version,
)

__all__ = [
    "Answer",
    "Call",
    "Change",
    "Chat",
    "Document",
    "Fault",
    "Front",
    "Hook",
    "Json",
    "Listener",
    "Message",
    "Photo",
    "Press",
    "SimTelegram",
    "Stall",
    "User",
    "Version",
    "start_token",
]
