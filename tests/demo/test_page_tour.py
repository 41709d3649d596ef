"""The demo's first screen and its tour, in a real browser: played whole, left, and begun again."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

from bot import texts
from bot.core.invoice import Face
from bot.core.wishes import Change
from bot.demo.run import ENDED
from bot.demo.stage import TALK
from tests.demo.audit import Audit
from tests.demo.boards import FREE, PAID, board, expect_seats, key
from tests.demo.visitor import (
    BROWSER_IS_MISSING,
    WAIT_MS,
    WIDE,
    Demo,
    Visitor,
    ask,
    card,
    expect_heard,
    focused,
    open_wallet,
    press_until,
    say,
    shared,
    speak_as,
)
from tests.faces import headline

#: Some of these play for long, on a machine that does other things as well.
pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

PHONE = ViewportSize(width=390, height=844)
SMALLEST = ViewportSize(width=320, height=640)
expect.set_options(timeout=WAIT_MS)

if BROWSER_IS_MISSING:
    pytest.skip(BROWSER_IS_MISSING, allow_module_level=True)

ASK = "Ask for 2,100 sats"
KILL = "Kill it"
START = "Start it"
SPLIT = "Split Friday’s dinner"
BACK = "Back to Friday dinner"
BENS_WALLET = "Open Ben’s wallet"
#: The whole way: what the tour's button is called, step by step. A wallet opens in between.
UNTIL_PAID = (ASK, BENS_WALLET)
UNTIL_MISSED = ("Ask for 900 more", KILL, BENS_WALLET)
BENS = ("Press it as Ben", "Press Start", BENS_WALLET, BACK)
CHLOES = ("Press it as Chloé", "Press Start", f"Press “{texts.LEAVE_BUTTON}”", BACK)
DMITRIS = (
    "Press it as Dmitri",
    "Press Start",
    f"Press “{texts.OTHERS_BUTTON}”",
    "Press it",
    "Open Dmitri’s wallet",
    "Open Dmitri’s wallet",
    BACK,
)
#: Whom the board names at the end of it.
NAMES_PAID = ("Ada", "Ben", "Dmitri", "someone")
WHOLE = (*UNTIL_PAID, *UNTIL_MISSED, START, SPLIT, *BENS, *CHLOES, *DMITRIS)
AGAIN = "Begin again"
HEADLINE = "Your node. Your friends. One command."


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with shared() as address:
        yield address


@pytest.fixture
def fresh(browser: Browser, size: ViewportSize) -> Iterator[Page]:
    """The first screen of a demo of its own, as it is opened."""
    context = browser.new_context(viewport=size, locale="en-GB")
    with Demo("--port", "0") as demo:
        visitor = Visitor(context, demo.address())
        yield visitor.arrive()
        context.close()
        code, out, err = demo.end()
    assert (code, out) == (0, f"{ENDED}\n")
    assert "Traceback" not in err
    assert visitor.complaints == []


def tour(page: Page) -> Locator:
    return page.get_by_role("region", name="Tour")


def button(page: Page, label: str) -> Locator:
    return tour(page).get_by_role("button", name=label, exact=True)


def pay(page: Page) -> None:
    wallet = page.get_by_role("dialog")
    wallet.get_by_role("button", name=re.compile("^Pay ")).click()
    wallet.get_by_role("button", name="Back to the chat").click()


def take(page: Page, *labels: str) -> None:
    """Take these steps by the tour's button, and pay what a wallet asks for."""
    for label in labels:
        button(page, label).click()
        if "wallet" in label:
            pay(page)


def expect_part(page: Page, name: str) -> None:
    """Wait until the tour marks this part, and this one alone."""
    parts = page.get_by_role("list", name="Parts of the tour")
    expect(parts.get_by_role("listitem")).to_have_text(["Ask", "Pay", "Kill", "Split"])
    expect(parts.locator("[aria-current=step]")).to_have_text([name])


