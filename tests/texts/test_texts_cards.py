"""The card and what surrounds it, whatever people write: read by Telegram, fits, forges nothing."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import errors, texts
from bot.core.failure import Failure
from bot.core.invoice import Audience, Face, State
from bot.core.text import MAX_CAPTION, MAX_TEXT, clean_quote, clean_short, length
from tests.texts.reading import (
    FACES,
    HOSTILE,
    LONG_REQUEST,
    NAMES,
    NOW,
    SHORT_REQUEST,
    checked,
    hostile,
    invoice,
    outside_quotes,
    parsed,
    people_write,
)

STATE_MARKS = {
    Face.OPEN: "⚡",
    Face.PAID: "✅ Paid:",
    Face.EXPIRED: "🕓 Expired:",
    Face.EXPIRED_REPLACED: "🕓 Expired:",
    Face.CANCELLED: "🚫 Cancelled:",
    Face.CANCELLED_REPLACED: "🚫 Cancelled:",
}

LONG = "a memo that is too long for the first line"

# the card

LIMITS = [(MAX_CAPTION, SHORT_REQUEST), (MAX_CAPTION, LONG_REQUEST), (MAX_TEXT, LONG_REQUEST)]
_PEOPLE = re.compile("(Requested by|Paid to|Payable to) ")


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize(("limit", "request_"), LIMITS, ids=["caption", "separate", "text"])
def test_every_card_is_parsed_and_fits_whatever_people_wrote(
    face: Face, limit: int, request_: str
) -> None:
    for memo in HOSTILE:
        for name in NAMES:
            row = hostile(face, memo, name, payment_request=request_)
            card = texts.card(row, face, limit=limit, may_be_duplicate=True)
            checked(card.html, limit)


@settings(deadline=None, max_examples=300)
@given(
    face=st.sampled_from(list(FACES)),
    memo=people_write,
    name=people_write,
    limit=st.sampled_from([MAX_CAPTION, MAX_TEXT]),
    request_length=st.integers(200, 2500),
    duplicate=st.booleans(),
)
def test_any_card_is_parsed_and_fits(
    face: Face, memo: str, name: str, limit: int, request_length: int, duplicate: bool
) -> None:
    row = hostile(face, memo, name, payment_request="l" * request_length)
    card = texts.card(row, face, limit=limit, may_be_duplicate=duplicate)
    checked(card.html, limit)
    if row.state is State.OPEN:
        checked(texts.payment_request(row, face))


@settings(deadline=None)
@given(face=st.sampled_from(list(STATE_MARKS)), memo=people_write)
def test_a_memo_changes_nothing_outside_of_its_quote(face: Face, memo: str) -> None:
    row = hostile(face, memo, "Anna")
    if not clean_quote(row.memo):
        return
    read = checked(texts.card(row, face).html)
    plain = checked(texts.card(hostile(face, "x", "Anna"), face).html)
    if short := clean_short(row.memo):
        assert read["text"] == plain["text"].replace(' – "x"', f' – "{short}"')
    else:
        quoted = checked(texts.card(hostile(face, LONG, "Anna"), face).html)
        assert outside_quotes(read) == outside_quotes(quoted)
        assert clean_quote(row.memo) in read["text"]
    assert read["text"].startswith(STATE_MARKS[face])


@settings(deadline=None)
@given(face=st.sampled_from(list(STATE_MARKS)), name=people_write)
def test_a_name_stays_in_its_line(face: Face, name: str) -> None:
    row = hostile(face, "", name)
    lines = checked(texts.card(row, face).html)["text"].splitlines()
    plain = checked(texts.card(hostile(face, "", "Anna"), face).html)["text"].splitlines()
    if row.asker_name:
        assert len(lines) == len(plain)
        assert lines[1] == f'Requested by "{row.asker_name}"'
        assert lines[0] == plain[0]


@pytest.mark.parametrize("face", STATE_MARKS)
def test_the_state_is_the_first_line_with_the_amount(face: Face) -> None:
    first = checked(texts.card(hostile(face, "pizza", "Anna"), face).html)["text"].splitlines()[0]
    assert first == f'{STATE_MARKS[face]} 2,100 sats – "pizza"'


@pytest.mark.parametrize(
    ("memo", "first", "quote"),
    [
        ("", "", ""),
        ("  pizza ", ' – "pizza"', ""),
        ("x" * 40, f' – "{"x" * 40}"', ""),
        ("x" * 41, "", "x" * 41),
        ("two\nlines", "", "two\nlines"),
        ('the "best" pizza', "", 'the "best" pizza'),  # marks that the line needs
        ("paid ✅", "", "paid ✅"),
        ("2  spaces", "", "2  spaces"),
    ],
)
def test_a_short_memo_is_in_the_first_line_and_any_other_in_a_quote(
    memo: str, first: str, quote: str
) -> None:
    read = checked(texts.card(hostile(Face.OPEN, memo, "Anna"), Face.OPEN).html)
    assert read["text"].splitlines()[0] == f"⚡ 2,100 sats{first}"
    assert ((quote in read["text"]) and outside_quotes(read) != read["text"]) or not quote


@pytest.mark.parametrize(
    ("asker", "chat_id", "payee", "says"),
    [
        ("Anna", -5, None, 'Requested by "Anna"'),
        ("Anna", -5, "Ada's node", """Requested by "Anna", {} "Ada's node\""""),
        ("Anna", -5, "", """Requested by "Anna", {} the bot owner's node"""),
        ("Anna", 7, None, ""),
        ("Anna", 7, "carrot", '{} "carrot"'),
        ("Anna", 7, "", "{} the bot owner's node"),
        ("", -5, "<b>", '{} "<b>"'),
        ("", -5, None, ""),
    ],
)
@pytest.mark.parametrize("face", STATE_MARKS)
def test_a_card_says_who_asked_and_whose_node_is_paid_where_that_is_news(
    face: Face, asker: str, chat_id: int, payee: str | None, says: str
) -> None:
    row = hostile(face, "", asker, chat_id=chat_id)
    lines = checked(texts.card(row, face, payee).html)["text"].splitlines()
    goes = {Face.OPEN: "payable to", Face.PAID: "paid to"}.get(face)
    if goes is None:  # nobody can pay it
        says = says.partition(", {}")[0] if asker and chat_id < 0 else ""
    says = says.format(goes)
    said = [line for line in lines[1:] if _PEOPLE.match(line)]
    assert said == ([says[0].upper() + says[1:]] if says else [])


