"""The demo's page with boards: who is in, parts of others, collections, managing."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, ViewportSize, expect

from bot import texts
from bot.core.invoice import Face
from bot.core.wishes import Change, Changing, Fixing, Joining
from tests.demo.boards import (
    FREE,
    PAID,
    TAKEN,
    asked_for,
    back_to_the_group,
    expect_seats,
    key,
    led,
    pay,
    pay_button,
    pinned,
    question,
    seated,
    someone_elses,
    spent,
)
from tests.demo.visitor import (
    BROWSER_IS_MISSING,
    WAIT_MS,
    Visitor,
    go_in_messages,
    press_until,
    say,
    speak_as,
)
from tests.faces import headline

pytestmark = pytest.mark.browser

SMALLEST = ViewportSize(width=320, height=640)
CLOSE = texts.CHANGES[Change.CLOSE]
expect.set_options(timeout=WAIT_MS)

if BROWSER_IS_MISSING:
    pytest.skip(BROWSER_IS_MISSING, allow_module_level=True)


def newest(page: Page, says: str) -> Locator:
    """The bot's newest message, once it says this."""
    message = page.locator("article.by-bot").last
    expect(message.locator(".text")).to_contain_text(says)
    return pinned(message)


def ask_now(board: Locator) -> None:
    """The number of people is fixed; the alert that says so is closed."""
    key(board, texts.ASK_BUTTON).click()
    expect(board.page.get_by_role("dialog")).to_contain_text(texts.fixing(Fixing.FIXED))
    board.page.keyboard.press("Enter")
    expect(pay_button(board)).to_be_visible()


def test_who_drops_out_is_paid_for_by_another_until_all_is_paid(page: Page) -> None:
    speak_as(page, "Ada")
    command = "/split 84k @ben_o @chloe_m @dmitri_v dinner"
    dinner = asked_for(page, command, "Ada", button=texts.PAY_BUTTON)
    expect_seats(dinner, f"{PAID} Ada", f"{FREE} @ben_o", f"{FREE} @chloe_m", f"{FREE} @dmitri_v")

    dmitris = seated(page, dinner, "Dmitri", "dinner")
    key(dmitris, texts.LEAVE_BUTTON).click()
    expect(dmitris).to_contain_text(headline(Face.CANCELLED, 21_000))
    back_to_the_group(page, "Dmitri")
    expect_seats(dinner, f"{PAID} Ada", f"{FREE} @ben_o", f"{FREE} @chloe_m", f"{FREE} free")

    bens = seated(page, dinner, "Ben", "dinner")
    pay(someone_elses(page, bens, "free: 21,000 sats"), 21_000)
    pay(bens, 21_000)
    back_to_the_group(page, "Ben")
    seats = (f"{PAID} Ada", f"{PAID} Ben", f"{FREE} @chloe_m", f"{PAID} someone Ben")
    expect_seats(dinner, *seats)
    pay(seated(page, dinner, "Chloé", "dinner"), 21_000)
    back_to_the_group(page, "Chloé")
    expect_seats(dinner, f"{PAID} Ada", f"{PAID} Ben", f"{PAID} Chloé", f"{PAID} someone Ben")
    expect(dinner).to_contain_text("all covered")
    expect(dinner.locator(".keys")).to_have_count(0)
    assert spent(page) == {"Ben": 42_000, "Chloé": 21_000}


def test_the_time_line_of_a_part_paid_for_another_ends_with_the_board(page: Page) -> None:
    dinner = asked_for(page, "/split 63k/3 ramen", "Ada", button=texts.PAY_BUTTON)
    bens = seated(page, dinner, "Ben", "ramen")
    free = someone_elses(page, bens, "free: 21,000 sats")
    free.hover()
    free.get_by_role("button", name="Time line of this card").click()
    pay(free, 21_000)
    expect(page.locator("#line-title")).to_have_text("Ben pays a free part of “ramen”, 21,000 sats")
    last = page.locator("#line li").last
    expect(last).to_contain_text("Edits the board: “21,000 sats paid; ")
    expect(last).to_contain_text("✅ 21,000 sats: someone (by Ben Okafor)”.")


@pytest.mark.parametrize("size", [ViewportSize(width=1440, height=900)], ids=["columns"])
def test_the_title_of_a_time_line_has_its_sum_whole(page: Page) -> None:
    name = "ramen and all that we had later on a very long evening"
    dinner = asked_for(page, f"/split 63k/3 {name}", "Ada", button=texts.PAY_BUTTON)
    bens = seated(page, dinner, "Ben", "ramen")
    someone_elses(page, bens, "free: 21,000 sats")
    title = page.locator("#line-title")
    expect(title).to_have_text(f"Ben pays a free part of “{name[:40]}…”, 21,000 sats")
    cut = "(it) => it.scrollWidth > it.clientWidth || it.scrollHeight > it.clientHeight"
    assert not title.evaluate(cut)


