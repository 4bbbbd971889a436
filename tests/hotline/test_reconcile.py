"""A hotline's list laid beside ours, and each difference settled."""

from __future__ import annotations

import io
import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
from sqlalchemy import event, func, select

from cast import Cast
from hotline.test_import_orders import bring, workbook
from ledger.access import AccessLog
from ledger.appeals.models import Appeal
from ledger.appeals.parts import ExternalOrder
from ledger.audit.verify import verify_command
from ledger.config import SHANGHAI
from ledger.db import db
from ledger.hotline.reconcile_commands import reconcile_command
from ledger.hotline.reconcile_models import Reconciliation, ReconciliationLine

HEAD = ["工单编号", "来电人", "联系电话", "工单标题", "工单内容", "受理时间", "工单状态"]
START = "/hotline/reconcile"
TODAY = datetime.now(SHANGHAI)
NOON = TODAY - timedelta(days=1)


def row(number: str, state: str = "办理中", content: str = "收费站关闭，货车被劝返") -> list[Any]:
    came = f"{NOON:%Y-%m-%d %H:%M:%S}"
    return [number, "张先生", "13807970001", "收费站关闭", content, came, state]


def listed(*rows: list[Any], head: list[str] | None = None) -> bytes:
    return workbook(*rows, head=head or HEAD)


def upload(cast: Cast, data: bytes, who: str = "zhou", **typed: str) -> Any:
    form = {
        "channel": "12345",
        "since": f"{TODAY - timedelta(days=9):%Y-%m-%d}",
        "until": f"{TODAY:%Y-%m-%d}",
        **typed,
        "file": (io.BytesIO(data), "平台清单.xlsx"),
    }
    return cast.client(who).post(START, data=form, content_type="multipart/form-data")


def lay(cast: Cast, data: bytes, who: str = "zhou", **chosen: str) -> str:
    """The address of the result."""
    step = upload(cast, data, who)
    assert step.status_code == 303, step.text
    client = cast.client(who)
    page = client.get(step.location).text
    keys = re.findall(r'name="key" value="([^"]*)"', page)
    selects = re.findall(r'<select class="form-select" name="field".*?</select>', page, re.DOTALL)
    fields = []
    for key, drawn in zip(keys, selects, strict=True):
        found = re.search(r'<option value="([^"]*)" selected', drawn)
        fields.append(chosen.get(key, found[1] if found else ""))
    sent = {"key": keys, "field": fields}
    for name in ("since", "until"):
        sent[name] = re.findall(rf'name="{name}" value="([^"]*)"', page)
    answer = client.post(step.location.partition("?")[0], data=sent)
    assert answer.status_code == 303, answer.text
    # A second click is led to what the first began.
    assert client.post(step.location.partition("?")[0], data=sent).location == answer.location
    return str(answer.location)


def waiting(cast: Cast) -> dict[str, list[str]]:
    """Numbers that wait, by finding."""
    found: dict[str, list[str]] = {}
    with cast.app.app_context():
        lines = db.session.scalars(
            select(ReconciliationLine)
            .where(ReconciliationLine.settled_at.is_(None))
            .order_by(ReconciliationLine.id)
        )
        for line in lines:
            found.setdefault(line.finding, []).append(line.full_number)
    return found


def line_id(cast: Cast, number: str) -> int:
    with cast.app.app_context():
        return db.session.scalars(
            select(ReconciliationLine.id).where(
                ReconciliationLine.order_number == number, ReconciliationLine.settled_at.is_(None)
            )
        ).one()


def appeal_of(cast: Cast, number: str) -> str:
    with cast.app.app_context():
        return db.session.scalars(
            select(Appeal.number)
            .join(ExternalOrder, ExternalOrder.appeal_id == Appeal.id)
            .where(ExternalOrder.order_number == number)
        ).one()