@pytest.mark.parametrize(
    ("start", "network"),
    [("lntb", "testnet"), ("lntbs", "signet"), ("lnbcrt", "regtest"), ("lnsb", "simnet")],
)
def test_a_test_network_is_named(start: str, network: str) -> None:
    row = invoice(State.SETTLED, payment_request=f"{start}21u1p" + "q" * 250)
    says = f"On {network}: these are not real sats."
    assert says in texts.card(row, Face.OPEN).html.splitlines()
    assert says in texts.announcement(row).splitlines()
    assert "not real sats" not in texts.card(invoice(), Face.OPEN).html


def test_an_open_card_has_all_that_is_needed_to_pay() -> None:
    read = checked(texts.card(invoice(), Face.OPEN).html)
    kinds = [entity["type"]["@type"] for entity in read["entities"]]
    code = next(each for each in read["entities"] if each["type"]["@type"] == "textEntityTypeCode")
    assert read["text"][code["offset"] : code["offset"] + code["length"]] == SHORT_REQUEST
    assert 'Requested by "Anna"' in read["text"]
    assert "pizza" in read["text"]
    times = [e["type"] for e in read["entities"] if e["type"]["@type"] == "textEntityTypeDateTime"]
    assert [each["unix_time"] for each in times] == [NOW + 3600] * 2
    assert times[1]["formatting_type"]["@type"] == "dateTimeFormattingTypeRelative"
    assert read["text"].endswith("\nScan, or tap the text to copy it.")
    assert "textEntityTypeBlockQuote" not in kinds


CLOSED = [face for face in STATE_MARKS if face is not Face.OPEN]


@pytest.mark.parametrize("face", CLOSED)
def test_a_closed_card_holds_no_payment_request_in_either_message(face: Face) -> None:
    row = hostile(face, "pizza", "Anna")
    for markup in (texts.card(row, face).html, texts.payment_request(row, face)):
        assert SHORT_REQUEST not in markup
        assert "can no longer be paid." in markup or face is Face.PAID
    assert "can no longer be paid." in texts.payment_request(row, face)


