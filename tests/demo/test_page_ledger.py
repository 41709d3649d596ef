"""The demo's page where the bot's owner reads the books, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.demo.visitor import BROWSER_IS_MISSING, Visitor, ask, say

pytestmark = pytest.mark.browser

if BROWSER_IS_MISSING:
    pytest.skip(BROWSER_IS_MISSING, allow_module_level=True)


@pytest.fixture
def page(visitor: Visitor) -> Page:
    page = visitor.visit("Friday dinner")
    page.get_by_role("link", name="Ada’s private chat").click()
    return page


def test_the_owner_lists_everyones_invoices_and_saves_them_as_a_file(page: Page) -> None:
    ask(page, "/invoice 2100", "a book")
    say(page, "/invoices")
    buttons = page.get_by_role("button", name="Open", exact=True)
    listed = page.locator("article.by-bot", has=buttons).last
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
