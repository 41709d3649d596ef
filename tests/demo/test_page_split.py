"""The demo's page when a group splits a bill: the board, each person's private chat, and back."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, expect

from bot import texts
from bot.core.invoice import Face
from bot.core.wishes import Sitting
from tests.demo.boards import (
    FREE,
    PAID,
    TAKEN,
    asked_for,
    back_to_the_group,
    board,
    expect_seats,
    key,
    led,
    pay,
    pay_button,
    question,
    seated,
    someone_elses,
    spent,
    split,
)
from tests.demo.visitor import (
    BROWSER_IS_MISSING,
    WAIT_MS,
    Demo,
    Visitor,
    card,
    expect_heard,
    expect_payable,
    go_in_messages,
    picture_file,
    press_until,
    say,
    speak_as,
    take_picture,
)
from tests.faces import headline

pytestmark = pytest.mark.browser

SMALLEST = ViewportSize(width=320, height=640)
expect.set_options(timeout=WAIT_MS)

if BROWSER_IS_MISSING:
    pytest.skip(BROWSER_IS_MISSING, allow_module_level=True)


def test_a_dinner_is_paid_by_its_people_and_one_takes_the_seat_of_another(page: Page) -> None:
    dinner = split(page, "63k/3", "tapas")
    expect_seats(dinner, f"{PAID} Ada", FREE, FREE)
    bens = seated(page, dinner, "Ben", "tapas")
    back_to_the_group(page, "Ben")
    chloes = seated(page, dinner, "Chloé", "tapas")
    back_to_the_group(page, "Chloé")
    expect_seats(dinner, f"{PAID} Ada", f"{TAKEN} Ben", f"{TAKEN} Chloé")

    speak_as(page, "Dmitri")
    pay_button(dinner).click()
    expect(page.get_by_role("dialog")).to_have_text(re.compile(texts.sitting(Sitting.FULL)))
    page.keyboard.press("Escape")
    speak_as(page, "Chloé")
    page.get_by_role("link", name="Chloé’s private chat").click()
    chloes.get_by_role("button", name=texts.LEAVE_BUTTON).click()
    expect(chloes).to_contain_text("Cancelled: 21,000 sats")
    back_to_the_group(page, "Chloé")
    expect_seats(dinner, f"{PAID} Ada", f"{TAKEN} Ben", FREE)

    pay(seated(page, dinner, "Dmitri", "tapas"), 21_000)
    back_to_the_group(page, "Dmitri")
    expect_seats(dinner, f"{PAID} Ada", f"{TAKEN} Ben", f"{PAID} Dmitri")
    speak_as(page, "Ben")
    page.get_by_role("link", name="Ben’s private chat").click()
    pay(bens, 21_000)
    back_to_the_group(page, "Ben")
    expect_seats(dinner, f"{PAID} Ada", f"{PAID} Ben", f"{PAID} Dmitri")
    expect(pay_button(dinner)).to_have_count(0)
    about_the_board = page.locator("article.by-bot", has=page.locator(".quote.line-bot"))
    expect(about_the_board).to_have_count(1)
    assert spent(page) == {"Ben": 21_000, "Dmitri": 21_000}


def test_a_newcomer_who_presses_the_things_themselves_is_led_as_well(page: Page) -> None:
    tour = page.locator("#tour")
    say(page, "/split 84k/4 dinner")  # of the tour's steps the last one, before the others
    expect(tour).to_contain_text("Ben first")
    dinner = board(page, "dinner")
    for name in ("Ben", "Chloé", "Dmitri"):
        speak_as(page, name)
        pay_button(dinner).click()
        expect(tour).to_contain_text("presses Start")
        page.get_by_role("button", name="Start", exact=True).click()
        expect(tour).not_to_contain_text("presses Start")
        asked = card(page, "dinner")
        expect_payable(asked)
        pay(asked, 21_000)
        expect(tour).to_contain_text("See what")
        page.get_by_role("link", name="Back to Friday dinner").click()
        if name != "Dmitri":  # who is next speaks
            expect(page.get_by_role("radio", name=name)).not_to_be_checked()
    expect_seats(dinner, *(f"{PAID} {name}" for name in ("Ada", "Ben", "Chloé", "Dmitri")))

    tour.get_by_role("button", name="/collect 60k/21k a present").click()
    page.keyboard.press("Enter")
    expect(tour).to_contain_text(texts.GIVE_BUTTON)
    key(board(page, "a present"), texts.GIVE_BUTTON).click()
    expect(tour).to_contain_text("Press an amount")
    page.get_by_role("button", name="21,000 sats", exact=True).click()
    expect(tour).to_contain_text("Press the picture to pay")
    pay(card(page, "a present"), 21_000)
    back_to_the_group(page, "Dmitri")
    expect(tour).to_contain_text("switch the node off")


def test_who_watches_the_group_hears_of_every_seat(visitor: Visitor) -> None:
    watching, paying = visitor.visit(), visitor.visit()
    brunch = split(paying, "42k/2", "brunch")
    expect_heard(watching, headline(Face.OPEN, 42_000).replace("42", "Split: 42"))
    bens = seated(paying, brunch, "Ben", "brunch")
    expect_heard(paying, "Ben Okafor’s private chat")
    expect_heard(watching, f'{TAKEN} 21,000 sats: "Ben')
    pay(bens, 21_000)
    expect_heard(watching, "all covered")


def test_what_waits_behind_a_door_is_counted(page: Page) -> None:
    lunch = split(page, "42k/2", "lunch")
    bens = seated(page, lunch, "Ben", "lunch")
    pay(bens, 21_000)
    # the group was told meanwhile, and Ada as the owner
    expect(page.get_by_role("link", name="Back to Friday dinner, 1 unread")).to_be_visible()
    page.get_by_role("link", name="Ada’s private chat, 1 unread").click()
    expect(page.locator("#room-title")).to_have_text("Ada Quist")
    back_to_the_group(page, "Ada")
    expect(page.get_by_role("link", name="Ada’s private chat", exact=True)).to_be_visible()


@pytest.mark.parametrize("size", [SMALLEST], ids=["320 px"])
def test_the_keyboard_alone_splits_a_bill_on_the_smallest_screen(page: Page) -> None:
    press_until(page, "Tab", "Message")
    page.keyboard.type("/split 42k/2 supper")
    page.keyboard.press("Enter")
    supper = board(page, "supper")
    expect(pay_button(supper)).to_be_visible()
    press_until(page, "Shift+Tab", "Ada$")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="Ben")).to_be_focused()
    go_in_messages(page, texts.PAY_BUTTON)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    bens = card(page, "supper")
    expect_payable(bens)
    assert page.evaluate("document.documentElement.scrollWidth") == SMALLEST["width"]
    for part in (page.locator(".who"), page.locator("#composer-row"), bens):
        box = part.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= SMALLEST["width"]

    go_in_messages(page, "Open this picture in the wallet")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Pay 21,000 sats")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Back to the chat")).to_be_focused()
    page.keyboard.press("Enter")
    expect(bens).to_contain_text(headline(Face.PAID, 21_000))
    press_until(page, "Tab", "^Back to Friday dinner")
    page.keyboard.press("Enter")
    expect(page.locator("#log")).to_be_focused()
    expect(page.get_by_role("radio", name="Ben")).to_be_checked()
    expect_seats(supper, f"{PAID} Ada", f"{PAID} Ben")


def photographed(
    browser: Browser,
    size: ViewportSize,
    scale: float,
    photograph: Callable[[Page, Path], None],
    file: Path,
) -> tuple[int, int]:
    """A picture of a demo of its own; its size in pixels."""
    context = browser.new_context(viewport=size, device_scale_factor=scale, locale="en-GB")
    with Demo("--port", "0") as demo:
        someone = Visitor(context, demo.address())
        photograph(someone.visit(), file)
        context.close()
    assert someone.complaints == []
    with Image.open(file) as image:
        return image.size


@pytest.mark.parametrize("size", [ViewportSize(width=1040, height=760)], ids=[""])
def test_the_picture_of_a_board_for_the_readme(
    browser: Browser, tmp_path: Path, size: ViewportSize
) -> None:
    file = picture_file("board.png", tmp_path)
    assert photographed(browser, size, 1.5, photograph, file) == (1560, 1140)


def photograph(page: Page, file: Path) -> None:
    """A board in the group, as a picture: Ben has paid for two, Chloé has a part to pay."""
    page.get_by_role("button", name="End the tour").click()
    speak_as(page, "Ben")
    say(page, "What a dinner! Dmitri, yours is on me.")
    command = "/split 84k @ben_o @chloe_m @dmitri_v dinner"
    dinner = asked_for(page, command, "Ada", button=texts.PAY_BUTTON)
    bens = seated(page, dinner, "Ben", "dinner")
    pay(someone_elses(page, bens, "@dmitri_v: 21,000 sats"), 21_000)
    pay(bens, 21_000)
    back_to_the_group(page, "Ben")
    seated(page, dinner, "Chloé", "dinner")
    back_to_the_group(page, "Chloé")
    speak_as(page, "Ada")
    page.get_by_role("link", name="Ada’s private chat").click()
    back_to_the_group(page, "Ada")
    seats = (f"{PAID} Ada", f"{PAID} Ben", f"{TAKEN} Chloé", f"{PAID} @dmitri_v Ben")
    expect_seats(dinner, *seats)
    expect(dinner).to_be_in_viewport(ratio=1)
    take_picture(page, file)


@pytest.mark.parametrize("size", [ViewportSize(width=390, height=740)], ids=[""])
def test_the_picture_of_a_collection_for_the_readme(
    browser: Browser, tmp_path: Path, size: ViewportSize
) -> None:
    file = picture_file("collection.png", tmp_path)
    assert photographed(browser, size, 2, photograph_gifts, file) == (780, 1480)


def photograph_gifts(page: Page, file: Path) -> None:
    """A collection on a phone, as a picture: three have given, of whom one is not named."""
    page.get_by_role("button", name="End the tour").click()
    speak_as(page, "Dmitri")
    say(page, "Mia turns 40 on Sunday!")
    command = "/collect 100k/21k a present"
    present = asked_for(page, command, "Ada", button=texts.GIVE_BUTTON)
    for name in ("Ben", "Chloé", "Dmitri"):
        led(present, name, texts.GIVE_BUTTON)
        asked = question(page)
        if name == "Chloé":
            key(asked, texts.HIDE_BUTTON).click()
            expect(key(asked, texts.SHOW_BUTTON)).to_be_visible()
        key(asked, "21,000 sats").click()
        pay(asked, 21_000)
        back_to_the_group(page, name)
    speak_as(page, "Ada")
    expect(present).to_contain_text("63,000 sats of 100,000 sats")
    expect_seats(present, f"{PAID} Ben", f"{PAID} Dmitri")
    expect(page.locator(".toast")).to_have_count(0)
    expect(present).to_be_in_viewport(ratio=1)
    take_picture(page, file)
