"""The demo's page where a press is answered with a link that opens the private chat."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from bot.demo.stage import BOT_USERNAME
from tests.demo.staged import Call, Json, Staged, staged
from tests.demo.visitor import (
    BROWSER_IS_MISSING,
    WAIT_MS,
    Visitor,
    say,
    speak_as,
)

pytestmark = pytest.mark.browser

expect.set_options(timeout=WAIT_MS)

if BROWSER_IS_MISSING:
    pytest.skip(BROWSER_IS_MISSING, allow_module_level=True)

LINK = f"https://t.me/{BOT_USERNAME}?start=bill_7"
BOARD = {"inline_keyboard": [[{"text": "Pay my share", "callback_data": "share"}]]}


async def handle(call: Call, update: Json) -> None:
    """A bot with a board in the group whose button leads to the private chat."""
    if "callback_query" in update:
        press = update["callback_query"]
        await call("answerCallbackQuery", callback_query_id=press["id"], url=LINK)
    elif "text" in update.get("message", {}):
        message = update["message"]
        chat = message["chat"]
        board = {"reply_markup": BOARD} if chat["type"] != "private" else {}
        text = "A board" if board else f"You said {message['text']}"
        await call("sendMessage", chat_id=chat["id"], text=text, **board)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Staged]:
    with staged(tmp_path, handle) as demo:
        yield demo


@pytest.fixture
def page(browser: Browser, demo: Staged) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    visitor = Visitor(context, demo.address)
    yield visitor.visit()
    context.close()
    assert visitor.complaints == []


def board(page: Page) -> Locator:
    """A board in the group; its button."""
    say(page, f"/board@{BOT_USERNAME}")
    return page.get_by_role("button", name="Pay my share")


def test_a_press_leads_somebody_who_uses_the_bot_to_its_answer(page: Page) -> None:
    speak_as(page, "Ada")
    board(page).click()
    expect(page.locator("#room-title")).to_have_text("Ada Quist")
    # clients show the command without what the link says
    expect(page.locator("article.mine .text")).to_contain_text(re.compile(r"^/start(?! bill)"))
    expect(page.locator("article.by-bot")).to_contain_text("You said /start bill_7")
    expect(page.locator("#start")).to_be_hidden()


def test_a_press_leads_somebody_new_to_start_and_on_from_there(page: Page) -> None:
    button = board(page)
    speak_as(page, "Ben")
    button.click()
    start = page.get_by_role("button", name="Start", exact=True)
    expect(page.locator("#room-title")).to_have_text("Ben Okafor")
    expect(start).to_be_focused()
    expect(page.get_by_label("Message", exact=True)).to_be_hidden()
    expect(page.locator("article")).to_have_count(0)
    expect(page.get_by_role("button", name="/start")).to_be_hidden()

    # it is offered in that chat only, and stays there until it is pressed
    page.go_back()
    expect(page.get_by_label("Message", exact=True)).to_be_visible()
    expect(start).to_be_hidden()
    page.go_forward()
    start.click()
    expect(page.locator("article.by-bot")).to_contain_text("You said /start bill_7")
    expect(page.get_by_label("Message", exact=True)).to_be_focused()
    expect(start).to_be_hidden()

    # from now on Ben uses the bot
    page.go_back()
    button.click()
    expect(page.locator("article.by-bot")).to_have_count(2)
    expect(start).to_be_hidden()


def test_a_row_of_people_that_is_too_narrow_fades_where_it_goes_on(page: Page) -> None:
    page.get_by_role("link", name=re.compile("^Ada Quist")).click()
    expect(page.locator("#room-title")).to_have_text("Ada Quist")
    who, row = page.locator(".who"), page.locator("#doors .speakers-row")
    mask = "(it) => getComputedStyle(it).maskImage"
    expect(who).not_to_have_class(re.compile("more-"))
    assert row.evaluate(mask) == "none"
    page.set_viewport_size({"width": 300, "height": 640})
    expect(who).to_have_class("who more-after")
    assert row.evaluate(mask) != "none"
    row.evaluate("(it) => { it.scrollLeft = it.scrollWidth; }")
    expect(who).to_have_class("who more-before")
    page.set_viewport_size({"width": 1280, "height": 900})
    expect(who).not_to_have_class(re.compile("more-"))
