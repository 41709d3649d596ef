"""What a visitor of the demo's page does with a board: asks for it, presses, pays and goes back."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from bot import texts
from bot.core.invoice import Face
from bot.demo.wallets import START_MSAT
from tests.demo.visitor import ask, card, expect_payable, open_wallet, sats_left, say, speak_as
from tests.faces import headline

FREE, TAKEN, PAID = "◻", "⚡", "✅"
PEOPLE = ("Ada", "Ben", "Chloé", "Dmitri")


def board(page: Page, memo: str) -> Locator:
    """The board of the bill with that memo: what else names it comes later."""
    return page.locator("article.by-bot").filter(has_text=memo).first


def pinned(message: Locator) -> Locator:
    """This very message from now on, whatever comes after it or becomes of it."""
    number = message.get_attribute("data-id")
    return message.page.locator(f'article[data-id="{number}"]')


def key(message: Locator, name: str) -> Locator:
    """A button under a message."""
    return message.locator(".keys").get_by_role("button", name=name, exact=True)


def asked_for(page: Page, command: str, name: str, *, button: str) -> Locator:
    """Somebody writes a command in the group; the board that it brings, with that button."""
    speak_as(page, name)
    say(page, command)
    made = page.locator("article.by-bot", has=page.get_by_label(f"In reply to {name}")).last
    expect(made.locator(".quote-text")).to_have_text(command)
    expect(key(made, button)).to_be_visible()
    return pinned(made)


def split(page: Page, bill: str, memo: str) -> Locator:
    """Ada, the bot's owner, splits a bill; its board."""
    return asked_for(page, f"/split {bill} {memo}", "Ada", button=texts.PAY_BUTTON)


def pay_button(board: Locator) -> Locator:
    return key(board, texts.PAY_BUTTON)


def expect_seats(board: Locator, *signs_and_names: str) -> None:
    """Wait until the board has these seats, each as ``✅ Ben``, and no other seat after them."""
    rest = "[^\n]*"
    lines = "\n".join(seat.replace(" ", rest) + rest for seat in signs_and_names)
    seats = re.compile(f"{lines}(?:$|\n(?![{FREE}{TAKEN}{PAID}]))")
    expect(board.locator(".text")).to_contain_text(seats)


def led(board: Locator, name: str, button: str) -> None:
    """Press the board's button as somebody new to the bot, then START in private."""
    page = board.page
    speak_as(page, name)
    key(board, button).click()
    expect(page.locator("#room-title")).to_have_text(re.compile(f"^{name} "))
    start = page.get_by_role("button", name="Start", exact=True)
    expect(start).to_be_focused()
    start.click()


def question(page: Page) -> Locator:
    """How much is given, asked in private."""
    asked = page.locator("article.by-bot", has=page.get_by_text(texts.ANY_BUTTON)).last
    expect(asked).to_be_visible()
    return pinned(asked)


def seated(page: Page, board: Locator, name: str, memo: str) -> Locator:
    """Led to a part; its card in private."""
    led(board, name, texts.PAY_BUTTON)
    asked = card(page, memo)
    expect_payable(asked)
    return pinned(asked)


def someone_elses(page: Page, own: Locator, part: str) -> Locator:
    """Pay for someone else: the card of the part that this button is of."""
    key(own, texts.OTHERS_BUTTON).click()
    choice = page.locator("article.by-bot", has=page.get_by_role("button", name=part)).last
    key(choice, part).click()
    asked = page.locator("article.by-bot", has=page.locator(".photo")).last
    expect(asked).not_to_have_attribute("data-id", own.get_attribute("data-id") or "")
    expect_payable(asked)
    return pinned(asked)


def pay(card: Locator, sats: int) -> None:
    """Pay in the open private chat, and wait until the card says so."""
    wallet = open_wallet(card)
    wallet.get_by_role("button", name=f"Pay {sats:,} sats").click()
    wallet.get_by_role("button", name="Back to the chat").click()
    expect(card).to_contain_text(headline(Face.PAID, sats))


def back_to_the_group(page: Page, name: str) -> None:
    """Back through the door; there this person speaks."""
    page.get_by_role("link", name="Back to Friday dinner").click()
    expect(page.locator("#room-title")).to_have_text("Friday dinner")
    expect(page.get_by_role("radio", name=name)).to_be_checked()


def spent(page: Page) -> dict[str, int]:
    """By how many sats each person's wallet has fallen, those that paid nothing left out."""
    asked = ask(page, "/invoice 2100", "what is left")
    left = {}
    for name in PEOPLE:
        speak_as(page, name)
        left[name] = sats_left(open_wallet(asked))
        page.keyboard.press("Escape")
    fallen = {name: START_MSAT // 1000 - sats for name, sats in left.items()}
    return {name: sats for name, sats in fallen.items() if sats}
