"""The demo's page for everybody: by ear, by keyboard, zoomed in, in the system's own colours."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from bot import texts
from bot.core.invoice import Face
from tests.demo.audit import LYING, ONE_COLUMN, ZOOMED, Audit, switch_mode
from tests.demo.boards import led, split
from tests.demo.visitor import (
    BROWSER_IS_MISSING,
    WAIT_MS,
    WIDE,
    Demo,
    Visitor,
    ask,
    card,
    focused,
    open_wallet,
    press_until,
    say,
    shared,
    speak_as,
)
from tests.faces import headline

pytestmark = pytest.mark.browser

expect.set_options(timeout=WAIT_MS)

if BROWSER_IS_MISSING:
    pytest.skip(BROWSER_IS_MISSING, allow_module_level=True)

USABLE_PX = 100


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with shared() as address:
        yield address


@pytest.mark.timeout(180)
def test_axe_finds_nothing_wrong_in_any_state_colours_or_size(browser: Browser) -> None:
    context = browser.new_context(viewport=WIDE, locale="en-GB")
    with Demo("--port", "0") as demo:
        page = Visitor(context, demo.address()).visit()
        audit = Audit(page)
        audit.look("nothing said yet, the tour begins")
        page.get_by_label("Message", exact=True).press_sequentially("/")
        expect(page.get_by_role("option").first).to_be_visible()
        page.keyboard.press("ArrowDown")
        audit.look("suggestions")
        page.keyboard.press("Escape")
        speak_as(page, "Ben")
        say(page, "https://example.org is where *pizza* comes from, @ada_q: /help")
        pizza = ask(page, "/invoice 2100", "pizza")
        pizza.focus()
        audit.look("a card that has the focus")
        pizza.get_by_role("button", name="Reply to Invoice bot").click()
        audit.look("a reply")
        page.get_by_role("button", name="Cancel the reply").click()
        wallet = open_wallet(pizza)
        expect(wallet.get_by_role("button", name="Pay 2,100 sats")).to_be_focused()
        audit.look("the wallet")
        wallet.get_by_role("button", name="Pay 2,100 sats").click()
        expect(wallet.locator(".amount")).to_have_text("Paid 2,100 sats")
        audit.look("paid")
        wallet.get_by_role("button", name="Back to the chat").click()
        expect(pizza).to_contain_text(headline(Face.PAID, 2100))
        open_wallet(pizza).get_by_role("alert").wait_for()
        audit.look("a wallet that refuses")
        page.keyboard.press("Escape")
        any_amount = open_wallet(ask(page, "/invoice any", "a tip"))
        any_amount.get_by_label("How many sats?").wait_for()
        audit.look("a wallet that asks for the amount")
        page.keyboard.press("Escape")
        dinner = split(page, "84k/4", "dinner")
        audit.look("a board")
        led(dinner, "Ben", texts.PAY_BUTTON)
        card(page, "dinner").wait_for()
        audit.look("a private chat")
        page.evaluate("import('/page/toast.js').then(({ alertBox }) => alertBox('All is taken.'))")
        audit.look("an alert")
        page.keyboard.press("Escape")
        page.evaluate("import('/page/toast.js').then(({ toast }) => toast('x'.repeat(900)))")
        audit.look("a toast")
        page.get_by_role("radio", name="Node down").check()
        expect(page.locator("#node-chip")).to_be_visible()
        audit.look("a node that is down")
        page.set_viewport_size(ONE_COLUMN[0])
        page.evaluate("location.hash = ''")
        expect(page.locator("#room")).to_be_hidden()
        audit.look("the list", ONE_COLUMN)
        page.get_by_role("link", name=re.compile("^Allotment")).click()
        audit.look("a chat where nobody has written")
        demo.end()
        expect(page.locator("#offline")).to_be_visible()
        audit.look("offline")
        context.close()
    assert audit.found == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_initials_of_everybody_can_be_read(page: Page, scheme: str) -> None:
    switch_mode(page, scheme)
    ratios = page.evaluate(
        """() => {
          const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
          const light = (color) => {
            canvas.fillStyle = color;
            canvas.fillRect(0, 0, 1, 1);
            const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((each) => each / 255)
              .map((each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4));
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
          };
          return [0, 1, 2, 3, 4, 5, 6].map((tint) => {
            const avatar = document.createElement("span");
            avatar.className = `avatar tint-${tint}`;
            document.body.append(avatar);
            const { color, backgroundColor } = getComputedStyle(avatar);
            const [one, other] = [light(color), light(backgroundColor)].sort((a, b) => b - a);
            avatar.remove();
            return (one + 0.05) / (other + 0.05);
          });
        }"""
    )
    assert len(ratios) == 7
    assert min(ratios) >= 4.5


def test_in_forced_colours_everything_that_is_pressed_has_an_edge(page: Page) -> None:
    ask(page, "/invoice 77", "with an edge")
    switch_mode(page, "forced")
    without = page.evaluate(
        """() => [".bubble", ".key", ".door", ".send", ".quiet", "#text", ".avatar", ".example",
            ".segments-row", ".segments input:checked + span", ".chat[aria-current]",
            ".speaker > span"]
          .filter((part) => document.querySelector(part))
          .filter((part) => {
            const style = getComputedStyle(document.querySelector(part));
            return style.borderTopStyle !== "solid" || parseFloat(style.borderTopWidth) < 1
              || style.borderTopColor === style.backgroundColor;
          })"""
    )
    assert without == []
    chosen = page.locator(".chat[aria-current]").evaluate(
        "(it) => getComputedStyle(it).outlineStyle"
    )
    assert chosen == "solid"


@pytest.mark.parametrize("size", [ZOOMED, LYING], ids=["400 %", "a phone on its side"])
def test_with_little_height_the_messages_keep_enough_of_it(page: Page, size: ViewportSize) -> None:
    page.set_viewport_size(size)
    expect(page.locator("#tour")).to_be_visible()
    assert page.locator("#log").evaluate("(it) => it.clientHeight") >= USABLE_PX
    asked = ask(page, "/invoice 78", "in little height")
    assert page.locator("#log").evaluate("(it) => it.clientHeight") >= USABLE_PX
    assert page.evaluate("document.documentElement.scrollWidth") == size["width"]
    wallet = open_wallet(asked)
    pay = wallet.get_by_role("button", name="Pay 78 sats")
    expect(pay).to_be_focused()
    expect(pay).to_be_in_viewport(ratio=1)


def test_zoomed_in_every_chat_and_switch_is_reached(page: Page) -> None:
    page.set_viewport_size(ZOOMED)
    page.evaluate("location.hash = ''")
    last = page.get_by_role("navigation").get_by_role("link").last
    for part in (last, page.get_by_role("button", name="Skip an hour")):
        part.scroll_into_view_if_needed()
        expect(part).to_be_in_viewport(ratio=1)


def test_the_first_stop_skips_to_the_messages(visitor: Visitor) -> None:
    page = visitor.visit()
    ask(page, "/invoice 79", "to be skipped to")
    address = page.url
    page.set_viewport_size(ONE_COLUMN[-1])  # where the composer does not take the focus
    page.reload()
    expect(card(page, "to be skipped to")).to_be_visible()
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the messages"
    expect(page.locator("#skip")).to_be_in_viewport(ratio=1)
    page.keyboard.press("Enter")
    expect(card(page, "to be skipped to")).to_be_focused()
    assert page.url == address


def in_log(page: Page) -> bool:
    there: bool = page.evaluate("document.querySelector('#log').contains(document.activeElement)")
    return there


def test_all_messages_are_one_stop_of_the_tab_key(page: Page) -> None:
    for number in (81, 82, 83):
        ask(page, f"/invoice {number}", f"stop {number}")
    page.get_by_label("Message", exact=True).focus()
    press_until(page, "Shift+Tab", "Ada$")
    page.keyboard.press("Shift+Tab")
    expect(card(page, "stop 83")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    assert not in_log(page)
    page.keyboard.press("Tab")
    expect(card(page, "stop 83")).to_be_focused()
    page.keyboard.press("Tab")
    assert not in_log(page)
    stops = "#log :is(a[href], button, [tabindex]):not([tabindex='-1'])"
    assert page.locator(stops).count() == 1


def test_arrow_keys_go_through_messages_and_what_can_be_pressed_in_one(page: Page) -> None:
    ask(page, "/invoice 84", "by arrows")
    say(page, "an answer to look at")
    last = page.locator("article", has_text="an answer to look at").last
    last.focus()
    page.keyboard.press("ArrowUp")
    expect(card(page, "by arrows")).to_be_focused()
    names = []
    while "Reply" not in (names or [""])[-1]:
        page.keyboard.press("ArrowRight")
        names.append(focused(page))
    assert [re.sub(r"^.*wallet$", "picture", each) for each in names] == [
        "In reply to Ada Quist: /invoice 84 by arrows",
        "picture",
        "Copy the payment request",
        "Cancel",
        "Reply to Invoice bot",
    ]
    page.keyboard.press("Escape")
    expect(card(page, "by arrows")).to_be_focused()
    page.keyboard.press("End")
    expect(last).to_be_focused()
    page.keyboard.press("Home")
    expect(page.locator("article").first).to_be_focused()
    # where the reader has been, the tab key comes back to
    press_until(page, "Tab", "Ada$")
    for _ in range(2):  # between them there may be the button that leads to the newest message
        if not in_log(page):
            page.keyboard.press("Shift+Tab")
    expect(page.locator("article").first).to_be_focused()


def test_the_list_of_chats_reads_no_payment_request_aloud(page: Page) -> None:
    asked = ask(page, "/invoice 85", "not to be spelled")
    request = asked.locator("code").inner_text()
    line = page.get_by_role("link", name=re.compile("^Friday dinner"))
    expect(line).to_contain_text("85 sats")
    assert request[:20] not in line.inner_text()
    assert len(line.inner_text()) < 150
    say(page, request)
    expect(line).to_contain_text("payment request")
    assert request[:20] not in line.inner_text()
    assert request[:20] not in page.locator("#announcer").inner_text()
    label = page.locator("article").last.get_attribute("aria-label") or ""
    assert request[:20] not in label


def test_a_message_is_called_by_who_wrote_what_and_when(page: Page) -> None:
    speak_as(page, "Chloé")
    say(page, "Who is coming on Friday?")
    said = page.locator("article", has_text="Who is coming on Friday?")
    at = said.locator(".stamp time").inner_text()
    expect(said).to_have_attribute("aria-label", f"Chloé Martin: Who is coming on Friday?, {at}")


def test_a_picture_is_called_by_what_it_shows(page: Page) -> None:
    paid, cancelled, expired = (ask(page, f"/invoice {n}", f"picture {n}") for n in (86, 87, 88))
    names = [each.locator(".photo img").get_attribute("alt") or "" for each in (paid, cancelled)]
    assert all(name.startswith("QR code") for name in names)
    wallet = open_wallet(paid)
    wallet.get_by_role("button", name="Pay 86 sats").click()
    page.keyboard.press("Escape")
    cancelled.get_by_role("button", name="Cancel", exact=True).click()
    for memo, face, sats in (("picture 86", Face.PAID, 86), ("picture 87", Face.CANCELLED, 87)):
        shown = card(page, memo).locator(".photo img")
        expect(shown).to_have_attribute("alt", re.compile(re.escape(headline(face, sats))))
    page.get_by_role("button", name="Skip an hour").click()
    picture = page.get_by_role("button", name=f"Picture: {headline(Face.EXPIRED, 88)}")
    expect(picture).to_be_visible()
    assert expired.count() == 1
