"""The README's pictures: taken here, and what stands in the README beside them is true."""

from __future__ import annotations

import asyncio
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from bot.core.invoice import Face
from tests.demo.film import Film, screenshot, strip
from tests.demo.live import live
from tests.demo.visitor import (
    BROWSER_IS_MISSING,
    WAIT_MS,
    Demo,
    Visitor,
    ask,
    expect_payable,
    open_wallet,
    picture_file,
    speak_as,
)
from tests.faces import headline

expect.set_options(timeout=WAIT_MS)

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
EDGES = {"light": "#c3cdcd", "dark": "#3d4b50"}
MOST_BYTES = 1_000_000
MOST_BYTES_OF_FILM = 400_000


@pytest.mark.browser
@pytest.mark.skipif(bool(BROWSER_IS_MISSING), reason=BROWSER_IS_MISSING)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_picture_of_three_phones_for_the_readme(
    browser: Browser, tmp_path: Path, scheme: str
) -> None:
    """What is asked for there is to be scanned as it stands in the picture."""
    file = picture_file(f"phones-{scheme}.webp", tmp_path)
    context = browser.new_context(
        viewport={"width": 390, "height": 780},
        device_scale_factor=2,
        has_touch=True,
        is_mobile=True,
        locale="en-GB",
        color_scheme="dark" if scheme == "dark" else "light",
    )
    with Demo("--port", "0") as demo:
        someone = Visitor(context, demo.address())
        shots, request = photograph(someone.visit())
        context.close()
    assert someone.complaints == []
    strip(shots, EDGES[scheme]).save(file, quality=82, method=6)
    with Image.open(file) as image:
        assert image.size == (1640, 1040)
        found = zxingcpp.read_barcodes(image.convert("L").crop((0, 0, 540, 1040)))
    assert [code.text for code in found] == [f"lightning:{request.upper()}"]


def photograph(page: Page) -> tuple[list[Image.Image], str]:
    """A card, the wallet that pays it, and the card as paid; its payment request."""
    page.get_by_role("button", name="End the tour").click()
    pizza = ask(page, "/invoice 2100", "pizza")
    page.locator("#text").blur()
    expect(pizza.locator(".photo img")).to_be_in_viewport(ratio=1)
    pizza.locator(".photo img").evaluate("image => image.decode()")  # it may not be painted yet
    shots = [screenshot(page)]
    request = pizza.locator("code").inner_text()
    speak_as(page, "Ben")
    wallet = open_wallet(pizza)
    expect(wallet.get_by_role("button", name="Pay 2,100 sats")).to_be_visible()
    shots.append(screenshot(page))
    wallet.get_by_role("button", name="Pay 2,100 sats").click()
    wallet.get_by_role("button", name="Back to the chat").click()
    speak_as(page, "Ada")
    expect(pizza).to_contain_text(headline(Face.PAID, 2100))
    expect(page.locator("article.by-bot").last).to_contain_text("Received 2,100 sats")
    page.evaluate("document.activeElement.blur()")
    shots.append(screenshot(page))
    return shots, request


@pytest.mark.browser
@pytest.mark.skipif(bool(BROWSER_IS_MISSING), reason=BROWSER_IS_MISSING)
def test_the_film_of_a_bot_that_is_killed_for_the_readme(browser: Browser, tmp_path: Path) -> None:
    file = picture_file("kill.webp", tmp_path)
    still = picture_file("kill-still.webp", tmp_path)
    context = browser.new_context(viewport={"width": 960, "height": 700}, locale="en-GB")
    with Demo("--port", "0") as demo:
        someone = Visitor(context, demo.address())
        film = shoot(someone.arrive())
        context.close()
    assert someone.complaints == []
    film.save(file)
    film.last.save(still, quality=80, method=6)
    assert 8_000 <= film.length_ms <= 12_000
    assert file.stat().st_size < MOST_BYTES_OF_FILM
    with Image.open(file) as image:
        assert image.size == (960, 700)
        assert getattr(image, "n_frames", 1) > 20


