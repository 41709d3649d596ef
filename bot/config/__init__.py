"""The settings: a TOML file and the environment, checked. Knows the keys, not what they are for.

A wrong, missing or unknown key is refused by its dotted name, all of them at once, and never with
a secret's value: `bot.errors.ConfigError`. What people read about it is made in `bot.texts`.
"""

from bot.config.keeping import Kept, read_kept
from bot.config.marks import differing, marks
from bot.config.settings import (
    AccessSettings,
    DatabaseSettings,
    HealthSettings,
    InvoicesSettings,
    LimitsSettings,
    LndSettings,
    LogSettings,
    NoticesSettings,
    Settings,
    TelegramSettings,
    changed_sections,
)
from bot.config.sources import (
    DEFAULT_FILE,
    ENV_PREFIX,
    EXAMPLE_FILE,
    KEYS,
    address_of,
    database_password,
    load,
)
from bot.config.values import (
    DAY_S,
    MAX_EXPIRY_S,
    MAX_PAYEE,
    MAX_SATS,
    MIN_PATIENCE_S,
    TELEGRAM,
    Rate,
    duration,
)

__all__ = [
    "DAY_S",
    "DEFAULT_FILE",
    "ENV_PREFIX",
    "EXAMPLE_FILE",
    "KEYS",
    "MAX_EXPIRY_S",
    "MAX_PAYEE",
    "MAX_SATS",
    "MIN_PATIENCE_S",
    "TELEGRAM",
    "AccessSettings",
    "DatabaseSettings",
    "HealthSettings",
    "InvoicesSettings",
    "Kept",
    "LimitsSettings",
    "LndSettings",
    "LogSettings",
    "NoticesSettings",
    "Rate",
    "Settings",
    "TelegramSettings",
    "address_of",
    "changed_sections",
    "database_password",
    "differing",
    "duration",
    "load",
    "marks",
    "read_kept",
]