def test_the_tour_is_played_whole(fresh: Page) -> None:
    page = fresh
    for _, text in TALK:
        expect(page.locator("#log")).to_contain_text(text)
    expect(tour(page).get_by_role("heading")).to_have_text(HEADLINE)
    take(page, *UNTIL_PAID)
    expect(card(page, "pizza")).to_contain_text(headline(Face.PAID, 2100))
    take(page, *UNTIL_MISSED)
    expect(page.locator("#bot-chip")).to_have_text("Bot killed")
    expect_part(page, "Kill")
    expect(tour(page)).to_contain_text("The card still asks for money")
    expect(card(page, "dessert")).to_contain_text(headline(Face.OPEN, 900))
    take(page, START)
    expect(tour(page)).to_contain_text("PAID")
    expect(card(page, "dessert")).to_contain_text(headline(Face.PAID, 900))

    take(page, SPLIT)
    dinner = board(page, "dinner")
    expect_part(page, "Split")
    take(page, *BENS)
    expect_seats(dinner, f"{PAID} Ada", f"{PAID} Ben", FREE, FREE)
    take(page, *CHLOES)
    expect_seats(dinner, f"{PAID} Ada", f"{PAID} Ben", FREE, FREE)
    take(page, *DMITRIS)
    expect_seats(dinner, *(f"{PAID} {name}" for name in NAMES_PAID))
    expect(tour(page)).to_contain_text("All covered. That was the tour.")
    expect(page.locator("#received-said")).to_have_text("66,000 sats received")
    for figure, count in (("asked", 6), ("paid", 5), ("told", 5), ("lost", 0), ("twice", 0)):
        expect(page.locator(f"[data-figure={figure}]")).to_have_text(str(count))

    # and once more, as if nothing had been before
    take(page, AGAIN)
    expect(tour(page).get_by_role("heading")).to_have_text(HEADLINE)
    take(page, *UNTIL_PAID)
    expect(button(page, "Ask for 900 more")).to_be_visible()


@pytest.mark.parametrize("size", [SMALLEST], ids=["320 px"])
@pytest.mark.timeout(300)
def test_the_keyboard_alone_takes_the_whole_tour_on_the_smallest_screen(fresh: Page) -> None:
    page = fresh
    press_until(page, "Tab", f"^{ASK}$")
    says = []
    for label in WHOLE:
        # the focus stays on the button, whatever its step has opened
        expect(button(page, label)).to_be_focused()
        says.append(page.locator("#tour-says").inner_text())
        page.keyboard.press("Enter")
        if "wallet" in label:
            for inside in ("^Pay ", "^Back to the chat$"):
                key = page.get_by_role("dialog").get_by_role("button", name=re.compile(inside))
                expect(key).to_be_focused()
                page.keyboard.press("Enter")
        assert page.evaluate("document.documentElement.scrollWidth") == SMALLEST["width"]
    expect(button(page, AGAIN)).to_be_focused()
    assert sum("the group is not flooded" in each for each in says) == 1
    page.keyboard.press("Escape")
    expect(tour(page)).to_be_hidden()


@pytest.mark.timeout(900)
def test_axe_finds_nothing_wrong_in_any_step_of_the_tour(fresh: Page) -> None:
    fresh.get_by_role("link", name=re.compile("^Friday dinner")).click()
    audit = Audit(fresh)
    for label in WHOLE:
        expect(button(fresh, label)).to_be_visible()
        audit.look(f"the tour’s step: {label}")
        take(fresh, label)
    expect(button(fresh, AGAIN)).to_be_visible()
    audit.look("the tour’s end")
    button(fresh, "End the tour").click()
    audit.look("no tour")
    assert audit.found == []


@pytest.mark.parametrize("size", [WIDE, PHONE, SMALLEST], ids=["wide", "390 px", "320 px"])
def test_the_first_screen_says_what_it_is_and_has_its_button_in_sight(visitor: Visitor) -> None:
    page = visitor.arrive()
    for part in (tour(page).get_by_role("heading", name=HEADLINE), button(page, ASK)):
        expect(part).to_be_in_viewport(ratio=1)
    expect(page.locator("#log")).to_contain_text(TALK[-1][1])
    filled = page.locator(".primary:visible")
    expect(filled).to_have_count(1)


