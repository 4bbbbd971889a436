"""草稿: what was typed and not sent is there again for the same person, and for nobody else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, update

from cast import Cast
from ledger.appeals.leaf import drafts_of
from ledger.db import db, now, writing
from ledger.people import drafts
from ledger.people.models import Draft

FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}
BEGUN = {"words": "已派员到现场，刘经理电话13807970001", "planned_at": "2026-12-01T09:30"}


def post(cast: Cast, who: str, path: str, headers: Any = None, **typed: Any) -> Any:
    return cast.client(who).post(path, data=typed, headers=headers)


def page(cast: Cast, who: str, path: str) -> str:
    return cast.client(who).get(path).get_data(as_text=True)


def count(cast: Cast) -> int:
    with cast.app.app_context():
        return db.session.scalar(select(func.count()).select_from(Draft)) or 0


def test_a_draft_of_an_act_from_the_first_word_to_the_sending(cast: Cast) -> None:
    number = cast.reach("assigned")
    path = f"/appeals/{number}/progress"
    saved = post(cast, "chen", path, **BEGUN, aside="draft")
    assert saved.status_code == 200 and "草稿已保存" in saved.get_data(as_text=True)
    assert BEGUN["words"] in saved.get_data(as_text=True)
    with cast.app.app_context():
        sealed = db.session.connection().exec_driver_sql("SELECT content FROM draft").scalar()
        assert "刘经理" not in str(sealed) and "13807970001" not in str(sealed)
    html = page(cast, "chen", path)
    assert "保存的草稿" in html and "弃用草稿" in html and "附件不保存在草稿中" in html
    assert BEGUN["words"] in html and 'value="2026-12-01T09:30"' in html
    for other in ("qian", "zhou"):
        assert BEGUN["words"] not in page(cast, other, path)
        assert BEGUN["words"] not in page(cast, other, f"/appeals/{number}")
    # While he types on, by htmx: the same draft, no word of the page changes.
    typed = {**BEGUN, "words": "已派员到现场，车辆已放行"}
    quiet = post(cast, "chen", path, headers=FRAGMENT, **typed, aside="autosave")
    assert quiet.status_code == 200 and "草稿已保存" in quiet.get_data(as_text=True)
    assert "<form" not in quiet.get_data(as_text=True) and count(cast) == 1
    assert typed["words"] in page(cast, "chen", path)
    seen = page(cast, "chen", path).partition('name="seen" type="hidden" value="')[2]
    version = seen.partition('"')[0]
    assert post(cast, "chen", path, **typed, seen=version).status_code == 303
    assert count(cast) == 0
    late = post(cast, "chen", path, headers=FRAGMENT, **typed, seen=version, aside="autosave")
    assert late.status_code == 204 and count(cast) == 0, "what was sent is no draft again"
    assert typed["words"] not in page(cast, "chen", path).partition('id="act-progress"')[2][:3000]


def test_the_next_step_of_the_page_is_offered_as_it_was_begun(cast: Cast) -> None:
    number = cast.reach("answered")
    typed = {"note": "材料齐全", "public_reply": "您好，已恢复通行，请放心。"}
    review = f"/appeals/{number}/review"
    assert post(cast, "zhou", review, **typed, aside="draft").status_code == 200
    html = page(cast, "zhou", f"/appeals/{number}")
    assert "材料齐全" in html and typed["public_reply"] in html and "弃用草稿" in html
    dropped = post(cast, "zhou", review, **typed, aside="drop")
    assert dropped.status_code == 303 and dropped.headers["Location"] == review
    assert count(cast) == 0 and "材料齐全" not in page(cast, "zhou", f"/appeals/{number}")
    # Nothing typed ends a draft; what is longer than anybody types is not kept.
    supplement = f"/appeals/{number}/supplement"
    post(cast, "zhou", supplement, words="又来电", aside="draft")
    assert count(cast) == 1
    post(cast, "zhou", supplement, words=" ", aside="draft")
    assert count(cast) == 0
    long = post(
        cast, "zhou", supplement, headers=FRAGMENT, words="长" * 100_001, aside="autosave"
    )
    assert long.status_code == 413 and count(cast) == 0
    # Who may not see the appeal has no draft of it, either.
    assert post(cast, "yan", supplement, words="x", aside="draft").status_code == 404


def test_a_registration_begun_is_finished_later(cast: Cast) -> None:
    typed = {
        "appellant_name": "寻乌县顺达物流有限公司",
        "contact_name": "刘经理",
        "content": "澄江收费站入口关闭",
        "channel": "visit",
        "kind": "help",
        "urgency": "urgent",
        "token": "abcdefgh12345678",
    }
    assert post(cast, "lin", "/appeals/new", **typed, aside="draft").status_code == 200
    html = page(cast, "lin", "/appeals/new")
    assert "澄江收费站入口关闭" in html and "保存的草稿" in html and 'value="刘经理"' in html
    assert "澄江收费站入口关闭" not in page(cast, "tang", "/appeals/new")
    whole = {**typed, "phone": "13807970001", "phone_given": "given", "appellant_type": "firm"}
    sent = post(cast, "lin", "/appeals/new", **whole, identity="open", stranded="no")
    assert sent.status_code == 303, sent.get_data(as_text=True)
    assert count(cast) == 0
    late = post(cast, "lin", "/appeals/new", headers=FRAGMENT, **typed, aside="autosave")
    assert late.status_code == 204 and count(cast) == 0
    post(cast, "lin", "/appeals/new", **typed, aside="draft")
    assert post(cast, "lin", "/appeals/new", aside="drop").status_code == 303
    assert "澄江收费站入口关闭" not in page(cast, "lin", "/appeals/new")


def test_drafts_are_few_and_go_after_a_month(cast: Cast) -> None:
    with cast.app.app_context():
        chen = cast.people["chen"]
        for turn in range(drafts.MOST + 3):
            drafts.keep(chen, drafts_of("x", str(turn)), [("words", f"第{turn}件")])
        assert db.session.scalar(select(func.count()).select_from(Draft)) == drafts.MOST
        assert drafts.kept(chen, drafts_of("x", "0")) is None
        assert drafts.kept(cast.people["qian"], drafts_of("x", "9")) is None
        with writing() as at:
            db.session.execute(
                update(Draft)
                .where(Draft.form_key == drafts_of("x", "50"))
                .values(updated_at=at - timedelta(days=31))
            )
            db.session.commit()
        assert drafts.forget_old(now()) == 1
        assert drafts.kept(chen, drafts_of("x", "50")) is None
        assert drafts.kept(chen, drafts_of("x", "51")) is not None
