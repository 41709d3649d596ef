"""The demo's first screen and its tour, in a real browser: played whole, left, and begun again."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from bot import texts
from bot.core.invoice import Face
from tests.demo.boards import FREE, PAID, board, expect_seats
from tests.demo.visitor import BROWSER_IS_MISSING, WAIT_MS, card
from tests.faces import headline

pytestmark = pytest.mark.browser

expect.set_options(timeout=WAIT_MS)

if BROWSER_IS_MISSING:
    pytest.skip(BROWSER_IS_MISSING, allow_module_level=True)

#: The whole way: what the tour's button is called, step by step. A wallet opens in between.
UNTIL_PAID = ("Ask for 2,100 sats", "Open Ben’s wallet")
UNTIL_MISSED = ("Ask for 900 more", "Kill the bot", "Open Ben’s wallet")
BENS = ("Press it as Ben", "Press Start", "Open Ben’s wallet", "Back to Friday dinner")
CHLOES = ("Press it as Chloé", "Press Start", "Press “Not me”", "Back to Friday dinner")
DMITRIS = (
    "Press it as Dmitri",
    "Press Start",
    "Press “Pay for someone else”",
    "Press it",
    "Open Dmitri’s wallet",
    "Open Dmitri’s wallet",
)


def tour(page: Page) -> Locator:
    return page.get_by_role("region", name="Tour")


def step(page: Page, label: str) -> None:
    """Take the step that the tour's button is about, and pay what a wallet asks for."""
    button = tour(page).get_by_role("button", name=label, exact=True)
    expect(button).to_be_visible()
    button.click()
    if "wallet" in label:
        wallet = page.get_by_role("dialog")
        wallet.get_by_role("button", name=re.compile("^Pay ")).click()
        wallet.get_by_role("button", name="Back to the chat").click()


def test_the_tour_is_played_whole(page: Page) -> None:
    expect(page.locator("#log")).to_contain_text("How much was it?")
    expect(tour(page)).to_contain_text("Your node. Your friends. One command.")
    for label in UNTIL_PAID:
        step(page, label)
    expect(card(page, "pizza")).to_contain_text(headline(Face.PAID, 2100))
    for label in UNTIL_MISSED:
        step(page, label)
    expect(page.locator("#bot-chip")).to_have_text("Bot killed")
    expect(tour(page)).to_contain_text("The card still asks for money")
    expect(card(page, "dessert")).to_contain_text(headline(Face.OPEN, 900))
    step(page, "Start the bot")
    expect(tour(page)).to_contain_text("PAID")
    expect(card(page, "dessert")).to_contain_text(headline(Face.PAID, 900))
    step(page, "Split Friday’s dinner")
    dinner = board(page, "dinner")
    for label in BENS:
        step(page, label)
    expect_seats(dinner, f"{PAID} Ada", f"{PAID} Ben", FREE, FREE)
    for label in CHLOES:
        step(page, label)
    expect_seats(dinner, f"{PAID} Ada", f"{PAID} Ben", FREE, FREE)
    for label in DMITRIS:
        step(page, label)
    step(page, "Back to Friday dinner")
    expect_seats(dinner, f"{PAID} Ada", f"{PAID} Ben", f"{PAID} Dmitri", f"{PAID} someone")
    expect(dinner).not_to_contain_text(texts.PAY_BUTTON)
    expect(tour(page)).to_contain_text("That’s all")