def test_a_bill_of_those_who_are_in_is_closed_early_by_who_asked(page: Page) -> None:
    taxi = asked_for(page, "/split 63k taxi", "Ben", button=texts.JOIN_BUTTON)
    toast = page.locator(".toast")
    for name in ("Ada", "Dmitri", "Chloé"):
        speak_as(page, name)
        key(taxi, texts.JOIN_BUTTON).click()
        expect(taxi.locator(".text")).to_contain_text(name)
        # one line at a time, however many pressed
        expect(toast).to_have_text(texts.joining(Joining.IN))
    speak_as(page, "Ada")
    key(taxi, texts.LEAVE_BUTTON).click()
    expect_seats(taxi, f"{FREE} Ben", f"{FREE} Dmitri", f"{FREE} Chloé")
    speak_as(page, "Ben")
    ask_now(taxi)

    chloes = seated(page, taxi, "Chloé", "taxi")
    back_to_the_group(page, "Chloé")
    expect(toast).to_have_count(0)
    pay(seated(page, taxi, "Dmitri", "taxi"), 21_000)
    back_to_the_group(page, "Dmitri")
    expect_seats(taxi, f"{FREE} Ben", f"{PAID} Dmitri", f"{TAKEN} Chloé")

    # the panel is one message, whatever is chosen there
    led(taxi, "Ben", texts.MANAGE_BUTTON)
    panel = newest(page, "Split: 63,000 sats")
    key(panel, texts.CHANGES[Change.SETTLE]).click()
    key(panel, "Ben Okafor: 21,000 sats").click()
    expect_seats(panel, f"{PAID} Ben", f"{PAID} Dmitri", f"{TAKEN} Chloé")
    key(panel, CLOSE).click()
    expect(panel).to_contain_text("Close it?")
    key(panel, texts.CLOSE_BUTTON).click()
    expect(toast).to_have_text(texts.changing(Change.CLOSE, Changing.DONE))
    back_to_the_group(page, "Ben")
    expect(taxi).to_contain_text("Nothing more can be paid.")
    expect(taxi.locator(".keys")).to_have_count(0)
    page.get_by_role("radio", name="Chloé").check()
    page.get_by_role("link", name="Chloé’s private chat").click()
    expect(chloes).to_contain_text(headline(Face.CANCELLED, 21_000))
    back_to_the_group(page, "Chloé")
    assert spent(page) == {"Dmitri": 21_000}


def test_a_present_is_paid_by_one_who_hides_and_one_who_writes_a_number(page: Page) -> None:
    present = asked_for(page, "/collect 60k/10k a present", "Ada", button=texts.GIVE_BUTTON)
    expect(present.locator(".emoji-empty")).to_have_count(10)

    led(present, "Chloé", texts.GIVE_BUTTON)
    asked = question(page)
    key(asked, texts.HIDE_BUTTON).click()
    expect(key(asked, texts.SHOW_BUTTON)).to_be_focused()
    key(asked, "21,000 sats").click()
    pay(asked, 21_000)  # the question has become the card
    back_to_the_group(page, "Chloé")
    expect(present).to_contain_text("1 gift")
    expect(present).not_to_contain_text("Chloé")

    led(present, "Ben", texts.GIVE_BUTTON)
    asked = question(page)
    say(page, "40k")
    expect(asked.locator(".photo")).to_be_visible()
    pay(asked, 40_000)
    back_to_the_group(page, "Ben")
    expect(present).to_contain_text("Collection: 61,000 sats of 60,000 sats")
    expect_seats(present, f"{PAID} Ben")
    expect(present.locator(".emoji-full")).to_have_count(10)
    expect(key(present, texts.GIVE_BUTTON)).to_be_visible()
    assert spent(page) == {"Ben": 40_000, "Chloé": 21_000}


def test_the_time_line_is_the_boards_until_an_amount_is_chosen(page: Page) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    title = page.locator("#line-title")
    bill = asked_for(page, "/split 42k/2 lunch", "Ada", button=texts.PAY_BUTTON)
    bens = seated(page, bill, "Ben", "lunch")
    key(bens, texts.LEAVE_BUTTON).click()
    expect(bens).to_contain_text(headline(Face.CANCELLED, 21_000))
    expect(title).to_have_text("Ben’s part of “lunch”, 21,000 sats")
    back_to_the_group(page, "Ben")
    asked_for(page, "/collect any a present", "Ada", button=texts.GIVE_BUTTON)
    speak_as(page, "Ben")
    key(page.locator("article.by-bot").last, texts.GIVE_BUTTON).click()
    asked = question(page)
    expect(title).to_have_text("/collect any a present")
    key(asked, texts.ANY_BUTTON).click()
    expect(asked.locator(".photo")).to_be_visible()
    expect(title).to_have_text("A gift of any amount to “a present”")
    expect(page.locator("#money-more")).to_contain_text("1 invoice open, any amount")


