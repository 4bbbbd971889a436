"""The operator's desk by keyboard alone, against the clock: from ringing to saved."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from ledger.db import db, writing
from ledger.firms.models import Firm
from ledger.people.models import Person
from live import Live, look, serving

pytestmark = pytest.mark.browser

PHONE = "13807970001"
FIRM = "寻乌县顺达物流有限公司"
BY_INPUT_METHOD = 3
"""Keys that a Chinese character takes, two letters of its sound and one to choose it."""
PACE = 0.11
"""Seconds a key: somebody who types well and listens meanwhile."""

COUNT_MICE = """
for (const kind of ['mousedown', 'pointerdown', 'touchstart', 'wheel'])
  addEventListener(kind, () => sessionStorage.setItem('mice',
    Number(sessionStorage.getItem('mice') || 0) + 1), true);
"""


@dataclass
class Hands:
    """Two hands on a keyboard: they count what they press, and take the time a person takes."""

    page: Page
    keys: int = 0
    begun: float = field(default_factory=time.monotonic)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
            self.keys += 1
            time.sleep(PACE)

    def type(self, words: str) -> None:
        for letter in words:
            strokes = 1 if letter.isascii() else BY_INPUT_METHOD
            self.page.keyboard.type(letter)
            self.keys += strokes
            time.sleep(PACE * strokes)

    def saved(self, words: str, what: str) -> None:
        """The page says so; no mouse was touched, and it took less than a minute."""
        expect(self.page.locator("#saved")).to_contain_text(words)
        seconds = time.monotonic() - self.begun
        assert self.page.evaluate("sessionStorage.getItem('mice')") is None
        assert seconds < 60, seconds
        # The next call may come: the cursor stands in its number already.
        expect(self.page.locator("#phone")).to_be_focused()
        sys.stdout.write(f"\n{what}: {self.keys} keys, {seconds:.1f} s\n")


@pytest.fixture(params=["sqlite"])
def desk(request: pytest.FixtureRequest, chrome: Browser, tmp_path: Path) -> Iterator[Live]:
    def lay(app: Flask) -> None:
        with app.app_context():
            with writing() as at:
                by = db.session.scalars(select(Person).where(Person.username == "lin")).one()
                firm = Firm.register(FIRM, by=by, at=at)
                firm.add_contact("刘经理", PHONE, "物流部")
                db.session.commit()
            db.session.remove()

    with serving(str(request.param), tmp_path, lay) as address:
        live = Live(address, chrome)
        yield live
        for context in live.contexts.values():
            context.close()
        assert live.complaints == []


def test_from_ringing_to_saved_without_a_mouse(desk: Live) -> None:
    page = desk.page("tang")
    page.add_init_script(COUNT_MICE)
    page.goto(f"{desk.url}/hotline/desk")
    page.evaluate("sessionStorage.removeItem('mice')")
    expect(page.locator("#phone")).to_be_focused()

    # A firm that is known by its number.
    hands = Hands(page)
    hands.type(PHONE)
    expect(page.locator("#picker")).to_contain_text(FIRM)
    expect(page.locator("#caller")).to_contain_text("刘经理")
    expect(page.locator("[name=contact_name]")).to_have_value("刘经理")
    hands.press("F8")
    hands.type("澄江收费站入口关闭，两辆货车被劝返，请协调放行。")
    hands.press("F9")
    hands.saved("登记新诉求", "firm, new appeal")
    number = page.locator("#saved a").first.inner_text()

    # A driver who stands: nobody knows his number.
    hands = Hands(page)
    hands.type("13900010002")
    expect(page.locator("#caller")).to_contain_text("没有来电、诉求和企业联系人的记录")
    hands.press("F3")
    hands.type("王师傅")
    hands.press("F8")
    hands.type("检查站不让走，货是鲜活水产。")
    hands.press("Tab")
    hands.type("澄江检查站")
    hands.press("Enter")
    hands.type("赣B12345")
    hands.press("Enter")
    hands.type("3")
    hands.press("F9")
    hands.saved("登记新诉求", "driver, stuck")
    page.goto(f"{desk.url}/hotline/calls")
    expect(page.locator("tbody tr").first).to_contain_text("王师傅")
    page.goto(f"{desk.url}/hotline/desk")
    expect(page.locator("#phone")).to_be_focused()

    # The firm again, about the same.
    hands = Hands(page)
    hands.type(PHONE)
    expect(page.locator("#caller")).to_contain_text(number)
    hands.press("F6", "Enter")
    expect(page.locator("[name=appeal]")).to_have_value(number)
    hands.type("又来了一辆车。")
    hands.press("F9")
    hands.saved("补充已有诉求", "firm, supplement")

    # A question that is answered on the spot, on another line.
    hands = Hands(page)
    hands.type("13900010003")
    hands.press("F8")
    hands.type("问通行证在哪里办。")
    hands.press("F4", "5", "Enter")
    hands.type("告知在交管大队窗口办理。")
    hands.press("Control+Enter")
    hands.saved("即时答复", "answered at once")

    page.goto(f"{desk.url}/hotline/desk?phone={PHONE}")
    look(page, "hotline-desk")
    page.goto(f"{desk.url}/hotline/calls")
    look(page, "hotline-calls")