@pytest.mark.parametrize("size", [PHONE], ids=["390 px"])
def test_on_a_phone_the_list_that_was_gone_back_to_stays(visitor: Visitor) -> None:
    page = visitor.arrive()
    expect(page.locator("#room-title")).to_have_text("Friday dinner")
    page.locator("#back").click()
    expect(page.locator("#room")).to_be_hidden()
    page.reload()
    expect(page.get_by_role("link", name=re.compile("^Friday dinner"))).to_be_visible()
    expect(page.locator("#room")).to_be_hidden()


@pytest.mark.parametrize("ends", ["Escape", "End the tour"])
def test_a_tour_that_was_ended_stays_so_and_can_be_begun_again(page: Page, ends: str) -> None:
    page.get_by_label("Message", exact=True).focus()
    if ends == "Escape":
        page.keyboard.press("Escape")
    else:
        button(page, ends).click()
    expect(tour(page)).to_be_hidden()
    expect_heard(page, "The tour has ended")
    page.reload()
    again = page.get_by_role("button", name="Take the tour")
    expect(again).to_be_visible()
    expect(tour(page)).to_be_hidden()
    again.click()
    expect(button(page, ASK)).to_be_focused()
    expect(again).to_be_hidden()


def test_escape_ends_what_is_nearer_first(page: Page) -> None:
    asked = ask(page, "/invoice 501", "to be escaped from")
    asked.get_by_role("button", name="Reply to Invoice bot").click()
    page.keyboard.press("Escape")
    expect(page.locator("#replying")).to_be_hidden()
    expect(tour(page)).to_be_visible()
    open_wallet(asked)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(tour(page)).to_be_visible()
    page.get_by_label("Message", exact=True).press_sequentially("/")
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("option")).to_have_count(0)
    expect(tour(page)).to_be_visible()
    page.keyboard.press("Escape")
    expect(tour(page)).to_be_hidden()


def test_a_step_is_announced_in_turn_with_everything_else(page: Page) -> None:
    assert page.locator("#tour[aria-live], #tour [aria-live], #tour [role=status]").count() == 0
    take(page, ASK)
    expect_heard(page, "Press its picture")


def outline(found: Locator) -> str:
    style: str = found.evaluate("(it) => getComputedStyle(it).outlineStyle")
    return style


def test_a_ring_is_around_what_is_to_be_pressed_until_it_was(page: Page) -> None:
    take(page, ASK)
    expect(button(page, BENS_WALLET)).to_be_visible()
    pizza = card(page, "pizza")
    photo = pizza.locator(".photo")
    assert outline(photo) == "solid"
    speak_as(page, "Chloé")  # every message is drawn again
    assert outline(photo) == "solid"
    # whoever presses the thing itself takes the same step
    pizza.locator(".photo").click()
    pay(page)
    expect(button(page, "Ask for 900 more")).to_be_visible()
    expect(pizza).to_contain_text(headline(Face.PAID, 2100))
    assert outline(photo) == "none"
    take(page, "Ask for 900 more")
    expect(button(page, KILL)).to_be_visible()
    assert outline(page.locator("#bot-switch")) == "solid"
    button(page, "End the tour").click()
    expect(tour(page)).to_be_hidden()
    assert outline(page.locator("#bot-switch")) == "none"


LOW = ViewportSize(width=1280, height=560)


@pytest.mark.parametrize("size", [LOW, PHONE], ids=["low", "390 px"])
def test_what_the_tour_points_at_comes_in_sight(fresh: Page) -> None:
    page = fresh
    take(page, *UNTIL_PAID, *UNTIL_MISSED, START, SPLIT, *BENS, *CHLOES[:2])
    for name in (texts.LEAVE_BUTTON, texts.OTHERS_BUTTON):
        expect(button(page, f"Press “{name}”")).to_be_visible()
        key = page.locator(".keys").get_by_role("button", name=name, exact=True)
        expect(key).to_be_in_viewport(ratio=1)
        take(page, f"Press “{name}”", *((BACK, *DMITRIS[:2]) if name == texts.LEAVE_BUTTON else ()))


