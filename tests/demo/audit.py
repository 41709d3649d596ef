"""What axe-core finds wrong with a page for people who can't see it, or use it without a mouse.

The folder axe/ has its minified file as it is published, with its licences.
"""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, ViewportSize

from tests.demo.visitor import WIDE

#: What 400 % zoom leaves of 1280 by 1024 px.
ZOOMED = ViewportSize(width=320, height=256)
LYING = ViewportSize(width=844, height=390)
ONE_COLUMN = (ZOOMED, ViewportSize(width=320, height=640))
SIZES = (*ONE_COLUMN, LYING, ViewportSize(width=1440, height=900))

_AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text(encoding="utf-8")
#: Every rule that is no experiment, those that are off by default as well.
_RUN = """async () => {
  await Promise.allSettled(document.getAnimations().map((each) => each.finished));
  const others = ["experimental", "deprecated", "wcag2aaa"];
  const rules = Object.fromEntries(axe.getRules()
    .filter((rule) => !rule.tags.some((tag) => others.includes(tag)))
    .map((rule) => [rule.ruleId, { enabled: true }]));
  const found = await axe.run(document, { rules, resultTypes: ["violations"] });
  return found.violations.flatMap((each) => each.nodes.map((node) =>
    `${each.id}: ${node.target.join(" ")}: ${node.failureSummary.split("\\n")[1]?.trim()}`));
}"""


def violations(page: Page) -> list[str]:
    """What the page violates as it is now: the rule, where, and what is missing."""
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(_AXE)
    found: list[str] = page.evaluate(_RUN)
    return found


def switch_mode(page: Page, mode: str) -> None:
    """Light, dark or forced colours."""
    page.emulate_media(
        color_scheme="dark" if mode == "dark" else "light",
        forced_colors="active" if mode == "forced" else "none",
    )


class Audit:
    """Looks at each state of the page in every mode and size, and keeps what is wrong."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self.found: list[str] = []

    def look(self, state: str, sizes: tuple[ViewportSize, ...] = SIZES) -> None:
        """Look at the page as it is now, in every mode."""
        for mode, sizes_now in (("light", sizes), ("dark", sizes[-1:]), ("forced", sizes[1:2])):
            switch_mode(self._page, mode)
            for size in sizes_now:
                self._page.set_viewport_size(size)
                where = f"{state}, {mode}, {size['width']} px"
                self.found += [f"{where}: {each}" for each in violations(self._page)]
        switch_mode(self._page, "light")
        self._page.set_viewport_size(WIDE)
