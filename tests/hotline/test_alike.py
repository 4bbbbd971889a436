"""Duplicates before they are born: what is like a matter, why, and at what cost."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from io import BytesIO
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import event, func, select, text
from werkzeug.test import TestResponse

from appeals.register_hand import ASKED, PNG, how_many, number_of
from cast import Cast
from ledger.appeals.models import Appeal
from ledger.db import db, keyring, now, writing
from ledger.firms import phones
from ledger.hotline.likeness import Matter, asked_places, landmarks, like, ranked, since
from ledger.hotline.likeness_queries import alike
from ledger.search.tokens import tokens

AT = datetime(2026, 11, 20, 2, tzinfo=UTC)


def test_likeness_is_weighed_and_explained() -> None:
    assert [one.name for one in landmarks("司机在大广高速寻乌南收费站出口被劝返")] == [
        "寻乌南收费站"
    ]
    assert asked_places("寻乌县文峰乡石角里村206国道旁", "") == ["206国"]
    typed = Matter(
        AT,
        firm_ids=frozenset({7}),
        plates=frozenset({"赣B12345"}),
        place="寻乌南收费站",
        content="货车在收费站入口被拦下要求劝返，无法进城卸货",
        category_id=3,
    )
    day = timedelta(days=1)
    same = Matter(AT - day / 12, firm_ids=frozenset({7}), plates=frozenset({"赣B12345"}))
    other = Matter(AT - day, place="寻乌南收费口入口", content="入口封闭，货车被劝返，无法进城卸货")
    late = Matter(AT - 20 * day, firm_ids=frozenset({7}), is_open=False)
    elsewhere = Matter(AT - day, place="寻乌北收费站", content="减免通行费的政策怎么申请")
    old = Matter(AT - 40 * day, place="寻乌南收费站")
    forgotten = Matter(AT - 91 * day, firm_ids=frozenset({7}), is_open=False)
    order = ranked([late, elsewhere, other, old, same, forgotten], typed)
    # Open before over, the likest first; what has nothing in common is not there at all.
    assert [place for place, _ in order] == [4, 2, 0]
    assert order[0][1].why == ("同一企业", "同一车牌（赣B12345）")
    assert order[1][1].why == ("同一地点（寻乌南收费站）", "内容相近")
    assert not order[1][1].is_same_appellant
    assert like(typed, forgotten) is None
    assert since(AT - timedelta(minutes=130), AT) == "2小时前登记"


def typed(client: FlaskClient, **fields: str) -> TestResponse:
    return client.post(
        "/hotline/alike", data=fields, headers={"HX-Request": "true", "HX-Request-Type": "partial"}
    )


def words(response: TestResponse) -> str:
    return unescape(re.sub(r"\s+", " ", response.get_data(as_text=True)))


def test_from_the_form_to_the_appeal_that_is_there(cast: Cast) -> None:
    """An operator finds the matter while typing, and adds to it; another registers beside it and
    advises to join; the office sees why, and joins."""
    place = {"place": "寻乌南收费站出口", "plates": "赣B12345 赣B1234挂"}
    first = cast.register(content="两辆货车在寻乌南收费站被劝返，请协调。", **place)
    secret = cast.register(
        by="tang",
        appellant_name="某某食品公司",
        phone="13907971234",
        confidential=True,
        content="寻乌南收费站刁难，请保密。",
        place="寻乌南收费站",
    )
    cast.accept(secret)
    cast.assign(secret)
    tang = cast.client("tang")
    assert "被劝返" not in words(typed(tang))
    found = words(typed(tang, phone="138-0797-0001", place="大广高速寻乌南收费口", content="堵"))
    assert "同一电话 · 同一地点（寻乌南收费口） · 刚刚登记" in found
    assert found.index(first) < found.index(secret)  # two reasons before one
    assert "同一车牌（赣B12345）" in words(typed(tang, plates="赣B·12345"))
    # Half a number, nonsense and what no engine keeps find nothing, and stop nobody.
    odd = {
        "phone": "138",
        "plates": "x",
        "uscc": "!",
        "firm_id": "9" * 30,
        "category_id": "-1",
        "place": "\0站",
        "received_at": "昨天",
        "appellant_name": "a\0b",
    }
    assert typed(tang, **odd).status_code == 200
    # For whoever may not know him, the confidential one is not there, whatever leads to it.
    assert typed(cast.client("chen"), place="寻乌南收费站").status_code == 403
    clues = {"phone": "13907971234", "appellant_name": "某某食品公司", "place": "寻乌南收费站"}
    for name, clue in clues.items():
        assert secret in words(typed(tang, **{name: clue}))
        assert secret not in words(typed(cast.client("lin"), **{name: clue}))
    with cast.app.app_context():
        at = now()
        matter = Matter(
            at,
            place="寻乌南收费站",
            phones=frozenset(keyring().blinds("13907971234", phones.PHONE)),
        )
        seen = {one.row.number for one in alike(matter, cast.actor("chen"), at)}
        assert secret not in seen
        assert alike(matter, cast.actor("yuan"), at) == []

    # Without JavaScript: a page of its own, which carries what was typed.
    page = words(tang.post("/hotline/alike", data={"place": "寻乌南收费站", "content": "“又”堵了"}))
    assert 'name="content" value="“又”堵了"' in page and first in page

    # Added to what is there, with the photograph; twice sent is once added.
    before = how_many(cast)
    sent: dict[str, Any] = {
        **ASKED,
        "content": "仍有一辆车被拦。",
        "plates": "赣B99999",
        "token": "t" * 20,
    }
    url = f"/hotline/alike/{first}/supplement"
    for _ in range(2):
        done = tang.post(url, data={**sent, "files": [photo()]}, content_type="multipart/form-data")
        assert (done.status_code, done.headers["Location"]) == (303, f"/appeals/{first}")
    assert tang.post(url, data={**sent, "content": "另一件事"}).status_code == 409
    assert "请先填写诉求内容" in words(tang.post(url, data={**sent, "token": "", "content": " "}))
    assert tang.post(f"/hotline/alike/{'x' * 30}/supplement", data=sent).status_code == 404
    assert how_many(cast) == before
    story = words(tang.get(f"/appeals/{first}"))
    assert story.count("仍有一辆车被拦。") == 1 and "车牌号：赣B99999" in story

    # Registered beside it: who may not join advises it, and the office reads so as it accepts.
    form = {
        **ASKED,
        "appellant_name": "寻乌县客家果业有限公司",
        "phone": "13807970077",
        "place": "寻乌南收费站",
        "content": "我公司果品车也被寻乌南收费站劝返。",
    }
    advised = number_of(tang.post(f"/hotline/alike/{first}/join", data=form))
    zhou = cast.client("zhou")
    panel = words(zhou.get(f"/hotline/alike/of/{advised}"))
    assert "登记人建议并案：" in panel and f"/appeals/{advised}/join?master={first}" in panel
    assert f'hx-get="/hotline/alike/of/{advised}"' in words(zhou.get(f"/appeals/{advised}"))
    assert f'value="{first}"' in words(zhou.get(f"/appeals/{advised}/join?master={first}"))
    assert tang.get(f"/hotline/alike/of/{advised}").status_code == 403
    assert cast.client("yuan").get(f"/hotline/alike/of/{advised}").status_code == 404
    # At the desk the buttons are the desk's own: the call is kept with what becomes of it.
    at_desk = {"become": "appeal", "place": "寻乌南收费站"}
    assert f'name="to" value="supplement:{first}"' in words(typed(tang, **at_desk))
    call = {**form, "line": "12345", "become": "appeal", "token": "w" * 20, "join": first}
    assert tang.post("/hotline/desk", data=call).status_code == 303
    with cast.app.app_context():
        last = db.session.scalars(select(Appeal).order_by(Appeal.id.desc())).first()
        assert last is not None and last.number not in (first, advised)
        latest = last.number
    assert "登记人建议并案：" in words(zhou.get(f"/hotline/alike/of/{latest}"))
    # The coordinator does both at once; a master that is none leaves nothing behind.
    joined = number_of(zhou.post(f"/hotline/alike/{first}/join", data={**form, "token": "u" * 20}))
    count = how_many(cast)
    refused = zhou.post(f"/hotline/alike/{joined}/join", data={**form, "token": "v" * 20})
    assert refused.status_code == 422 and "已并入其他诉求办理" in words(refused)
    assert how_many(cast) == count
    with cast.app.app_context():
        state = db.session.scalar(select(Appeal.state).where(Appeal.number == joined))
        assert state == "joined"
    result = cast.app.test_cli_runner().invoke(args=["verify"])
    assert result.exit_code == 0, result.output


def photo() -> Any:
    return (BytesIO(PNG), "现场.png")


def test_the_cost_does_not_grow_with_the_ledger(cast: Cast, engine: str) -> None:
    """Of fifty times as many appeals, the same number of rows is visited: every question is
    answered from the newest end of an index."""
    number = cast.register(place="寻乌南收费站", plates="赣B12345", confidential=False)
    matter = Matter(
        now(),
        firm_ids=frozenset({1, 2}),
        name="寻乌县顺达物流有限公司",
        phones=frozenset({keyring_blind(cast)}),
        plates=frozenset({"赣B12345", "赣B54321"}),
        place="寻乌南收费站",
    )
    visited = []
    for rows in (60, 3000):
        multiply(cast, number, rows)
        visited.append(cost(cast, matter, engine))
    few, many = visited
    assert many["statements"] == few["statements"] <= 8
    assert many["rows"] <= few["rows"] * 1.3 + 20, visited


def keyring_blind(cast: Cast) -> str:
    with cast.app.app_context():
        return keyring().blind("13807970001", phones.PHONE)


def multiply(cast: Cast, number: str, upto: int) -> None:
    """Rows like that one, as many as said in all, of its phone and plate, sixty of its place: how
    hits are found among many is the search room's, which reads no more than FEW of them."""
    with cast.app.app_context(), writing():
        have = db.session.scalar(select(func.count(Appeal.id))) or 0
        model = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
        names = [c.key for c in Appeal.__table__.columns if c.key not in ("id", "number", "label")]
        columns = ", ".join(f'"{name}"' for name in names)
        top = db.session.scalar(select(func.max(Appeal.id))) or 0
        for n in range(top + 1, top + 1 + upto - have):
            words = "寻乌南收费站 寻乌县顺达物流有限公司" if n < 60 else "安远北服务区"
            db.session.execute(
                text(
                    f"INSERT INTO appeal (id, number, label, {columns})"
                    f" SELECT :n, :number, :number, {columns} FROM appeal WHERE id = :model"
                ),
                {"n": n, "number": f"x{n}", "model": model.id},
            )
            db.session.execute(
                text("INSERT INTO appeal_plate (appeal_id, plate) VALUES (:n, '赣B12345')"),
                {"n": n},
            )
            db.session.execute(
                text(
                    "INSERT INTO search_text (appeal_id, common, sealed) VALUES (:n, :common, '')"
                ),
                {"n": n, "common": tokens([words])},
            )
        db.session.commit()
    with cast.app.app_context():
        db.session.execute(text("ANALYZE"))
        db.session.commit()