def test_a_payment_request_that_does_not_fit_the_caption_is_separate() -> None:
    row = hostile(Face.OPEN, "x" * 100, "Anna")
    fits = [
        size
        for size in range(300, 1100)
        if not texts.card(
            hostile(Face.OPEN, "x" * 100, "Anna", payment_request="l" * size), Face.OPEN
        ).payment_request_separate
    ]
    longest = hostile(Face.OPEN, "x" * 100, "Anna", payment_request="l" * fits[-1])
    assert fits == list(range(300, fits[-1] + 1))
    assert length(texts.card(longest, Face.OPEN).html) == MAX_CAPTION

    long = hostile(Face.OPEN, "x" * 100, "Anna", payment_request=LONG_REQUEST)
    card = texts.card(long, Face.OPEN)
    assert card.payment_request_separate
    assert LONG_REQUEST not in card.html
    assert row.memo in card.html
    assert LONG_REQUEST in texts.payment_request(long, Face.OPEN)
    as_text = texts.card(long, Face.OPEN, limit=MAX_TEXT)
    assert not as_text.payment_request_separate
    assert LONG_REQUEST in as_text.html


@pytest.mark.parametrize("face", STATE_MARKS)
def test_the_longest_memo_is_shown_whole(face: Face) -> None:
    for memo in ("x" * 639, "ж" * 319, "\U0001f9c0" * 159):
        row = hostile(face, memo, "n" * 64, payment_request=LONG_REQUEST)
        assert memo in parsed(texts.card(row, face).html)["text"]


def test_a_long_memo_is_folded() -> None:
    assert "<blockquote>" in texts.card(hostile(Face.OPEN, "x" * 200, ""), Face.OPEN).html
    for memo in ("x" * 201, "a\nb\nc\nd\ne"):
        assert "<blockquote expandable>" in texts.card(hostile(Face.OPEN, memo, ""), Face.OPEN).html


@pytest.mark.parametrize(
    ("asked_msat", "paid_msat", "first", "differs"),
    [
        (2_100_000, 2_100_000, "✅ Paid: 2,100 sats", ""),
        (2_100_000, 2_100_001, "✅ Paid: 2,100 sats and 1 msat", "more"),
        (0, 777_000, "✅ Paid: 777 sats", ""),
        (2_100_000, 5_000_000, "✅ Paid: 5,000 sats", "more"),
        (2_100_000, 2_099_999, "✅ Paid: 2,099 sats and 999 msat", "less"),
        (2_100_000, 1, "✅ Paid: 1 msat", "less"),
    ],
)
def test_a_payment_is_announced_with_what_came_in(
    asked_msat: int, paid_msat: int, first: str, differs: str
) -> None:
    row = invoice(State.SETTLED, amount_msat=asked_msat, paid_msat=paid_msat)
    card, announced = texts.card(row, Face.PAID).html, texts.announcement(row)
    assert parsed(card)["text"].splitlines()[0] == f'{first} – "pizza"'
    assert first.removeprefix("✅ Paid: ") in announced
    for than in ("more", "less"):
        line = f"{than} than the 2,100 sats requested"
        assert (line in card) is (line in announced) is (than == differs)


def test_a_card_names_the_person_who_cancelled_unless_it_was_the_asker() -> None:
    row = hostile(Face.CANCELLED, "pizza", "<Bert>")
    text = parsed(texts.card(row, Face.CANCELLED).html)["text"]
    assert 'Cancelled by "<Bert>". It can' in text
    row = invoice(State.CANCELLED)
    assert "Cancelled. It can" in parsed(texts.card(row, Face.CANCELLED).html)["text"]


def test_a_replaced_card_says_so() -> None:
    for face, replaced in (
        (Face.EXPIRED, Face.EXPIRED_REPLACED),
        (Face.CANCELLED, Face.CANCELLED_REPLACED),
    ):
        before = texts.card(hostile(face, "pizza", "Anna"), face).html
        after = texts.card(hostile(replaced, "pizza", "Anna"), replaced).html
        assert after == f"{before}\nA new invoice was requested."


def test_a_card_that_was_rejected_says_so_and_shows_nothing_that_people_wrote() -> None:
    for face, state in (
        (Face.CANCELLED, "🚫 Cancelled"),
        (Face.EXPIRED, "🕓 Expired"),
        (Face.PAID, "✅ Paid"),
    ):
        row = hostile(face, "pizza", "Anna", undeliverable=True)
        assert parsed(texts.card(row, face).html)["text"] == (
            f"{state}: 2,100 sats\nTelegram rejected its message. It can no longer be paid."
        )


