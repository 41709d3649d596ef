"""A visitor of the demo's page, and the demo as a process: what a browser's test does there."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from PIL import Image
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Locator,
    Page,
    ViewportSize,
    expect,
    sync_playwright,
)

from bot.demo.run import ENDED

#: A desktop's window.
WIDE = ViewportSize(width=1280, height=900)
CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--headless",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
#: Why no browser's test can run; empty where one can, or has to.
BROWSER_IS_MISSING = (
    ""
    if CHROMIUM.exists() or os.environ.get("INVOICE_BOT_NEED_BROWSER") == "1"
    else "no Chromium here: apt install chromium"
)
ROOT = Path(__file__).parent.parent.parent
START_TIMEOUT_S = 40.0
WAIT_MS = 20_000
#: Keeps what a screen reader is told, which is taken away again after seconds: see `expect_heard`.
LISTENS = """
window.heard = [];
new MutationObserver((changes) => {
  for (const change of changes.filter((each) => each.target.id === "announcer")) {
    window.heard.push(...[...change.addedNodes].map((line) => line.textContent));
  }
}).observe(document, { childList: true, subtree: true });
"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, headless."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


class Demo:
    """`python -m bot demo` in a process of its own."""

    def __init__(self, *arguments: str) -> None:
        self._started_at = time.monotonic()
        self.started_in_s = 0.0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bot", "demo", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def address(self) -> str:
        """The address it prints as its last line."""
        out = self._process.stdout
        assert out is not None
        too_late = threading.Timer(START_TIMEOUT_S, self._process.kill)
        too_late.start()
        try:
            lines: list[str] = []
            while not (lines and lines[-1].startswith("http://")):
                lines.append(out.readline())
                assert lines[-1], f"it ended, or took too long: {lines}, {self.end()}"
        finally:
            too_late.cancel()
        self.started_in_s = time.monotonic() - self._started_at
        return lines[-1].strip()

    def end(self) -> tuple[int, str, str]:
        """Press Ctrl-C, unless it has ended. Returns exit code and both outputs."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        return self.outcome()

    def outcome(self) -> tuple[int, str, str]:
        """Wait for its end. Returns exit code and both outputs."""
        out, err = self._process.communicate(timeout=START_TIMEOUT_S)
        return self._process.returncode, out, err


@contextmanager
def shared(*never: str) -> Iterator[str]:
    """The address of a demo for many tests, which ends in order, and says none of these words."""
    with Demo("--port", "0") as demo:
        yield demo.address()
        code, out, err = demo.end()
    assert (code, out) == (0, f"{ENDED}\n")
    assert not [word for word in ("Traceback", *never) if word in err]


class Visitor:
    """Somebody at the page, with a list of what the browser complained about."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        context.set_default_timeout(WAIT_MS)
        context.add_init_script(LISTENS)
        self.context = context
        self.address = address
        self.complaints: list[str] = []

    def arrive(self) -> Page:
        """Open the page and see its first screen."""
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda said: self.complaints.append(f"{said.type}: {said.text}"))
        page.goto(self.address)
        line = page.locator("#chats a").filter(visible=True)
        # in one column either the list is there or a chat
        expect(line.or_(page.locator("#back").filter(visible=True)).first).to_be_visible()
        return page

    def visit(self, chat: str = "Friday dinner") -> Page:
        """Open the page, and a chat in it."""
        page = self.arrive()
        back = page.locator("#back")
        if back.is_visible():
            back.click()
        page.get_by_role("link", name=re.compile(f"^{chat}")).click()
        expect(page.locator("#room-title")).to_have_text(chat)
        return page


def expect_heard(page: Page, text: str) -> None:
    """Wait until a screen reader was told that, since the page was loaded."""
    is_heard = page.evaluate(
        """([text, longest_ms]) => new Promise((heard) => {
          const until = performance.now() + longest_ms;
          requestAnimationFrame(function look() {
            if (window.heard.some((line) => line.includes(text))) heard(true);
            else if (performance.now() > until) heard(false);
            else requestAnimationFrame(look);
          });
        })""",
        [text, WAIT_MS],
    )
    assert is_heard, page.evaluate("window.heard")


def speak_as(page: Page, name: str) -> None:
    page.get_by_role("radio", name=name).check()


def say(page: Page, text: str) -> None:
    page.get_by_label("Message", exact=True).fill(text)
    page.keyboard.press("Enter")


def card(page: Page, memo: str) -> Locator:
    """The newest card with that memo."""
    photo = page.get_by_role("button", name="Open this picture in the wallet")
    return page.locator("article.by-bot", has=photo).filter(has_text=memo).last


def ask(page: Page, command: str, memo: str) -> Locator:
    """Ask for an invoice, and wait for its card."""
    say(page, f"{command} {memo}")
    asked = card(page, memo)
    expect_payable(asked)
    return asked


def expect_payable(card: Locator) -> None:
    """Wait until the card can be paid: a closed one names the amount as well."""
    expect(card).to_contain_text("Scan, or tap the text to copy it.")


def open_wallet(card: Locator) -> Locator:
    card.get_by_role("button", name="Open this picture in the wallet").click()
    return card.page.get_by_role("dialog")


def sats_left(wallet: Locator) -> int:
    return int(re.sub(r"\D", "", wallet.locator("#balance").inner_text()))


def focused(page: Page) -> str:
    """What has the focus, as a screen reader would call it."""
    return page.evaluate(
        """() => { const it = document.activeElement;
        return it.getAttribute('aria-label') || it.labels?.[0]?.innerText || it.innerText; }"""
    )


def press_until(page: Page, key: str, wanted: str) -> None:
    """Press a key until the focus is there, by a pattern of its name; 60 times at most."""
    for _ in range(60):
        page.keyboard.press(key)
        if re.search(wanted, focused(page)):
            assert page.evaluate("document.activeElement.matches(':focus-visible')")
            return
    raise AssertionError(f"no way to {wanted} with {key}")


def go_in_messages(page: Page, wanted: str, *, by: str = "Shift+Tab") -> None:
    """Go to the messages, one stop of the tab key, and there to what has this pattern of a name."""
    for _ in range(60):
        if page.evaluate("document.querySelector('#log').contains(document.activeElement)"):
            break
        page.keyboard.press(by)
    for _ in range(20):  # messages, from the newest up
        for _ in range(12):  # what can be pressed in one
            page.keyboard.press("ArrowLeft")
            if re.search(wanted, focused(page)):
                assert page.evaluate("document.activeElement.matches(':focus-visible')")
                return
        page.keyboard.press("ArrowUp")
    raise AssertionError(f"no way to {wanted} among the messages")


def picture_file(name: str, otherwise: Path) -> Path:
    """Where a picture for README goes: the folder that INVOICE_BOT_PICTURES names, if it does."""
    return Path(os.environ.get("INVOICE_BOT_PICTURES") or otherwise) / name


def take_picture(page: Page, file: Path) -> None:
    """The page as a small PNG: nothing blinks, and the mouse is over nothing."""
    page.locator("#text").blur()
    page.mouse.move(5, 5)
    with Image.open(io.BytesIO(page.screenshot(animations="disabled"))) as shot:
        shot.convert("RGB").quantize().save(file, optimize=True)
