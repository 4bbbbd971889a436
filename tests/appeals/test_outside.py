"""对外联系: letters out and in, their follow-up on the desk, their replies with files; 商请函."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from cast import Cast
from desk_hand import blocks
from ledger.appeals.outside_parts import OutsideRecord
from ledger.appeals.replay import check_appeal
from ledger.db import db, now
from ledger.deadlines.calendar import local_day
from ledger.trail.models import Entry

DAY = timedelta(days=1)
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


def paper(**more: Any) -> dict[str, Any]:
    return {
        "direction": "out",
        "party": "广东省交通运输厅",
        "paper": "letter",
        "letter_number": "寻专办函〔2026〕8号",
        "sent_on": f"{local_day(now())}",
        "summary": "请协调河源方向恢复通行，涉及寻乌县顺达物流有限公司。",
        "follow_on": f"{local_day(now()) + 3 * DAY}",
        **more,
    }


def record_of(cast: Cast) -> OutsideRecord:
    with cast.app.app_context():
        return db.session.scalars(select(OutsideRecord)).one()


def test_a_letter_goes_out_is_looked_after_and_answered(cast: Cast) -> None:
    number = cast.reach("assigned")
    office = cast.client("zhou")
    url = f"/appeals/{number}/write-out"
    for wrong, said in (
        ({"party": ""}, "请填写“对方单位”"),
        ({"sent_on": f"{local_day(now()) + DAY}"}, "日期不能晚于今天"),
        ({"follow_on": "2020-01-01"}, "不能早于今天"),
        ({"paper": "poem"}, "公文种类"),
    ):
        answer = office.post(url, data=paper(**wrong))
        assert answer.status_code == 422 and said in answer.text, wrong
        assert "寻专办函〔2026〕8号" in answer.text
    assert cast.client("chen").post(url, data=paper()).status_code == 403
    with_file = {**paper(), "files": (io.BytesIO(PDF), "商请函.pdf")}
    done = office.post(url, data=with_file, content_type="multipart/form-data")
    assert done.status_code == 303, done.text
    again = office.post(url, data=paper())
    assert again.status_code == 422 and "已经登记过" in again.text

    today = now()
    assert "follow-up" not in blocks(cast, "zhou", today + 2 * DAY)
    assert blocks(cast, "zhou", today + 3 * DAY)["follow-up"] == [number]
    page = office.get(f"/appeals/{number}").text
    for words in ("对外联系", "发往广东省交通运输厅", "函 寻专办函〔2026〕8号", "商请函.pdf"):
        assert words in page, words

    url = f"/appeals/{number}/note-reply"
    record = record_of(cast).id
    typed = {"record_id": f"{record}", "came": "no", "words": "电话催问，答复下周研究"}
    missing = office.post(url, data=typed)
    assert missing.status_code == 422 and "尚未回复的，请填写下次跟进日期" in missing.text
    later = f"{local_day(now()) + 6 * DAY}"
    assert office.post(url, data={**typed, "follow_on": later}).status_code == 303
    assert "follow-up" not in blocks(cast, "zhou", today + 3 * DAY)
    assert blocks(cast, "zhou", today + 6 * DAY)["follow-up"] == [number]
    came: dict[str, Any] = {
        "record_id": f"{record}",
        "came": "yes",
        "words": "河源方向已恢复通行",
        "replied_on": f"{local_day(now())}",
        "reply_number": "粤交函〔2026〕31号",
        "files": (io.BytesIO(PDF), "复函.pdf"),
    }
    assert office.post(url, data=came, content_type="multipart/form-data").status_code == 303
    assert "follow-up" not in blocks(cast, "zhou", today + 9 * DAY)
    page = office.get(f"/appeals/{number}").text
    for words in ("河源方向已恢复通行", "粤交函〔2026〕31号", "复函.pdf", "跟进情况", "已回复"):
        assert words in page, words
    with cast.app.app_context():
        assert check_appeal(db.engine, number) == []
        payloads = db.session.scalars(select(Entry.payload).where(Entry.verb == "write_out"))
        assert "广东省" not in json.dumps([json.loads(p) for p in payloads], ensure_ascii=False)


def test_whoever_may_not_know_the_appellant_does_not_read_the_letters(cast: Cast) -> None:
    number = cast.register(by="tang", confidential=True, appellant_name="不愿具名木业有限公司")
    cast.accept(number)
    cast.assign(number)
    words = {"party": "不愿具名木业有限公司", "summary": "涉及不愿具名木业有限公司"}
    sent = cast.client("zhou").post(f"/appeals/{number}/write-out", data=paper(**words))
    assert sent.status_code == 303
    page = cast.client("chen").get(f"/appeals/{number}").text
    assert "对外联系" in page and "按规定不予显示" in page
    assert "不愿具名" not in page
    assert "不愿具名" in cast.client("zhou").get(f"/appeals/{number}").text


def test_a_letter_that_came_in_is_an_appeal_and_is_answered_even_after_closing(cast: Cast) -> None:
    number = cast.register(by="zhou", channel="letter")
    for step in (cast.accept, cast.assign, cast.answer, cast.review, cast.call_back):
        step(number)
    closer, office = cast.client("wu"), cast.client("zhou")
    assert "尚未登记来函" in closer.get(f"/appeals/{number}/close").text
    came = paper(direction="in", party="河源市专班办公室", summary="商请协查两辆货车滞留情况")
    assert office.post(f"/appeals/{number}/write-out", data=came).status_code == 303
    assert "尚未登记我方复函" in closer.get(f"/appeals/{number}/close").text
    cast.close(number)
    soon = now() + 3 * DAY
    assert blocks(cast, "zhou", soon)["follow-up"] == [number], "a closed one still owes a letter"
    typed = {
        "record_id": f"{record_of(cast).id}",
        "came": "yes",
        "words": "两车已放行，特此函复。",
        "replied_on": f"{local_day(now())}",
    }
    assert office.post(f"/appeals/{number}/note-reply", data=typed).status_code == 303
    assert "follow-up" not in blocks(cast, "zhou", soon)
    page = office.get(f"/appeals/{number}").text
    assert "来自河源市专班办公室" in page and "我方回复" in page and "两车已放行" in page
    with cast.app.app_context():
        assert check_appeal(db.engine, number) == []
