"""Papers of an appeal, printed and as Word files, and the letterheads that offices keep."""

from __future__ import annotations

import dataclasses
import re
import zipfile
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from docx import Document
from sqlalchemy import func, select

from cast import Cast
from ledger.access.models import AccessLog
from ledger.appeals.conferring import Agreed, Held
from ledger.appeals.models import Appeal
from ledger.config import SHANGHAI
from ledger.db import db, now
from ledger.reports import paper_check, paper_docx
from ledger.reports.paper_kinds import HEADS, PAPERS, QR
from ledger.reports.paper_models import Letterhead
from request_hand import ask_extension, ask_return, assigned, do
from supervision_ground import issue, problems, with_paper

NAME, PHONE = "寻乌县顺达物流有限公司", "13807970001"
YEAR = now().astimezone(SHANGHAI).year


def words(content: bytes) -> str:
    """Whatever a reader sees of a Word file."""
    document = Document(BytesIO(content))
    cells = [c.text for t in document.tables for row in t.rows for c in row.cells]
    return "\n".join([*(p.text for p in document.paragraphs), *cells])


def offered(cast: Cast, number: str, who: str = "zhou") -> list[str]:
    """code/subject of each paper that the panel names."""
    page = cast.client(who).get(f"/reports/papers/appeals/{number}").text
    return re.findall(rf'/appeals/{number}/([a-z_]+/\d+)/docx"', page)


def codes(cast: Cast, number: str, who: str = "zhou") -> set[str]:
    return {key.partition("/")[0] for key in offered(cast, number, who)}


def confer(cast: Cast, number: str) -> None:
    at = now()
    held = Held(
        at - timedelta(hours=1), "马县长，交通局负责同志", "收费站入口当日恢复通行。", "mark-1",
        venue="三楼会议室", number=f"会商纪要〔{YEAR}〕1号",
        points=[Agreed("恢复通行", cast.units["bureau"], "交通局", at.astimezone(SHANGHAI).date())],
    )  # fmt: skip
    cast.do(number, lambda a, at: a.confer(held, by=cast.actor("zhou"), at=at))


def everything(cast: Cast) -> list[tuple[str, str, str]]:
    """(number, paper, words that stand on it), each paper at least once."""
    at = now()
    handled = assigned(cast, at)
    do(cast, handled, "chen", at, lambda a, hand: a.pass_on([cast.unit("section")], **hand))
    ask_extension(cast, handled, now())
    for kind in ("notice", "order", "transfer"):
        issue(cast, handled, kind)
    mistaken = issue(cast, handled, "order")
    with_paper(cast, mistaken, lambda p, at: p.withdraw("误发", by=cast.actor("du"), at=at))
    confer(cast, handled)
    returned = assigned(cast, now())
    ask_return(cast, returned, now())
    closed, declined = cast.reach("closed"), cast.reach("declined")
    return [
        (handled, "intake", NAME),
        (handled, "handover", "主办，请于"),
        (handled, "pass_on", "运管股"),
        (handled, "transfer", f"转办〔{YEAR}〕1号"),
        (handled, "notice", f"催办〔{YEAR}〕1号"),
        (handled, "order", f"督办〔{YEAR}〕1号"),
        (handled, "extension", "与公路中心会商"),
        (handled, "minutes", "恢复通行"),
        (returned, "return", "该路段由公路中心管养"),
        (declined, "decline", "不予受理"),
        (closed, "reply", "澄江收费站入口已恢复通行"),
        (closed, "close", "吴销号"),
    ]