def shoot(page: Page) -> Film:
    """Kill, pay, start, PAID, by the tour's button."""
    button = page.locator("#tour-press")
    for label in ("Ask for 2,100 sats", "Open Ben’s wallet"):
        expect(button).to_have_text(label)
        button.click()
    wallet = page.get_by_role("dialog")
    pays, closes = (wallet.get_by_role("button", name=re.compile(n)) for n in ("^Pay ", "^Back"))
    pays.click()
    closes.click()
    expect(button).to_have_text("Ask for 900 more")
    button.click()
    expect(button).to_have_text("Kill it")
    dessert = page.locator("article.by-bot", has_text="dessert").first
    expect_payable(dessert)
    speak_as(page, "Ben")
    expect(page.locator("#received")).to_have_text("2,100 sats")

    film = Film(page)
    film.show(900)
    film.press(button)
    expect(page.locator("#bot-chip")).to_have_text("Bot killed")
    expect(button).to_have_text("Open Ben’s wallet")
    film.show(1100)
    film.press(button)
    expect(pays).to_be_focused()
    film.show(600)
    film.press(pays)
    expect(closes).to_be_focused()
    film.show(400)
    film.press(closes)
    expect(button).to_have_text("Start it")
    expect(page.locator("#received")).to_have_text("3,000 sats")
    film.show(1400)
    film.press(button)
    expect(dessert).to_contain_text(headline(Face.PAID, 900))
    expect(page.locator("#bot-says")).to_contain_text("Running")
    expect(page.locator("article.by-bot").last).to_contain_text("Received 900 sats")
    film.show(2400)
    return film


# --- what stands in the README


def test_every_picture_has_its_size_and_words_and_they_are_light_together() -> None:
    pictures = re.findall(r"<img\s[^>]*>", README)
    assert len(pictures) >= 4
    for each in pictures:
        source = re.search(r'src="(docs/[\w.-]+)"', each)
        assert source, each
        alt = re.search(r'alt="([^"]+)"', each)
        assert alt, each
        assert len(alt[1]) > 40, each
        with Image.open(ROOT / source[1]) as image:
            shown = [int(number) for number in re.findall(r'(?:width|height)="(\d+)"', each)]
            assert len(shown) == 2, each
            assert abs(image.width / image.height - shown[0] / shown[1]) < 0.01, each
    named = set(re.findall(r'"(docs/[\w.-]+\.(?:webp|png))"', README))
    there = {f"docs/{each.name}" for each in (ROOT / "docs").iterdir() if each.suffix != ".md"}
    assert named == there
    assert sum((ROOT / each).stat().st_size for each in named) < MOST_BYTES


def test_for_those_who_want_no_motion_there_is_a_still() -> None:
    (film,) = re.findall(r"<picture>(?:(?!</picture>).)*kill\.webp.*?</picture>", README, re.DOTALL)
    assert re.search(
        r'<source\s+media="\(prefers-reduced-motion: reduce\)"\s+srcset="docs/kill-still', film
    )


#: What differs from one machine to the next.
OWN = re.compile(r"\d{4}-\d\d-\d\d|\b\d+ days|127\.0\.0\.1:\d+|\S*/?invoice-bot\.db")


def test_the_check_in_the_readme_is_what_it_prints(tmp_path: Path) -> None:
    async def checked() -> str:
        async with live(tmp_path) as demo:
            config = demo.stage.folder / "config.toml"
            ran = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bot", "check", "--config", str(config)),
                cwd=ROOT,
                stdout=asyncio.subprocess.PIPE,
            )
            out, _ = await ran.communicate()
            assert ran.returncode == 0
            return out.decode()

    shown = re.search(r"\$ invoice-bot check\n((?:    .+\n)+)", README)
    assert shown
    there = [line.strip() for line in shown[1].splitlines()]
    with ThreadPoolExecutor(1) as thread:  # in this one the browser's tests have a loop that runs
        printed = thread.submit(lambda: asyncio.run(checked())).result().splitlines()
    assert [OWN.sub("…", each) for each in there] == [OWN.sub("…", each) for each in printed]