@pytest.mark.parametrize("size", [PHONE], ids=["390 px"])
def test_on_a_phone_the_tour_says_where_the_bots_button_is(fresh: Page) -> None:
    page = fresh
    take(page, *UNTIL_PAID, "Ask for 900 more")
    expect(tour(page)).to_contain_text("Its own button is below the list of chats.")
    page.locator("#back").click()
    kills = page.get_by_role("button", name="Kill the bot")
    expect(kills).to_be_visible()
    assert outline(kills) == "solid"
    page.get_by_role("link", name=re.compile("^Friday dinner")).click()
    take(page, KILL)
    button(page, BENS_WALLET).click()
    wallet = page.get_by_role("dialog")
    wallet.get_by_role("button", name=re.compile("^Pay ")).click()
    expect(wallet).to_contain_text("The bot is not running")
    expect(wallet).not_to_contain_text("by itself")


def close_split(page: Page) -> None:
    """Ada closes the newest board, and goes back to the group."""
    speak_as(page, "Ada")
    key(
        page.locator("article.by-bot", has=page.get_by_text(texts.MANAGE_BUTTON)).last,
        texts.MANAGE_BUTTON,
    ).click()
    expect(page.locator("#room-title")).to_have_text("Ada Quist")
    # she has changed nothing yet
    expect(tour(page)).to_contain_text("What Ada presses here changes the board")
    expect(tour(page)).not_to_contain_text("has changed")
    panel = page.locator("article.by-bot").last
    key(panel, texts.CHANGES[Change.CLOSE]).click()
    key(panel, texts.CLOSE_BUTTON).click()
    expect(tour(page)).to_contain_text("The split was closed.")
    take(page, BACK)


def test_a_split_that_is_closed_early_is_split_again_or_gone_on_without(fresh: Page) -> None:
    page = fresh
    take(page, *UNTIL_PAID, *UNTIL_MISSED, START, SPLIT, *BENS)
    close_split(page)
    expect(tour(page)).to_contain_text("The split was closed before all of it was covered")
    page.reload()
    # whoever was led before is led again
    take(page, "Split it again", BENS[0])
    expect(button(page, BENS_WALLET)).to_be_visible()
    take(page, BENS_WALLET, BACK)
    close_split(page)
    say(page, "/split 84k/4 dinner")
    expect_seats(page.locator("article.by-bot").last, f"{PAID} Ada", FREE, FREE, FREE)
    expect(tour(page)).to_contain_text(texts.PAY_BUTTON)
    close_split(page)
    expect(button(page, "Split it again")).to_be_visible()
    tour(page).get_by_role("button", name="go on without it").click()
    expect(tour(page).get_by_role("heading")).to_have_text("That was the tour.")
    expect(button(page, AGAIN)).to_be_visible()


def test_a_board_of_ones_own_is_no_part_of_the_tour(fresh: Page) -> None:
    page = fresh
    say(page, "/collect 60k/21k a present")
    expect(tour(page)).to_contain_text(texts.GIVE_BUTTON)
    expect(page.get_by_role("list", name="Parts of the tour")).to_have_count(0)


