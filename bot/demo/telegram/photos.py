"""The pictures that were uploaded, by the names that Telegram gave them. Knows no chats."""

from __future__ import annotations

from bot.demo.telegram.images import photo_size
from bot.demo.telegram.world import Photo


class Photos:
    """Every upload, for ever."""

    def __init__(self) -> None:
        self._photos: dict[str, Photo] = {}

    def add(self, data: bytes, bot_id: int | None = None) -> Photo:
        """Keep an upload, a bot's or a person's. Refusal where Telegram accepts no such photo."""
        width, height = photo_size(data)
        number = len(self._photos) + 1
        file_id = f"AgACAgIAAxkBAAID{number:08d}T0bIbHJzYXJpc2ltdWxhdGVkcGhvdG8AAQ"
        photo = Photo(file_id, f"AQAD{number:08d}", data, width, height, bot_id)
        self._photos[file_id] = photo
        return photo

    def find(self, file_id: str) -> Photo | None:
        """The photo of a file_id, whichever of its sizes that names."""
        return self._photos.get(file_id) or self._photos.get(file_id[:-1])

    def find_for(self, file_id: str, bot_id: int) -> Photo | None:
        """The photo of a file_id that this bot can use: not one of another bot's."""
        photo = self.find(file_id)
        return photo if photo is not None and photo.bot_id in (None, bot_id) else None

    def find_named(self, unique_id: str) -> Photo | None:
        """The photo that getFile gave that name."""
        return next(
            (photo for photo in self._photos.values() if photo.unique_id == unique_id), None
        )
