"""首次转办: measured from receipt at the line to the first hand-off, shown and counted."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from cast import Cast
from ledger.config import SHANGHAI
from ledger.db import now

PAGE = "/hotline/transfers"


def _cells(text: str, channel: str) -> list[str]:
    found = re.search(rf"<tr><td[^>]*>{channel}</td>(.*?)</tr>", text, re.DOTALL)
    assert found, text
    return re.findall(r"<td[^>]*>([^<]*)</td>", found[1])


def test_what_came_over_a_line_and_was_handed_off_in_time(cast: Cast) -> None:
    at = now()
    for hours, handed in ((1, True), (3, True), (5, False), (0, False)):
        number = cast.register(channel="12328", received_at=at - timedelta(hours=hours))
        cast.accept(number)
        if handed:
            cast.assign(number)
    void = cast.register(channel="12328", received_at=at - timedelta(hours=9))
    cast.do(void, lambda a, t: a.withdraw("void", "重复", by=cast.actor("zhou"), at=t))
    cast.register(channel="visit", received_at=at)

    client = cast.client("tang")
    day = (datetime.now(SHANGHAI) - timedelta(days=1)).date()
    asked = f"?since={day}&until={datetime.now(SHANGHAI):%Y-%m-%d}"
    text = client.get(f"{PAGE}{asked}&hours=2").text
    cells = _cells(text, "12328[^<]*")
    assert cells[:6] == ["5", "1/3", "33.3%", "2", "1", "1"]
    assert cells[6].startswith("5小时")
    assert _cells(client.get(f"{PAGE}{asked}&hours=4").text, "12328[^<]*")[1] == "2/3"
    assert client.get(PAGE).status_code == 200
    assert "尚未转办，收到已" in client.get(f"/appeals/{number}").text
    for typed in ("0", "x", "999"):
        wrong = client.get(f"{PAGE}{asked}&hours={typed}")
        assert wrong.status_code == 422
        assert "请填1至72的整数" in wrong.text
    assert client.get(f"{PAGE}?since=x&until=y").status_code == 422
    assert client.get(f"{PAGE}?since=2026-02-02&until=2026-02-01").status_code == 422

    for who, status in (("ma", 200), ("du", 200), ("zhou", 200), ("chen", 403), ("xi", 403)):
        assert cast.client(who).get(PAGE).status_code == status
    assert "12328" not in cast.client("yuan").get(f"{PAGE}{asked}").text.split("<h2>")[1]