def test_while_a_bill_is_split_the_time_line_follows_the_board_and_its_parts(fresh: Page) -> None:
    page = fresh
    title, steps = page.locator("#line-title"), page.locator("#line li")
    take(page, *UNTIL_PAID, *UNTIL_MISSED, START)
    expect(title).to_have_text("/invoice 900 dessert")
    take(page, SPLIT)
    expect(title).to_have_text("/split 84k/4 dinner")
    take(page, BENS[0])
    expect(button(page, BENS[1])).to_be_visible()
    expect(title).to_have_text("/split 84k/4 dinner")
    take(page, *BENS[1:3])
    expect(title).to_have_text("Ben’s part of “dinner”, 21,000 sats")
    expect(steps.filter(has_text="Ben’s wallet")).to_have_count(1)
    expect(steps.last).to_contain_text("Edits the board")
    take(page, BACK)
    expect(title).to_have_text("/split 84k/4 dinner")
    expect(steps.filter(has_text="21,000 sats paid")).to_have_count(1)
    take(page, *CHLOES, *DMITRIS[:-2])
    # of two cards in one chat the one that was paid last
    payer = steps.filter(has_text="Dmitri’s wallet")
    expect(steps.filter(has_text="Edits the card: “✅")).to_have_count(1)
    expect(payer).to_have_count(1)
    first = page.locator("#line").inner_text()
    take(page, DMITRIS[-2])
    expect(steps.filter(has_text="for your part")).to_have_count(1)
    assert page.locator("#line").inner_text() != first

    # what the visitor has chosen stays
    take(page, BACK)
    # once the bill's last edit and announcement are there, it is older than what comes
    expect_seats(board(page, "dinner"), *(f"{PAID} {name}" for name in NAMES_PAID))
    expect(page.locator("#log")).to_contain_text("All parts of 84,000 sats are covered")
    dessert = card(page, "dessert")
    dessert.get_by_role("button", name="Time line of this card").click()
    expect(title).to_have_text("/invoice 900 dessert")
    say(page, "/split 10k/2 later")
    expect(board(page, "later")).to_be_visible()
    expect(title).to_have_text("/invoice 900 dessert")
    page.get_by_role("button", name="Follow the newest").click()
    expect(title).to_have_text("/split 10k/2 later")


ON_ITS_SIDE = ViewportSize(width=844, height=390)
ZOOMED = ViewportSize(width=360, height=225)


@pytest.mark.parametrize("size", [ON_ITS_SIDE, ZOOMED], ids=["844x390", "360x225"])
def test_where_little_is_in_sight_nothing_runs_out_of_it(page: Page, size: ViewportSize) -> None:
    for part in (
        page.get_by_label("Message", exact=True),
        page.locator("#send"),
        page.locator("#doors a"),
        button(page, ASK),
    ):
        expect(part).to_be_in_viewport(ratio=1)
        box = part.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= size["width"]


def expect_read_whole(page: Page, part: Locator) -> None:
    """It is in sight, and the tour's bar cuts nothing of it off."""
    expect(part).to_be_in_viewport(ratio=1)
    box, bar = part.bounding_box(), tour(page).bounding_box()
    assert box is not None
    assert bar is not None
    assert box["y"] >= bar["y"]
    assert box["y"] + box["height"] <= bar["y"] + bar["height"]


def expect_in_one_line_off_the_edge(page: Page, key: Locator) -> None:
    box, bar = key.bounding_box(), tour(page).bounding_box()
    assert box is not None
    assert bar is not None
    assert box["y"] > bar["y"]
    assert box["height"] < 30


@pytest.mark.parametrize("size", [ON_ITS_SIDE], ids=["844x390"])
def test_on_a_phone_on_its_side_the_tour_is_read_whole(fresh: Page) -> None:
    page = fresh
    expect_read_whole(page, tour(page).get_by_role("heading", name=HEADLINE))
    for label in (*UNTIL_PAID, *UNTIL_MISSED, START, SPLIT, *BENS):
        expect(button(page, label)).to_be_in_viewport(ratio=1)
        expect_read_whole(page, page.locator("#tour-says"))
        expect_in_one_line_off_the_edge(page, button(page, label))
        for person in page.locator(".speaker:visible").all():
            expect(person).to_be_in_viewport(ratio=1)
        assert page.locator("#log").evaluate("(it) => it.clientHeight") >= 100
        take(page, label)


@pytest.mark.parametrize("size", [ViewportSize(width=360, height=170)], ids=["360x170"])
def test_what_is_below_the_window_is_scrolled_to_from_above_the_messages(page: Page) -> None:
    field = page.get_by_label("Message", exact=True)
    expect(field).not_to_be_in_viewport(ratio=1)
    page.locator("#room-title").hover()
    page.mouse.wheel(0, 2000)
    expect(field).to_be_in_viewport(ratio=1)