def test_each_paper_stands_printed_and_as_a_file_in_its_state(cast: Cast) -> None:
    client, seen, written = cast.client("zhou"), set(), everything(cast)
    # What was taken back is drawn up no more.
    keys = offered(cast, written[0][0])
    assert len([key for key in keys if key.startswith("order/")]) == 1
    cast.app.config["LEDGER"] = dataclasses.replace(
        cast.app.config["LEDGER"], public_url="https://tz.example.gov.cn"
    )
    for number, code, told in written:
        key = next(one for one in offered(cast, number) if one.startswith(f"{code}/"))
        at = f"/reports/papers/appeals/{number}/{key}"
        printed = client.get(at, follow_redirects=True)
        assert printed.status_code == 200, at
        assert PAPERS[code].name in printed.text and told in printed.text, at
        assert f'/reports/papers/appeals/{number}/qr.svg"' in printed.text
        file = client.get(f"{at}/docx")
        assert file.status_code == 200, at
        text = words(file.data)
        assert PAPERS[code].name in text and told in text, at
        assert "{{" not in text and "{%" not in text and "〔诉求" not in text, at
        assert re.search(rf"{YEAR}年\d+月\d+日", text), at
        assert len(Document(BytesIO(file.data)).inline_shapes) == 1, at
        assert PHONE not in text + printed.text
        page = Document(BytesIO(file.data)).sections[0]
        sides = (page.page_width, page.left_margin, page.right_margin)
        assert [round(side.mm) for side in sides if side is not None] == [210, 28, 26]
        seen.add(code)
    assert seen == {code for code, paper in PAPERS.items() if paper.subject != "list"}
    drawn = client.get(f"/reports/papers/appeals/{number}/qr.svg")
    assert drawn.mimetype == "image/svg+xml" and b"<svg" in drawn.data

    waiting = cast.reach("confirmed")
    office = f"/reports/papers/closing-list/{cast.units['office']}"
    assert office in client.get(f"/reports/papers/appeals/{waiting}").text
    listed = client.get(office).text
    label = client.get(f"{office}/docx")
    for shown in (listed, words(label.data)):
        assert NAME in shown and waiting.rpartition("-")[2].lstrip("0") in shown
        assert "以上共1件，拟予销号" in shown
    # What does not stand in its state is no paper of it.
    assert codes(cast, waiting) == {"intake", "handover", "reply", "close"}
    declined = cast.reach("declined")
    assert codes(cast, declined) == {"decline"}
    for absent in ("reply/0", "close/0", "handover/999", "intake/7"):
        gone = client.get(f"/reports/papers/appeals/{declined}/{absent}")
        assert gone.status_code == 404
    assert problems(cast) == []


def hide(cast: Cast, number: str) -> None:
    def act(appeal: Appeal, at: Any) -> None:
        appeal.correct({"confidential": True}, "诉求人要求", by=cast.actor("zhou"), at=at)

    cast.do(number, act)


def test_who_may_draw_up_what_and_who_is_named_on_it(cast: Cast) -> None:
    number = cast.register(confidential=True)
    cast.accept(number)
    cast.assign(number)
    handover = next(key for key in offered(cast, number) if key.startswith("handover/"))
    # To a handling unit he is not named, by whoever the paper is drawn up; else to who may know.
    for who, code, named in (
        ("zhou", handover, False), ("chen", handover, False),
        ("zhou", "intake/0", True), ("chen", "intake/0", False),
    ):  # fmt: skip
        at = f"/reports/papers/appeals/{number}/{code}"
        client = cast.client(who)
        for shown in (client.get(at).text, words(client.get(f"{at}/docx").data)):
            assert (NAME in shown) is named, (who, code)
            assert ("刘经理" in shown) is named, (who, code)
            assert ("138****0001" in shown) is named, (who, code)
    with cast.app.app_context():
        line = select(func.count()).where(
            AccessLog.action == "paper_printed", AccessLog.subject == f"{number} 企业诉求受理单"
        )
        assert (db.session.scalar(line) or 0) >= 2
        db.session.remove()
    # Whoever may not see the appeal finds none of its papers.
    paths = ("", f"/{handover}", f"/{handover}/docx", "/qr.svg")
    for who in ("he", "yuan", "shen", "xi"):
        client = cast.client(who)
        for path in paths:
            answer = client.get(f"/reports/papers/appeals/{number}{path}")
            assert answer.status_code == 404, (who, path)
    listed = f"/reports/papers/closing-list/{cast.units['office']}"
    for who, status in (("wu", 200), ("ma", 200), ("chen", 404), ("yuan", 404), ("xi", 404)):
        assert cast.client(who).get(listed).status_code == status, who
    # Without an address of the ledger there is no code.
    assert cast.client("zhou").get(f"/reports/papers/appeals/{number}/qr.svg").status_code == 404
    assert "qr.svg" not in cast.client("zhou").get(listed).text


def letterhead(*paragraphs: str, header: str = "") -> bytes:
    document = Document()
    for one in paragraphs:
        document.add_paragraph(one)
    document.sections[0].header.paragraphs[0].text = header
    into = BytesIO()
    document.save(into)
    return into.getvalue()


def repacked(content: bytes, part: str, change: Any) -> bytes:
    into = BytesIO()
    with zipfile.ZipFile(BytesIO(content)) as old, zipfile.ZipFile(into, "w", 8) as new:
        for name in old.namelist():
            new.writestr(name, change(old.read(name)) if name == part else old.read(name))
        if part not in old.namelist():
            new.writestr(part, change(b""))
    return into.getvalue()


SOUND = ("寻乌县专班办公室文件", "{{ 主送 }}：",
         "{%p if 交办意见 %}", "{{ 交办意见 }}", "{%p endif %}",
         "{{ 正文 }}", "{{ 二维码 }}", "{{ 落款单位 }} {{ 日期 }}")  # fmt: skip