def cost(cast: Cast, matter: Matter, engine: str) -> dict[str, int]:
    """How many statements, and how many rows they visit: on SQLite in steps of its machine, in
    hundreds; on PostgreSQL by EXPLAIN ANALYZE."""
    asked: list[tuple[str, Any]] = []
    with cast.app.app_context():
        actor, at = cast.actor("zhou"), now()
        alike(matter, actor, at)  # what is kept for a while is kept

        def note(_c: Any, _k: Any, statement: str, given: Any, *_more: Any) -> None:
            asked.append((statement, given))

        event.listen(db.engine, "before_cursor_execute", note)
        raw: Any = db.session.connection().connection.driver_connection
        steps = 0

        def step() -> int:
            nonlocal steps
            steps += 1
            return 0

        if engine == "sqlite":
            raw.set_progress_handler(step, 100)
        found = alike(matter, actor, at)
        event.remove(db.engine, "before_cursor_execute", note)
        assert found and "同一电话" in found[0].likeness.why
        if engine == "sqlite":
            raw.set_progress_handler(None, 0)
            return {"statements": len(asked), "rows": steps}
        connection = db.session.connection()
        for statement, given in asked:
            plan = connection.exec_driver_sql(
                f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", given
            ).scalar_one()
            steps += rows_of((plan if isinstance(plan, list) else json.loads(plan))[0]["Plan"])
        return {"statements": len(asked), "rows": steps}


def rows_of(node: dict[str, Any]) -> int:
    own = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    return int(own * node["Actual Loops"]) + sum(rows_of(one) for one in node.get("Plans", ()))
