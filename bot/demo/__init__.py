"""What stands in for the world outside: a simulated node, a simulated Telegram, a chat page."""