def test_a_board_that_moves_to_the_end_leaves_nothing_behind(visitor: Visitor) -> None:
    page, elsewhere, friend = visitor.visit(), visitor.visit("Ada Quist"), visitor.visit()
    brunch = asked_for(page, "/split 42k @ben_o brunch", "Ada", button=texts.PAY_BUTTON)
    say(page, "Who is coming?")
    unread = elsewhere.get_by_role("link", name=re.compile("^Friday dinner")).locator(".badge")
    expect(unread).to_have_text("3 unread")
    pay_button(brunch).focus()
    friends = friend.locator("article.by-bot").last
    friends.hover()
    friends.get_by_role("button", name="Reply to Invoice bot").click()
    say(friend, "/split")

    expect(brunch).to_have_count(0)
    again = newest(page, "Split: 42,000 sats")
    reply = page.locator("article", has_text="/split").last
    expect(page.locator("#log")).to_be_focused()
    expect(page.locator("article", has=page.locator(".quote.deleted"))).to_have_count(1)
    # the reply and the board of now, and not the one of before
    expect(unread).to_have_text("4 unread")
    expect(reply).to_be_visible()
    pay(seated(page, again, "Ben", "brunch"), 21_000)
    back_to_the_group(page, "Ben")
    expect_seats(again, f"{PAID} Ada", f"{PAID} Ben")


def test_the_tour_reads_what_a_board_waits_for(page: Page) -> None:
    tour = page.locator("#tour")
    taxi = asked_for(page, "/split 63k taxi", "Ada", button=texts.JOIN_BUTTON)
    expect(tour).to_contain_text(f"{texts.JOIN_BUTTON}. Then {texts.ASK_BUTTON} as Ada")
    for name in ("Chloé", "Ben"):
        speak_as(page, name)
        key(taxi, texts.JOIN_BUTTON).click()
        expect(taxi.locator(".text")).to_contain_text(name)
    speak_as(page, "Ada")
    ask_now(taxi)
    expect(tour).to_contain_text(f"Speak as each friend in turn and press {texts.PAY_BUTTON}")

    chloes = seated(page, taxi, "Chloé", "taxi")
    expect(tour).to_contain_text(f"{texts.LEAVE_BUTTON} to drop out, or {texts.OTHERS_BUTTON}")
    key(chloes, texts.LEAVE_BUTTON).click()
    expect(tour).to_contain_text("Somebody else can now take that part, or pay for it")
    tour.get_by_role("link", name="Friday dinner").click()
    bens = seated(page, taxi, "Ben", "taxi")
    key(bens, texts.OTHERS_BUTTON).click()
    expect(tour).to_contain_text("Choose whose part Ben pays")
    key(newest(page, "Whose part"), "free: 21,000 sats").click()
    expect(tour).to_contain_text("Press the picture to pay.")
    tour.get_by_role("link", name="Friday dinner").click()
    speak_as(page, "Ada")
    key(taxi, texts.MANAGE_BUTTON).click()
    expect(tour).to_contain_text("What Ada presses here changes the board")


def test_a_hint_says_which_picture_and_which_board_is_meant(page: Page) -> None:
    tour = page.locator("#tour")
    ramen = asked_for(page, "/split 63k/3 ramen", "Ada", button=texts.PAY_BUTTON)
    bens = seated(page, ramen, "Ben", "ramen")
    expect(tour).to_contain_text(f"Press the picture to pay Ben’s part, {texts.LEAVE_BUTTON}")
    pay(someone_elses(page, bens, "free: 21,000 sats"), 21_000)
    # its own picture is above the paid one, and nobody else is left to pay for
    expect(tour).to_contain_text("Press the picture further up to pay Ben’s part")
    expect(tour).to_contain_text(f", or {texts.LEAVE_BUTTON} to drop out.")
    expect(tour).not_to_contain_text(texts.OTHERS_BUTTON)

    back_to_the_group(page, "Ben")
    expect(tour).to_contain_text("Speak as each friend in turn")
    expect(tour).not_to_contain_text("further up")
    taxi = asked_for(page, "/split 42k/2 taxi", "Ada", button=texts.PAY_BUTTON)
    key(taxi, texts.MANAGE_BUTTON).click()
    expect(page.locator("#room-title")).to_have_text("Ada Quist")
    panel = newest(page, "Split: 42,000 sats")
    key(panel, CLOSE).click()
    key(panel, texts.CLOSE_BUTTON).click()
    back_to_the_group(page, "Ada")
    expect(taxi).to_contain_text("Nothing more can be paid.")
    expect(tour).to_contain_text("The split “ramen”, further up, goes on. Speak as each friend")


