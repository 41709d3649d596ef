"""A Telegram bot that asks an LND node for invoices and tells the chat when they are paid."""

__version__ = "0.1.0"