def test_a_time_to_pay_far_away_has_its_date() -> None:
    for expiry_s, style, valid in ((12 * 3600, "t", "12 hours"), (86_400, "Dt", "a day")):
        row = invoice(State.OPEN, expiry_s=expiry_s, expires_at=NOW + expiry_s)
        html = texts.card(row, Face.OPEN).html
        assert f'<tg-time unix="{row.expires_at}" format="{style}">20' in html  # for old clients
        assert f'format="r">valid for {valid}</tg-time>' in html


def test_the_second_copy_of_a_message_says_so() -> None:
    says = "This may be a duplicate of a message above."
    for face in STATE_MARKS:
        row = hostile(face, "pizza", "Anna")
        again = texts.card(row, face, may_be_duplicate=True).html
        assert says in again
        assert again.replace(f"\n<i>{says}</i>", "") == texts.card(row, face).html
    paid = invoice(State.SETTLED)
    assert says in texts.announcement(paid, may_be_duplicate=True)
    rejected = hostile(Face.CANCELLED, "pizza", "Anna", undeliverable=True)
    assert says in texts.card(rejected, Face.CANCELLED, may_be_duplicate=True).html
    assert says not in texts.announcement(paid)


def test_a_notice_that_waits_for_something_else_says_so_and_not_how_long() -> None:
    assert texts.still_waiting(errors.NodeLocked()) == (
        "⏳ The Lightning node's wallet is locked. The bot's owner needs to unlock it. "
        "I'm still trying."
    )


@pytest.mark.parametrize("face", [*STATE_MARKS, Face.WAITING, Face.FAILED])
def test_a_card_begins_with_the_sign_of_its_face(face: Face) -> None:
    if face is Face.WAITING:
        markup = texts.waiting_notice(errors.NodeLocked(), 60)
    else:
        markup = texts.card(hostile(face, "pizza", "Anna"), face).html
    assert markup.startswith(texts.FACE_SIGNS[face])


# before and after


def test_a_question_mentions_the_person_who_asked() -> None:
    read = checked(texts.question(hostile(Face.QUESTION, "", "<Anna>")))
    assert read["text"] == 'For "<Anna>": how many sats? Reply with an amount, such as 2100 pizza.'
    mention = read["entities"][0]["type"]
    assert mention["@type"] == "textEntityTypeMentionName"
    assert mention["user_id"] == 7


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (60, "a minute"),
        (120, "2 minutes"),
        (90, "90 seconds"),
        (3600, "an hour"),
        (7200, "2 hours"),
        (86_400, "a day"),
        (0, "0 seconds"),
        (1, "a second"),
    ],
)
def test_a_waiting_notice_says_why_and_how_long_in_the_largest_whole_unit(
    seconds: int, text: str
) -> None:
    assert texts.waiting_notice(errors.NodeLocked(), seconds) == (
        "⏳ The Lightning node's wallet is locked. The bot's owner needs to unlock it. "
        f"I'll keep trying for {text}."
    )


def test_a_failure_says_why_and_names_the_amount() -> None:
    why = "⚠️ The Lightning node can't be reached."
    row = invoice(State.FAILED)
    text = parsed(texts.failed(row))["text"]
    assert text == f"{why}\nNo invoice was made for 2,100 sats. Please try again later."
    row = replace(row, amount_msat=0)
    text = parsed(texts.failed(row))["text"]
    assert text == f"{why}\nNo invoice was made. Please try again later."


@pytest.mark.parametrize("error", [errors.MacaroonRefused(), errors.MemoTooLong()])
def test_what_does_not_pass_by_itself_is_no_reason_to_wait(error: errors.NodeError) -> None:
    text = texts.failed(invoice(State.FAILED, failure=Failure.of(error)))
    assert text == f"⚠️ {texts.why(error)}\nNo invoice was made for 2,100 sats."


def test_a_failure_that_was_asked_for_again_says_so() -> None:
    row = invoice(State.FAILED, replaced=True)
    assert texts.failed(row).splitlines()[1:] == [
        "No invoice was made for 2,100 sats.",
        "A new invoice was requested.",
    ]


def test_what_was_cancelled_before_there_was_an_invoice_says_so() -> None:
    row = invoice(State.FAILED, cancel_wanted=True, cancelled_by="<Bert>")
    card = texts.card(row, Face.FAILED).html
    assert parsed(card)["text"] == (
        '🚫 Cancelled: 2,100 sats\nCancelled by "<Bert>". No invoice was made.'
    )