def test_a_hint_says_that_a_goal_was_reached(page: Page) -> None:
    tour = page.locator("#tour")
    present = asked_for(page, "/collect 21k a present", "Ada", button=texts.GIVE_BUTTON)
    expect(tour).to_contain_text(f"Speak as somebody and press {texts.GIVE_BUTTON}")
    expect(tour).not_to_contain_text("reached")
    led(present, "Ben", texts.GIVE_BUTTON)
    asked = question(page)
    key(asked, "21,000 sats").click()
    pay(asked, 21_000)
    back_to_the_group(page, "Ben")
    expect(tour).to_contain_text("The goal is reached, and more can be given. Speak as somebody")


def test_names_are_offered_as_they_are_typed(page: Page) -> None:
    speak_as(page, "Ada")
    field = page.get_by_label("Message", exact=True)
    field.press_sequentially("/split 42k @")
    # but for who writes
    expect(page.get_by_role("option")).to_have_text([re.compile(n) for n in ("Ben", "Chlo", "Dmi")])
    field.press_sequentially("mart")
    expect(page.get_by_role("option")).to_have_text(re.compile("@chloe_m"))
    page.keyboard.press("Tab")
    expect(field).to_have_value("/split 42k @chloe_m ")
    expect(page.get_by_role("option")).to_have_count(0)
    field.press_sequentially("cake")
    page.keyboard.press("Enter")
    expect_seats(newest(page, "Split: 42,000 sats"), f"{PAID} Ada", f"{FREE} @chloe_m")
    # half a name is nobody's
    field.press_sequentially("/split 42k @ch")
    expect(page.get_by_role("option", selected=True)).to_have_text(re.compile("@chloe_m"))
    page.keyboard.press("Enter")
    expect(field).to_have_value("/split 42k @chloe_m ")


@pytest.mark.parametrize("size", [SMALLEST], ids=["320 px"])
def test_the_keyboard_alone_gives_and_closes_on_the_smallest_screen(page: Page) -> None:
    press_until(page, "Shift+Tab", "Ada$")
    page.keyboard.press("ArrowLeft")  # the last one, in the narrow row
    expect(page.get_by_role("radio", name="Dmitri")).to_be_focused()
    press_until(page, "Tab", "Message")
    page.keyboard.type("/collect 50k/21k a present for Mia")
    page.keyboard.press("Enter")
    present = newest(page, "Collection: nothing yet")
    go_in_messages(page, f"^{texts.GIVE_BUTTON}$")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    asked = question(page)
    go_in_messages(page, texts.HIDE_BUTTON)
    page.keyboard.press("Enter")
    expect(key(asked, texts.SHOW_BUTTON)).to_be_focused()
    go_in_messages(page, "^5,000 sats$")
    page.keyboard.press("Enter")
    # its keys are others now: the message itself keeps the focus
    expect(asked.locator(".photo")).to_be_visible()
    expect(asked).to_be_focused()
    expect_in_sight(page, asked)
    go_in_messages(page, "Open this picture in the wallet", by="Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Pay 5,000 sats")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Back to the chat")).to_be_focused()
    page.keyboard.press("Enter")
    expect(asked.locator(".photo")).to_be_focused()
    press_until(page, "Tab", "^Back to Friday dinner")
    page.keyboard.press("Enter")

    expect(present).to_contain_text("1 gift")
    expect_in_sight(page, present)
    go_in_messages(page, f"^{texts.MANAGE_BUTTON}$", by="Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#room-title")).to_have_text("Dmitri Volkov")
    panel = newest(page, "Collection: 5,000 sats")
    expect_in_sight(page, panel)
    go_in_messages(page, f"^{CLOSE}$")
    page.keyboard.press("Enter")
    expect(panel).to_contain_text("Close it?")
    go_in_messages(page, f"^{texts.CLOSE_BUTTON}$")
    page.keyboard.press("Enter")
    expect(key(panel, texts.CLOSE_BUTTON)).to_have_count(0)
    press_until(page, "Tab", "^Back to Friday dinner")
    page.keyboard.press("Enter")
    expect(present).to_contain_text("closed")


def expect_in_sight(page: Page, message: Locator) -> None:
    """Nothing is wider than the screen, and whoever was chosen is to be seen whole."""
    expect(message).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == SMALLEST["width"]
    number = message.get_attribute("data-id")
    chosen = ".speaker:has(:checked), .speaker[aria-current]"
    cut = """(parts) => [...document.querySelectorAll(parts)]
        .filter((each) => each.checkVisibility())
        .map((each) => each.getBoundingClientRect())
        .filter((box) => box.left < 0 || box.right > innerWidth).length"""
    assert page.evaluate(cut, f'.who, {chosen}, [data-id="{number}"]') == 0
