"""Pictures made of several screenshots: phones side by side, and a film with a pointer."""

from __future__ import annotations

import io
from itertools import pairwise
from pathlib import Path

from PIL import Image, ImageDraw
from playwright.sync_api import Locator, Page

#: Of the strip, in px.
_PHONE_WIDTH = 520
_GAP = 40
_CORNER = 36
#: Of the film: how the pointer moves, and how long.
_POINTER = 11
_MOVES = 6
_MOVE_MS = 60
_PRESS_MS = 160


def screenshot(page: Page) -> Image.Image:
    """The page as it is now; nothing blinks."""
    with Image.open(io.BytesIO(page.screenshot(animations="disabled"))) as shot:
        return shot.convert("RGB")


def strip(shots: list[Image.Image], edge: str) -> Image.Image:
    """Phones side by side on nothing, with round corners and an edge of this colour."""
    height = round(shots[0].height * _PHONE_WIDTH / shots[0].width)
    width = len(shots) * (_PHONE_WIDTH + _GAP) - _GAP
    whole = Image.new("RGBA", (width, height))
    mask = Image.new("L", (_PHONE_WIDTH, height))
    box = (1, 1, _PHONE_WIDTH - 2, height - 2)
    ImageDraw.Draw(mask).rounded_rectangle(box, _CORNER, fill=255)
    for place, shot in enumerate(shots):
        phone = shot.resize((_PHONE_WIDTH, height), Image.Resampling.LANCZOS)
        ImageDraw.Draw(phone).rounded_rectangle(box, _CORNER, outline=edge, width=4)
        whole.paste(phone, (place * (_PHONE_WIDTH + _GAP), 0), mask)
    return whole


class Film:
    """Still after still, with a pointer that goes to what is pressed next."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._frames: list[tuple[Image.Image, int]] = []
        size = page.viewport_size
        assert size is not None
        self._at = (size["width"] * 3 / 4, size["height"] * 3 / 4)

    @property
    def last(self) -> Image.Image:
        """The newest frame."""
        return self._frames[-1][0]

    @property
    def length_ms(self) -> int:
        """How long it takes."""
        return sum(ms for _, ms in self._frames)

    def show(self, ms: int) -> None:
        """Show the page as it is now for so long."""
        self._frames.append((self._pointed(screenshot(self._page), self._at), ms))

    def press(self, target: Locator) -> None:
        """Go there with the pointer, and click."""
        box = target.bounding_box()
        assert box is not None
        to = (box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.6)
        shot = screenshot(self._page)
        steps = [self._between(to, step / _MOVES) for step in range(_MOVES + 1)]
        for _, at in pairwise(steps):
            self._frames.append((self._pointed(shot, at), _MOVE_MS))
        self._at = to
        self._frames.append((self._pointed(shot, to, pressed=True), _PRESS_MS))
        target.click()

    def save(self, file: Path) -> None:
        """As an animated WebP that begins again by itself."""
        first, *others = [frame for frame, _ in self._frames]
        first.save(
            file,
            save_all=True,
            append_images=others,
            duration=[ms for _, ms in self._frames],
            loop=0,
            quality=70,
            method=6,
            minimize_size=True,
            allow_mixed=True,
        )

    def _between(self, to: tuple[float, float], part: float) -> tuple[float, float]:
        eased = part * part * (3 - 2 * part)
        return tuple(a + (b - a) * eased for a, b in zip(self._at, to, strict=True))  # type: ignore[return-value]

    @staticmethod
    def _pointed(
        shot: Image.Image, at: tuple[float, float], *, pressed: bool = False
    ) -> Image.Image:
        made = shot.copy()
        size = _POINTER * 2 if pressed else _POINTER
        x, y = at
        draw = ImageDraw.Draw(made, "RGBA")
        colour = (194, 65, 12, 70 if pressed else 190)
        draw.ellipse((x - size, y - size, x + size, y + size), colour, outline="white", width=2)
        return made
