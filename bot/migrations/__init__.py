"""The database's versions, one module a step; run by `bot.store` at start."""
