"""What is said of who owns the bot and who is let in, as people read it."""

from __future__ import annotations

from dataclasses import replace

from bot import texts
from bot.core.grants import Claiming, Role
from bot.core.guests import Guest, Guests
from bot.core.knocks import MORE, KnockState
from bot.core.text import MAX_TEXT, length
from tests.texts.reading import parsed
from tests.texts.test_texts_forgery import knock


def read(markup: str) -> str:
    return str(parsed(markup)["text"])


def test_an_owner_reads_who_asks_where_and_what_became_of_it() -> None:
    asked = replace(knock("Ben", KnockState.OPEN), chat_title="Dinner club")
    assert read(texts.knock(asked)) == (
        '👋 "Ben" (@a_name, id 7) in "Dinner club" (id -5) asks to be let in.'
    )
    in_private = replace(asked, chat_id=7, chat_title="", username="")
    assert read(texts.knock(in_private)) == '👋 "Ben" (id 7) asks to be let in.'
    answered = replace(in_private, state=KnockState.ALLOWED, answered_by="Olga")
    assert read(texts.knock(answered)).endswith('\nLet in by "Olga".')
    assert "/who" in texts.knock(replace(asked, person_id=MORE))


def test_the_claim_link_is_a_sentence_with_the_whole_link() -> None:
    url = "https://t.me/some_bot?start=claim-abc"
    said = texts.claim_link(url)
    assert said.endswith(f" {url}")
    assert "owns this bot" in said


def test_who_claims_the_bot_reads_what_to_try_first() -> None:
    said = read(texts.claiming(Claiming.CLAIMED))
    assert said.startswith("⚡ You own this bot now.")
    assert "/invoice 2100 pizza" in said


def test_each_page_of_who_fits_a_message_and_names_each_once() -> None:
    many = [Guest(n, Role.USER, "<&>" * 20 + str(n), "u" * 32) for n in range(1, 400)]
    pages = texts.who(Guests((Guest(1, Role.OWNER, "Olga", is_listed=True), *many)))
    assert len(pages) > 5
    assert all(length(page) <= MAX_TEXT for page in pages)
    assert all(page.startswith("<b>") for page in pages)
    lines = [line for page in pages for line in page.splitlines() if line.startswith("•")]
    assert len(lines) == len(set(lines)) == 400


def test_where_nobody_is_let_in_who_says_so() -> None:
    [page] = texts.who(Guests(()))
    assert "nobody yet" in page
