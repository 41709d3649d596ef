"""python -m bot: the same program as invoice-bot. Knows only where it begins."""

from bot.cli import main

main()