def test_a_tour_that_was_left_goes_on_where_it_was(page: Page) -> None:
    take(page, *UNTIL_PAID)
    expect(button(page, "Ask for 900 more")).to_be_visible()
    page.reload()
    expect(button(page, "Ask for 900 more")).to_be_visible()
    page.get_by_role("link", name=re.compile("^Allotment")).click()
    take(page, "Go to Friday dinner")
    expect(button(page, "Ask for 900 more")).to_be_visible()


def test_the_tour_says_what_is_in_its_way(page: Page) -> None:
    page.get_by_role("button", name="Kill the bot").click()
    take(page, START)
    page.get_by_role("radio", name="Node down").check()
    take(page, "Switch the node on")
    expect(button(page, ASK)).to_be_visible()
    take(page, *UNTIL_PAID)
    # paid before anybody killed the bot: that part is still to come
    take(page, "Ask for 900 more")
    expect(button(page, KILL)).to_be_visible()
    speak_as(page, "Dmitri")
    open_wallet(card(page, "dessert"))
    pay(page)
    expect(tour(page)).to_contain_text("was paid while the bot was running")
    take(page, "Ask for 900 more")
    expect(button(page, KILL)).to_be_visible()


def test_while_an_invoice_waits_to_be_paid_the_part_is_pay_whatever_is_in_its_way(
    page: Page,
) -> None:
    take(page, ASK)
    expect(button(page, BENS_WALLET)).to_be_visible()
    page.get_by_role("button", name="Kill the bot").click()
    expect(button(page, START)).to_be_visible()
    expect_part(page, "Pay")
    page.get_by_role("link", name=re.compile("^Allotment")).click()
    expect(button(page, "Go to Friday dinner")).to_be_visible()
    expect_part(page, "Pay")
    page.get_by_role("button", name="Start the bot").click()
    take(page, "Go to Friday dinner", BENS_WALLET)
    expect_part(page, "Kill")


def test_in_a_storm_the_tour_waits(fresh: Page) -> None:
    fresh.get_by_label("Message", exact=True).focus()
    fresh.evaluate("document.getElementById('storm').click()")
    expect(tour(fresh)).to_contain_text("A storm goes on")
    expect(button(fresh, "One moment …")).to_have_attribute("aria-disabled", "true")
    fresh.evaluate("document.getElementById('storm').click()")
    expect(button(fresh, ASK)).to_be_visible(timeout=2 * WAIT_MS)


def test_a_press_that_comes_twice_is_one_step(page: Page) -> None:
    asked = page.locator("article", has_text="/invoice 2100 pizza").filter(
        has=page.locator(".command")
    )
    before = asked.count()
    button(page, ASK).dblclick()
    expect(button(page, BENS_WALLET)).to_be_visible()
    expect(asked).to_have_count(before + 1)


def test_a_double_click_opens_a_wallet_and_leaves_it_open(page: Page) -> None:
    take(page, ASK)
    button(page, BENS_WALLET).dblclick()
    wallet = page.get_by_role("dialog")
    expect(wallet.get_by_role("button", name=re.compile("^Pay "))).to_be_focused()
    page.keyboard.press("Escape")
    expect(wallet).to_have_count(0)
    # the picture, too; a press beside it that is another one closes it
    card(page, "pizza").locator(".photo").dblclick()
    expect(wallet.get_by_role("button", name=re.compile("^Pay "))).to_be_focused()
    page.mouse.click(4, 4)
    expect(wallet).to_have_count(0)


def test_a_bot_that_was_started_before_anybody_paid_is_killed_again(page: Page) -> None:
    take(page, *UNTIL_PAID, "Ask for 900 more", KILL)
    expect(button(page, BENS_WALLET)).to_be_visible()
    page.locator("#bot-switch").click()
    expect(button(page, KILL)).to_be_visible()
    expect(page.locator("#bot-chip")).to_be_hidden()
    open_wallet(card(page, "dessert"))
    pay(page)
    expect(tour(page)).to_contain_text("was paid while the bot was running")


