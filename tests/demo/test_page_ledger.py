"""The demo's page where the bot's owner reads the books, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.demo.visitor import BROWSER_IS_MISSING, Visitor, ask, say, speak_as

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(bool(BROWSER_IS_MISSING), reason=BROWSER_IS_MISSING),
]


@pytest.fixture
def page(visitor: Visitor) -> Page:
    return visitor.visit("Ada")


def test_the_owner_lists_everyones_invoices_and_saves_them_as_a_file(page: Page) -> None:
    speak_as(page, "Ada")
    ask(page, "/invoice 2100", "a book")
    say(page, "/invoices")
    listed = page.locator("article.by-bot").filter(has_text="All invoices").last
    expect(listed).to_contain_text("a book")
    listed.get_by_role("button", name="Paid", exact=True).click()
    expect(listed).to_contain_text("All paid invoices")
    say(page, "/export")
    link = page.locator("article.by-bot a.file").last
    expect(link).to_contain_text("invoices.csv")
    with page.expect_download() as download:
        link.click()
    saved = Path(download.value.path()).read_text(encoding="utf-8-sig")
    assert saved.startswith("asked_at,")
    assert "a book" in saved