def test_a_list_is_laid_beside_ours_and_every_difference_settled(cast: Cast) -> None:
    brought = [row(n)[:6] for n in ("101", "102", "103", "104", "105")]
    assert bring(cast, workbook(*brought, head=HEAD[:6])).created == 5
    handled = appeal_of(cast, "102")
    cast.accept(handled)
    cast.assign(handled)
    declined = appeal_of(cast, "103")
    cast.do(declined, lambda a, at: a.withdraw("void", "重复登记", by=cast.actor("zhou"), at=at))

    where = lay(
        cast,
        listed(
            row("101", "待签收"),
            row("101", "办理中"),
            row("102", "已办结"),
            row("103", "办理中"),
            row("104", "Ｚ－３"),
            row("201", "办理中", "桥梁限高，货车=绕行"),
            row("202", "办理中", ""),
            row("", "办理中"),
        ),
    )
    assert waiting(cast) == {
        "differs": ["102", "103"],
        "unknown": ["104"],
        "theirs_only": ["201", "202"],
        "unread": [""],
        "ours_only": ["105"],
    }
    client = cast.client("zhou")
    page = client.get(where).text
    assert "清单共8行：一致1件，重复1行；差异待处理7行" in page
    assert "导入本行" in page
    ahead = client.get(f"{where}?finding=differs").text
    assert "平台已答复或办结，我方仍在办" in ahead
    assert "我方已不予受理或撤回，平台仍在办" in ahead
    assert f'href="/appeals/{handled}/supplement"' in ahead

    # One click brings a row in by the engine of every import; the same again changes nothing.
    one = {"only": str(line_id(cast, "201"))}
    assert client.post(f"{where}/import?finding=theirs_only", data=one).status_code == 303
    assert client.post(f"{where}/import?finding=theirs_only", data=one).status_code == 303
    with cast.app.app_context():
        made = db.session.scalars(
            select(Appeal).where(Appeal.number == appeal_of(cast, "201"))
        ).one()
        assert made.content == "桥梁限高，货车=绕行"
        assert db.session.scalar(select(func.count(Appeal.id))) == 6

    # What a word means is said once.
    said = {"word": ["Ｚ－３"], "meaning": ["handling"]}
    assert client.post(f"{where}/words", data=said).status_code == 303
    assert "unknown" not in waiting(cast)

    # 核对无误 needs its why, and what was typed and ticked stays.
    ticked = {"line": [str(line_id(cast, n)) for n in ("103", "105")], "note": ""}
    refused = client.post(f"{where}/settlement?finding=differs", data=ticked)
    assert refused.status_code == 422
    assert "请写明核对的情况" in refused.text
    assert f'value="{ticked["line"][0]}" aria-label="选择103" checked' in refused.text
    unclosed = client.post(f"{where}/close")
    assert unclosed.status_code == 409
    assert "还有5行没有处理" in unclosed.text
    ticked["note"] = "平台待归档"
    assert client.post(f"{where}/settlement", data=ticked).status_code == 303
    done = client.get(f"{where}?finding=ours_only&settled=1").text
    assert "核对无误，周交办" in done
    assert "平台待归档" in done

    # A newer list of the period goes on with it: what is settled stays so, what agrees now is.
    again = lay(cast, listed(row("101"), row("102"), row("103"), row("104", "Z-3"), row("201")))
    assert again == where
    assert waiting(cast) == {}
    sheet = client.get(f"{where}/sheet")
    cells = [
        [cell.value for cell in line]
        for line in openpyxl.load_workbook(io.BytesIO(sheet.data)).active.iter_rows()
    ]
    assert len(cells) == 8
    assert "13807970001" not in str(cells)
    assert "138****0001" in str(cells)
    assert client.post(f"{where}/close").status_code == 303
    assert client.post(f"{where}/settlement", data=ticked).status_code == 409
    with cast.app.app_context():
        acts = set(db.session.scalars(select(AccessLog.action)))
        assert {"reconciled", "reconciliation_settled", "exported"} <= acts
        closed = db.session.scalars(select(Reconciliation)).one()
        assert (closed.run, closed.closed_by_name) == (2, "周交办")
    found = cast.app.test_cli_runner().invoke(verify_command)
    assert found.exit_code == 0, found.output


def test_only_the_office_reconciles_and_only_its_own(cast: Cast) -> None:
    bring(cast, workbook(row("101")[:6], head=HEAD[:6]))
    where = lay(cast, listed(row("999")), who="tang")
    for who in ("chen", "wu", "du", "xi", "lin"):
        assert cast.client(who).get(START).status_code == 403
        assert cast.client(who).post(f"{where}/settlement").status_code == 403
    other = cast.client("yuan")
    for url in (where, f"{where}/sheet"):
        assert other.get(url).status_code == 404
    for act in ("settlement", "import", "again", "words", "close"):
        data = {"only": "1", "note": "甲", "word": "甲", "meaning": "handling"}
        assert other.post(f"{where}/{act}", data=data).status_code == 404
    assert waiting(cast) == {"theirs_only": ["999"], "ours_only": ["101"]}