def test_what_happened_while_the_page_was_away_counts(browser: Browser, page: Page) -> None:
    address = page.url
    take(page, ASK)
    expect(button(page, BENS_WALLET)).to_be_visible()
    page.goto("about:blank")
    context = browser.new_context(viewport=WIDE, locale="en-GB")
    elsewhere = Visitor(context, address).visit()
    pizza = card(elsewhere, "pizza")
    open_wallet(pizza)
    pay(elsewhere)
    expect(pizza).to_contain_text(headline(Face.PAID, 2100))
    context.close()
    page.goto(address)
    expect(button(page, "Ask for 900 more")).to_be_visible()


def test_a_tour_that_is_ended_in_one_tab_is_ended_in_all(visitor: Visitor) -> None:
    one, other = visitor.visit(), visitor.visit()
    button(one, "End the tour").click()
    expect(tour(other)).to_be_hidden()


def test_a_card_that_was_cancelled_is_asked_for_again(page: Page) -> None:
    take(page, ASK)
    expect(button(page, BENS_WALLET)).to_be_visible()
    pizza = card(page, "pizza")
    pizza.get_by_role("button", name=texts.CANCEL_BUTTON, exact=True).click()
    expect(tour(page)).to_contain_text("can no longer be paid")
    take(page, *UNTIL_PAID)
    expect(button(page, "Ask for 900 more")).to_be_visible()


def test_what_a_visitor_writes_takes_the_step_as_well(page: Page) -> None:
    speak_as(page, "Ben")
    say(page, "/invoice 77 tea instead")
    # Ben has asked: somebody else pays
    take(page, "Open Chloé’s wallet")
    expect(button(page, "Ask for 900 more")).to_be_visible()


def test_the_link_that_skips_leaves_no_trace_where_it_is_hidden(visitor: Visitor) -> None:
    page = visitor.arrive()
    corner = {"x": 0, "y": 0, "width": 200, "height": 12}
    with_it = page.screenshot(clip=corner)
    page.locator("#skip").evaluate("(it) => { it.style.display = 'none'; }")
    assert page.screenshot(clip=corner) == with_it
    page.locator("#skip").evaluate("(it) => { it.style.display = ''; it.focus(); }")
    assert focused(page) == "Skip to the messages"
    expect(page.locator("#skip")).to_be_in_viewport(ratio=1)


def test_what_the_tour_points_at_is_pressed_as_the_person_that_it_names(fresh: Page) -> None:
    press = fresh.locator("#tour-press")
    press.click()
    expect(press).to_have_text("Open Ben’s wallet")
    fresh.locator("#log [data-name=photo]").last.click()
    expect(fresh.locator("#wallet-title")).to_have_text("Ben’s wallet")


@pytest.mark.parametrize("name", ["Ada", "Dmitri"])
def test_whoever_was_chosen_presses_and_not_whom_the_tour_names(fresh: Page, name: str) -> None:
    page = fresh
    take(page, *UNTIL_PAID, *UNTIL_MISSED, START, SPLIT)
    expect(button(page, "Press it as Ben")).to_be_visible()
    # who speaks is seen before anything is pressed
    expect(page.get_by_role("radio", name="Ben")).to_be_checked()
    page.get_by_role("radio", name=name).click()
    key(board(page, "dinner"), texts.PAY_BUTTON).click()
    expect(page.locator("#room-title")).to_have_text(re.compile(f"^{name} "))
    if name == "Ada":
        return
    # the tour goes along, and on with the others
    take(page, "Press Start", f"Open {name}’s wallet", BACK)
    expect(page.get_by_role("radio", name="Ben")).to_be_checked()
    take(page, *BENS, "Press it as Chloé", "Press Start", "Open Chloé’s wallet", BACK)
    expect(tour(page)).to_contain_text("All covered. That was the tour.")


def test_a_wallet_is_of_whoever_was_chosen_also_of_who_spoke_already(fresh: Page) -> None:
    page = fresh
    take(page, ASK)
    expect(button(page, BENS_WALLET)).to_be_visible()
    page.get_by_role("radio", name="Ada").click()
    card(page, "pizza").locator(".photo").click()
    expect(page.locator("#wallet-title")).to_have_text("Ada’s wallet")
