"""The files that were uploaded, by the names that Telegram gave them. Knows no chats."""

from __future__ import annotations

import mimetypes

from bot.demo.telegram.world import Document


class Documents:
    """Every upload, for ever."""

    def __init__(self) -> None:
        self._documents: dict[str, Document] = {}

    def add(self, name: str, data: bytes) -> Document:
        """Keep an upload."""
        number = len(self._documents) + 1
        file_id = f"BQACAgIAAxkBAAID{number:08d}T0bIbHJzYXJpc2ltdWxhdGVkZmlsZQAB"
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        document = Document(file_id, f"AgAD{number:08d}", name, kind, data)
        self._documents[file_id] = document
        return document

    def find(self, file_id: str) -> Document | None:
        """The file of a file_id."""
        return self._documents.get(file_id)