def test_bad_lists_say_what_an_import_says(cast: Cast) -> None:
    text = upload(cast, b"%PDF-1.4").text
    assert "PDF" in text
    assert 'value="2' in text
    data = listed(row("101"))
    assert upload(cast, data, until="2020-01-01").status_code == 422
    assert upload(cast, data, since="2020-01-01").status_code == 422
    assert upload(cast, data, channel="visit").status_code == 422
    step = upload(cast, listed(["x", "y"], head=["甲", "乙"]))
    assert step.status_code == 422
    client = cast.client("zhou")
    for url in ("/999", "/drafts/999?since=2026-01-01&until=2026-01-02", "/drafts/1?since=x"):
        assert client.get(START + url).status_code == 404


def test_a_column_named_once_is_known_the_next_time(cast: Cast) -> None:
    head = [*HEAD[:6], "平台情况"]
    data = listed(row("101", "已办结"), head=head)
    bring(cast, workbook(row("101")[:6], head=HEAD[:6]))
    lay(cast, data)
    assert waiting(cast) == {}
    lay(cast, data, 平台情况="state")
    assert waiting(cast) == {"differs": ["101"]}
    step = upload(cast, listed(row("101", "办理中"), head=head))
    assert "按本办公室为这种表头保存的办理" in cast.client("zhou").get(step.location).text


def test_ten_thousand_rows_by_command(cast: Cast, tmp_path: Path) -> None:
    bring(cast, workbook(*(row(str(n))[:6] for n in range(40)), head=HEAD[:6]))
    lines = [",".join(HEAD)] + [
        f"{n},张先生,13807970001,标题,内容{n},{NOON:%Y-%m-%d},{'已办结' if n < 20 else '办理中'}"
        for n in range(20, 10_020)
    ]
    file = tmp_path / "清单.csv"
    file.write_text("\n".join(lines), encoding="gb18030")
    asked = ["--channel", "12345", "--from", f"{NOON:%Y-%m-%d}", "--to", f"{TODAY:%Y-%m-%d}"]
    runner = cast.app.test_cli_runner()
    statements: list[str] = []
    with cast.app.app_context():
        event.listen(
            db.engine, "before_cursor_execute", lambda *said: statements.append(str(said[2]))
        )
    found = runner.invoke(reconcile_command, [str(file), *asked, "--json"])
    assert found.exit_code == 0, found.output
    told = json.loads(found.output)
    assert told["rows"] == 10_000
    assert (told["agreed"], told["theirs_only"], told["ours_only"]) == (20, 9_980, 20)
    assert len(statements) < 400, len(statements)
    wrong = runner.invoke(reconcile_command, [str(file), *asked, "--by", "chen"])
    assert wrong.exit_code == 1
    assert "不能进行本办公室的热线对账" in wrong.output


def test_an_order_that_ended_is_missed_no_longer_and_all_rows_come_in_at_once(cast: Cast) -> None:
    bring(cast, workbook(row("101")[:6], head=HEAD[:6]))
    where = lay(cast, listed(*(row(str(n)) for n in range(901, 904))), who="tang")
    client = cast.client("tang")
    assert client.post(f"{where}/again").status_code == 303
    assert waiting(cast)["ours_only"] == ["101"]
    cast.do(
        appeal_of(cast, "101"),
        lambda a, at: a.end_order(a.external_orders[0], "转市级", by=cast.actor("zhou"), at=at),
    )
    assert client.post(f"{where}/again").status_code == 303
    assert waiting(cast) == {"theirs_only": ["901", "902", "903"]}
    assert client.post(f"{where}/import", data={"all": "1"}).status_code == 303
    assert waiting(cast) == {}
    assert client.post(f"{where}/close").status_code == 303
    assert client.post(f"{where}/import", data={"all": "1"}).status_code == 422
    with cast.app.app_context():
        assert set(db.session.scalars(select(ReconciliationLine.theirs))) == {None}