def test_an_office_puts_its_own_letterhead_in_place(cast: Cast) -> None:
    number = cast.reach("assigned")
    client, home = cast.client("zhou"), "/reports/letterheads/"
    at = f"{home}{cast.units['office']}/handover"
    assert home in client.get("/desk").text
    assert "{{ 交办意见 }}" in client.get(at).text

    def send(content: bytes, name: str = "红头.docx", who: str = "zhou") -> Any:
        data = {"file": (BytesIO(content), name)}
        return cast.client(who).post(at, data=data, content_type="multipart/form-data")

    def paper() -> str:
        key = next(k for k in offered(cast, number) if k.startswith("handover/"))
        return words(client.get(f"/reports/papers/appeals/{number}/{key}/docx").data)

    bomb = repacked(letterhead("正文"), "word/media/a.xml", lambda _: b" " * 30_000_000)
    spread = letterhead("{{ 主送", "}}")
    attribute = repacked(
        letterhead("甲"), "word/document.xml",
        lambda x: x.replace(b"<w:body>", '<w:body a="{{ 主送 }}">'.encode()),
    )  # fmt: skip
    refused = (
        (letterhead("通知", "{{ 主送单位 }}"), "红头.docx", "正文第2段：没有“主送单位”这个字段"),
        (letterhead("好", header="{{ 电话 }}"), "红头.docx", "页眉第1段：没有“电话”这个字段"),
        (letterhead("{{ ''.__class__ }}"), "红头.docx", "不是字段，这里只能写字段名"),
        (letterhead("{{ 主送 | upper }}"), "红头.docx", "不是字段，这里只能写字段名"),
        (letterhead("{% set x = 1 %}"), "红头.docx", "正文第1段：不能使用"),
        (letterhead("{%p if 文号 %}", "甲"), "红头.docx", "正文第1段：“{%p if … %}”没有结束"),
        (letterhead("甲", "{%tr for 行 in 清单 %}"), "红头.docx", "没有“清单”这个清单"),
        (spread, "红头.docx", "花括号没有成对"),
        (attribute, "红头.docx", "里写有字段"),
        (bomb, "红头.docx", "解压后过大"),
        (letterhead("甲")[:2000], "红头.docx", "已损坏"),
        (b"x" * (paper_check.MOST_BYTES + 1), "红头.docx", "超过2MB的上限"),
        (b"%PDF-1.4 abc", "红头.docx", "与扩展名"),
        (b"", "红头.docx", "文件是空的"),
    )
    for content, name, why in refused:
        answer = send(content, name)
        assert answer.status_code == 422, why
        assert why in answer.get_data(as_text=True).replace("&#39;", "'"), why
    assert client.post(at, data={}, content_type="multipart/form-data").status_code == 422
    with cast.app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Letterhead)) == 0
        db.session.remove()
    assert "寻乌县专班办公室文件" not in paper()

    for who, status in (("chen", 403), ("wu", 403), ("yuan", 404)):
        assert send(letterhead(*SOUND), who=who).status_code == status
        assert cast.client(who).get(at).status_code == status
    assert send(letterhead(*SOUND)).status_code == 303
    filled = paper()
    assert "寻乌县专班办公室文件" in filled and "寻乌县交通运输局：" in filled
    assert "{" not in filled
    # In place of the one before, by the system administrator too; and away again.
    assert send(letterhead("第二版 {{ 正文 }}"), who="xi").status_code == 303
    assert paper().startswith("第二版 现将")
    for which in ("own", "builtin", "sample"):
        assert words(client.get(f"{at}/{which}").data)
    assert client.post(f"{at}/remove").status_code == 303
    assert client.post(f"{at}/remove").status_code == 404
    assert "交办通知书" in paper()


@pytest.mark.parametrize("paper", HEADS, ids=lambda paper: paper.code)
def test_a_built_in_letterhead_is_as_sound_as_an_office_s_own(paper: Any) -> None:
    content = paper_docx.built_in(paper)
    paper_check.check(content, "内置.docx", paper)
    filled = words(paper_docx.fill(content, paper_check.sample(paper)))
    used = {name for row in paper.rows for _, name in row if name}
    used |= {"主送", "正文", "要求"} if paper.is_letter else set()
    assert used <= set(paper.fields) and QR not in used
    for name in used | set(paper.item_fields):
        assert f"〔{name}〕" in filled, name
    with zipfile.ZipFile(BytesIO(content)) as archive:
        style = archive.read("word/document.xml").decode()
    assert 'w:eastAsia="方正小标宋简体"' in style and 'w:eastAsia="仿宋_GB2312"' in style