@pytest.mark.parametrize("failure", [None, Failure("a-key-of-another-version")])
def test_a_failure_that_is_not_known_has_a_general_sentence(failure: Failure | None) -> None:
    text = texts.failed(invoice(State.FAILED, failure=failure))
    assert text.startswith("⚠️ The Lightning node could not do that.\n")


def test_a_payment_is_announced_to_the_person_who_asked() -> None:
    read = checked(texts.announcement(hostile(Face.PAID, "pizza", "<Anna>")))
    assert read["text"] == '✅ Received 2,100 sats, requested by "<Anna>".\npizza'
    assert [each["type"]["@type"] for each in read["entities"]] == [
        "textEntityTypeMentionName",
        "textEntityTypeBlockQuote",
    ]
    group = invoice(State.SETTLED, asker_id=-5, asker_name="Friday dinner", memo="")
    assert texts.announcement(group) == '✅ Received 2,100 sats, requested by "Friday dinner".'
    for payee, at in (("carrot", '"carrot"'), ("", "the bot owner's node")):
        said = texts.announcement(group, payee=payee)
        assert said == f'✅ Received 2,100 sats at {at}, requested by "Friday dinner".'


def test_an_announcement_elsewhere_says_why_it_is_there() -> None:
    row = invoice(State.SETTLED)
    text = texts.announcement(row, Audience.ASKER)
    says = "I can't write to the chat where you asked for it."
    assert text == f"{texts.announcement(row)}\n{says}"
    text = texts.announcement(row, Audience.OWNERS)
    says = "You get this as the bot's owner: I can't write to the person who asked for the invoice."
    assert text == f"{texts.announcement(row)}\n{says}"


@settings(deadline=None)
@given(memo=people_write, name=people_write)
def test_whatever_surrounds_a_card_is_parsed_and_fits(memo: str, name: str) -> None:
    surrounds(memo, name)


def test_whatever_surrounds_a_card_is_parsed_and_fits_with_the_worst_of_memos() -> None:
    for memo in HOSTILE:
        for name in NAMES:
            surrounds(memo, name)


def surrounds(memo: str, name: str) -> None:
    checked(texts.question(hostile(Face.QUESTION, "", name)))
    checked(texts.announcement(hostile(Face.PAID, memo, name)))
    checked(texts.announcement(hostile(Face.PAID, memo, name, asker_id=-5)))
    overpaid = hostile(Face.PAID, memo, name, amount_msat=1)
    checked(texts.announcement(overpaid, Audience.OWNERS, may_be_duplicate=True))


@settings(deadline=None)
@given(memo=people_write)
def test_a_memo_changes_nothing_outside_of_its_quote_in_an_announcement(memo: str) -> None:
    row = hostile(Face.PAID, memo, "Anna")
    if clean_quote(row.memo):
        read = checked(texts.announcement(row))
        other = checked(texts.announcement(hostile(Face.PAID, "x", "Anna")))
        assert outside_quotes(read) == outside_quotes(other)


@pytest.mark.parametrize("request_", [SHORT_REQUEST, LONG_REQUEST])
def test_an_open_card_without_its_picture_says_so_and_asks_nobody_to_scan(request_: str) -> None:
    row = hostile(Face.OPEN, "pizza", "Anna", payment_request=request_)
    with_code, without = (
        checked(texts.card(row, Face.OPEN, has_code=has_code).html)["text"].splitlines()
        for has_code in (True, False)
    )
    assert with_code[:-1] == without[:-1]
    assert "QR code" in without[-1]
    assert "Scan" not in without[-1]
    paid = hostile(Face.PAID, "pizza", "Anna")
    assert texts.card(paid, Face.PAID, has_code=False) == texts.card(paid, Face.PAID)


@pytest.mark.parametrize(
    ("msat", "line"),
    [
        (790_000_999, "The node can receive about 790,000 sats now"),
        (1_000, "The node can receive about 1 sat now"),
        (999, "The node can't receive anything now"),
        (0, "The node can't receive anything now"),
    ],
)
def test_an_open_card_alone_says_that_the_node_can_receive_less(msat: int, line: str) -> None:
    said = f"{line}: this payment will probably fail."
    for face in FACES:
        row = hostile(face, "pizza", "Anna", receivable_msat=msat)
        lines = checked(texts.card(row, face).html)["text"].splitlines()
        assert lines.count(said) == (face is Face.OPEN)
    row = hostile(Face.OPEN, "x" * 639, "Anna", receivable_msat=msat, payment_request=LONG_REQUEST)
    assert said in checked(texts.card(row, Face.OPEN).html)["text"].splitlines()
