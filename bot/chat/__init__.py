"""The chats. It alone knows Telegram."""
