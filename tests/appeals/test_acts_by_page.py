"""Every act by its form: done, refused, wrong, stale; and nothing typed is lost."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from cast import Cast
from ledger.appeals.acts import ACTS
from ledger.appeals.intake import Registration
from ledger.appeals.models import Appeal
from ledger.catalogue.queries import catalogue
from ledger.db import db, writing
from ledger.trail.models import Entry

FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}


def state_of(cast: Cast, number: str) -> str:
    with cast.app.app_context():
        state: str = db.session.scalars(
            select(Appeal.state).where(Appeal.number == number)
        ).one()
        return state


def version_of(cast: Cast, number: str) -> int:
    with cast.app.app_context():
        version: int = db.session.scalars(
            select(Appeal.version).where(Appeal.number == number)
        ).one()
        return version


def category(cast: Cast) -> str:
    from ledger.catalogue.queries import catalogue

    with cast.app.app_context():
        return str(next(iter(catalogue().categories)))


def post(cast: Cast, who: str, number: str, act: str, **typed: Any) -> Any:
    headers = typed.pop("headers", None)
    return cast.client(who).post(f"/appeals/{number}/{act}", data=typed, headers=headers)


def acceptance(cast: Cast) -> dict[str, str]:
    return {
        "category_id": category(cast),
        "urgency": "normal",
        "kind": "help",
        "appellant_type": "firm",
    }


ANSWER = {
    "outcome": "resolved",
    "account": "已与收费站联系",
    "public_reply": "您好，入口已恢复通行。",
    "evidence": "陈经办当日现场核实，车辆已通行",
}
CALL = {
    "way": "phone",
    "reached": "yes",
    "contacted": "yes",
    "solved": "solved",
    "satisfaction": "satisfied",
}


def test_the_whole_loop_by_its_people_in_plain_browsers(cast: Cast) -> None:
    number = cast.reach("registered")
    unit = cast.units["bureau"]
    steps: list[tuple[str, str, dict[str, Any], str]] = [
        ("zhou", "accept-and-assign", {**acceptance(cast), "unit_id": unit}, "assigned"),
        ("chen", "sign-for", {}, "assigned"),
        ("chen", "contact", {"way": "phone", "words": "已联系刘经理"}, "assigned"),
        ("chen", "progress", {"words": "收费站答应今日放行"}, "assigned"),
        ("chen", "answer", ANSWER, "answered"),
        ("zhou", "send-back", {"reason": "请写明依据", "reason_code": "no_basis"}, "assigned"),
        ("chen", "answer", ANSWER, "answered"),
        ("zhou", "review", {"public_reply": "您好，入口已恢复通行。"}, "reviewed"),
        ("tang", "call-back", CALL, "confirmed"),
        ("wu", "close", {}, "closed"),
        ("lin", "recur", {"words": "今天又关了"}, "closed"),
        ("zhou", "reopen", {"reason": "企业再次反映", "reason_code": "recurred"}, "accepted"),
    ]
    for who, act, typed, then in steps:
        response = post(cast, who, number, act, seen=version_of(cast, number), **typed)
        assert response.status_code == 303, (act, response.get_data(as_text=True))
        assert response.headers["Location"] == f"/appeals/{number}"
        assert state_of(cast, number) == then, act


OTHERS: list[tuple[str, str, str, dict[str, Any], str]] = [
    ("registered", "zhou", "accept", {"acceptance": True}, "accepted"),
    ("registered", "lin", "supplement", {"words": "又来一辆车"}, "registered"),
    ("registered", "zhou", "ask-details", {"question": "车牌号是多少"}, "registered"),
    ("registered", "lin", "correct", {"title": "新的标题", "reason": "核对"}, "registered"),
    (
        "registered",
        "zhou",
        "decline",
        {"reason_code": "other_region", "told": "已电话告知刘经理"},
        "declined",
    ),
    ("accepted", "zhou", "assign", {"unit": True}, "assigned"),
    (
        "accepted",
        "zhou",
        "hold",
        {"reason_code": "other_region", "reason": "等外省", "hold_review_on": True},
        "held",
    ),
    ("assigned", "zhou", "recall", {"reason": "交办有误", "reason_code": "wrong_unit"}, "accepted"),
    ("assigned", "zhou", "set-due", {"due_at": True, "reason": "等外省回复"}, "assigned"),
    ("answered", "zhou", "review-and-call-back", CALL, "confirmed"),
    ("reviewed", "tang", "attempt", {"way": "phone", "words": "无人接听"}, "reviewed"),
    ("reviewed", "lin", "call-back", {"way": "phone", "reached": "no"}, "reviewed"),
    ("reviewed", "lin", "tell", {"way": "wechat"}, "reviewed"),
    (
        "confirmed",
        "wu",
        "refuse-closing",
        {"to": "reviewed", "reason": "存疑", "reason_code": "doubtful_call_back"},
        "reviewed",
    ),
    ("merged", "zhou", "unmerge", {"reason": "不是同一件事"}, "registered"),
    ("held", "zhou", "resume", {"reason": "外省已回复"}, "accepted"),
    ("registered", "lin", "withdraw", {"way": "void", "reason": "重复登记"}, "withdrawn"),
]


def test_every_other_act_by_its_form(cast: Cast) -> None:
    for row in OTHERS:
        _by_its_form(cast, *row)


def _by_its_form(
    cast: Cast, state: str, who: str, act: str, typed: dict[str, Any], then: str
) -> None:
    number = cast.reach(state)
    typed = dict(typed)
    if typed.pop("acceptance", False):
        typed.update(acceptance(cast))
    if typed.pop("unit", False):
        typed["unit_id"] = cast.units["bureau"]
    if "due_at" in typed:
        typed["due_at"] = (datetime.now(UTC) + timedelta(days=40)).strftime("%Y-%m-%dT09:30")
    if "hold_review_on" in typed:
        typed["hold_review_on"] = (datetime.now(UTC) + timedelta(days=7)).date().isoformat()
    drawn = cast.client(who).get(f"/appeals/{number}/{act}", headers=FRAGMENT)
    assert drawn.status_code == 200
    assert f'id="act-{act}"' in drawn.get_data(as_text=True)
    response = post(
        cast, who, number, act, headers=FRAGMENT, seen=version_of(cast, number), **typed
    )
    html = response.get_data(as_text=True)
    assert response.status_code == 200, html
    assert html.lstrip().startswith('<article id="_appeal"')
    assert 'hx-swap-oob="innerHTML:#alerts"' in html
    assert response.headers["HX-Replace-Url"] == f"/appeals/{number}"
    assert state_of(cast, number) == then


def test_the_office_endorses_what_the_duty_officer_did(cast: Cast) -> None:
    """It is asked of nobody else, and of nothing else."""
    offered = 'id="act-endorse"'
    by_day = cast.reach("assigned")
    assert offered not in cast.client("zhou").get(f"/appeals/{by_day}").get_data(as_text=True)
    assert post(cast, "zhou", by_day, "endorse").status_code == 409
    number = _by_night(cast)
    assert offered not in cast.client("chen").get(f"/appeals/{number}").get_data(as_text=True)
    assert offered in cast.client("zhou").get(f"/appeals/{number}").get_data(as_text=True)
    assert post(cast, "zhou", number, "endorse", note="同意").status_code == 303
    html = cast.client("zhou").get(f"/appeals/{number}").get_data(as_text=True)
    assert "追认意见" in html and offered not in html


def _by_night(cast: Cast) -> str:
    """A critical one that the duty officer accepted and handed off."""
    at = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
    with cast.app.app_context(), writing():
        known = Registration(
            "寻乌县顺达物流有限公司", "货车被劝返，鲜活货物滞留。", "visit", at, urgency="critical",
            phone_given="none",
        )  # fmt: skip
        hand: dict[str, Any] = {"by": cast.actor("zhao", at), "at": at}
        appeal = Appeal.register(known, office=cast.unit("office"), **hand)
        category = next(iter(catalogue().categories))
        appeal.accept(category_id=category, urgency="critical", **hand)
        appeal.assign(cast.unit("bureau"), **hand)
        db.session.commit()
        return appeal.number


def test_a_due_time_set_anew_is_told_beside_the_one_before(cast: Cast) -> None:
    number = cast.reach("assigned")
    for year, said in (("2020", "必须晚于现在"), ("2099", "不能晚于")):
        typed = {"due_at": f"{year}-12-01T09:30", "reason": "核定"}
        refused = post(cast, "zhou", number, "set-due", **typed)
        assert refused.status_code == 422
        assert said in refused.get_data(as_text=True)
    day = (datetime.now(UTC) + timedelta(days=40)).date()
    typed = {"due_at": f"{day}T09:30", "reason": "等外省回复"}
    assert post(cast, "zhou", number, "set-due", **typed).status_code == 303
    html = cast.client("chen").get(f"/appeals/{number}").get_data(as_text=True)
    assert f"{day} 09:30" in html and "核定理由" in html


def test_upholding_by_its_form(cast: Cast) -> None:
    number = cast.reach("registered")
    cast.accept(number)
    cast.assign(number)
    cast.answer(number, outcome="explained")
    cast.review(number)
    cast.call_back(number, "unsatisfied")
    typed = {"reason_code": "explained_unsatisfied", "basis": "已两次上门解释"}
    assert post(cast, "ma", number, "uphold", **typed).status_code == 303
    assert state_of(cast, number) == "confirmed"


def test_merging_by_choice_and_by_number(cast: Cast) -> None:
    master, one, two = (cast.reach("registered") for _ in range(3))
    form = cast.client("zhou").get(f"/appeals/{one}/merge").get_data(as_text=True)
    assert f'value="{master}"' in form
    assert post(cast, "zhou", one, "merge", master_id=master).status_code == 303
    wrong = post(cast, "zhou", two, "merge", master="360734-2026-999999", reason="同一件事")
    assert wrong.status_code == 422
    assert "没有这个编号的诉求" in wrong.get_data(as_text=True)
    assert post(cast, "zhou", two, "merge", master=two).status_code == 422
    assert post(cast, "zhou", two, "merge", master=master).status_code == 303
    assert state_of(cast, two) == "merged"


def test_a_correction_touches_only_what_differs(cast: Cast) -> None:
    number = cast.reach("registered")
    html = cast.client("lin").get(f"/appeals/{number}/correct").get_data(as_text=True)
    assert "13807970001" not in html
    typed = {"title": "新的标题", "phone": "", "reason": "核对", "kind": "help"}
    assert post(cast, "lin", number, "correct", **typed).status_code == 303
    with cast.app.app_context():
        appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
        assert (appeal.title, appeal.phone) == ("新的标题", "13807970001")
        entry = db.session.scalars(select(Entry).where(Entry.verb == "correct")).one()
        assert '"fields":["title"]' in entry.payload
    again = post(cast, "lin", number, "correct", title="新的标题", reason="核对")
    assert again.status_code == 422
    assert "没有任何栏目被修改" in again.get_data(as_text=True)


# -- wrong, not yours, not now ------------------------------------------------------------------

WRONG: list[tuple[str, str, str, dict[str, str], str]] = [
    ("registered", "zhou", "accept-and-assign", {"words": "请速办"}, "请选择“主办单位”"),
    ("registered", "zhou", "decline", {"note": "不归我们"}, "请选择“不予受理的情形”"),
    (
        "registered",
        "zhou",
        "decline",
        {"reason_code": "other", "told": "已告知"},
        "请在“说明”中写明",
    ),
    ("registered", "lin", "supplement", {"words": ""}, "请填写补充内容或选择附件"),
    ("registered", "lin", "attach", {}, "请选择“附件”"),
    ("assigned", "chen", "contact", {"way": "phone", "words": ""}, "请填写“联系情况”"),
    (
        "assigned",
        "chen",
        "answer",
        {**ANSWER, "evidence": ""},
        "请上传佐证附件或写明",
    ),
    ("assigned", "chen", "answer", {**ANSWER, "public_reply": "收悉"}, "不是答复"),
    ("assigned", "chen", "progress", {"words": "甲" * 9000}, "最多 5000 字"),
    ("assigned", "chen", "progress", {"words": "有\x00字符"}, "控制字符"),
    ("assigned", "chen", "sign-for", {"handler_phone": "电话"}, "电话号码"),
    (
        "reviewed",
        "tang",
        "call-back",
        {**CALL, "satisfaction": "unsatisfied"},
        "请写明诉求人的意见",
    ),
    ("reviewed", "tang", "call-back", {"reached": "yes", "way": "phone"}, "请选择“是否满意”"),
    ("confirmed", "wu", "refuse-closing", {"reason": "存疑"}, "请选择“退回到”"),
    (
        "accepted",
        "zhou",
        "hold",
        {"reason_code": "superior", "reason": "等", "hold_review_on": "2020-01-01"},
        "晚于今天",
    ),
]


def test_what_is_wrong_is_said_and_what_was_typed_stays(cast: Cast) -> None:
    for row in WRONG:
        _is_wrong(cast, *row)


def _is_wrong(
    cast: Cast, state: str, who: str, act: str, typed: dict[str, str], complaint: str
) -> None:
    number = cast.reach(state)
    before = version_of(cast, number)
    fragment = post(cast, who, number, act, headers=FRAGMENT, **typed)
    whole = post(cast, who, number, act, **typed)
    for response in (fragment, whole):
        html = response.get_data(as_text=True)
        assert response.status_code == 422, (act, complaint)
        assert complaint in html, complaint
        for words in typed.values():
            kept = words.replace("\x00", "")
            assert kept in html
    assert fragment.headers["HX-Retarget"] == f"#act-{act}"
    assert fragment.get_data(as_text=True).count('id="act-') == 1
    assert "<html" in whole.get_data(as_text=True)
    assert version_of(cast, number) == before


def test_who_may_not_gets_403_or_409_and_nothing_is_written(cast: Cast) -> None:
    number = cast.reach("registered")
    before = version_of(cast, number)
    onlooker, stranger = cast.client("wu"), cast.client("yuan")
    for act in (act.url for act in ACTS.values()):
        url = f"/appeals/{number}/{act}"
        assert onlooker.get(url).status_code in (403, 409), act
        assert stranger.get(url).status_code == stranger.post(url).status_code == 404, act
        assert onlooker.post(url, data={"words": "写了"}).status_code in (403, 409), act
    assert version_of(cast, number) == before


def test_the_second_key_is_refused_to_whoever_turned_the_first(cast: Cast) -> None:
    number = cast.reach("confirmed")
    assert post(cast, "chen", number, "close").status_code == 403
    assert post(cast, "tang", number, "close").status_code == 403
    assert state_of(cast, number) == "confirmed"


def test_what_is_too_late_gets_409_with_what_happened_and_what_was_typed(cast: Cast) -> None:
    number = cast.reach("answered")
    seen = version_of(cast, number)
    cast.review(number)
    response = post(
        cast, "zhou", number, "review", headers=FRAGMENT, seen=seen, note="依据充分"
    )
    html = response.get_data(as_text=True)
    # His own review in another window, too: other words must not be lost.
    assert response.status_code == 409
    assert "审核通过" in html
    assert "依据充分" in html
    assert html.lstrip().startswith('<article id="_appeal"')


def test_a_stale_form_shows_what_changed_and_may_be_sent_again(cast: Cast) -> None:
    number = cast.reach("registered")
    seen = version_of(cast, number)
    cast.do(
        number, lambda a, at: a.correct({"urgency": "urgent"}, "核对", by=cast.actor("lin"), at=at)
    )
    typed = {**acceptance(cast), "unit_id": str(cast.units["bureau"]), "words": "请速办"}
    response = post(cast, "zhou", number, "accept-and-assign", headers=FRAGMENT, seen=seen, **typed)
    html = response.get_data(as_text=True)
    assert response.status_code == 409
    assert "林晓梅" in html
    assert "紧急程度：一般 → 紧急" in html
    assert "请速办" in html
    assert state_of(cast, number) == "registered"
    fresh = re.search(r'id="accept_and_assign-seen"[^>]*value="(\d+)"', html)
    assert fresh is not None
    again = post(cast, "zhou", number, "accept-and-assign", seen=fresh[1], **typed)
    assert again.status_code == 303
    assert state_of(cast, number) == "assigned"


def test_a_category_brings_its_usual_lead_along(cast: Cast) -> None:
    from ledger.catalogue.models import Category
    from ledger.db import writing

    number, unit = cast.reach("registered"), cast.units["police"]
    with cast.app.app_context(), writing():
        db.session.get_one(Category, int(category(cast))).suggest(unit, [])
        db.session.commit()
    url = f"/appeals/{number}/accept-and-assign?category_id={category(cast)}"
    html = cast.client("zhou").get(url, headers=FRAGMENT).get_data(as_text=True)
    assert re.search(rf'<option selected value="{unit}"', html)
    assert "hx-select" in html


def test_a_category_without_a_usual_lead_leaves_the_chosen_unit_alone(cast: Cast) -> None:
    number = cast.reach("registered")
    url = f"/appeals/{number}/accept-and-assign?category_id={category(cast)}"
    assert cast.client("zhou").get(url, headers=FRAGMENT).status_code == 204


def test_the_combination_is_one_commit_or_none(cast: Cast) -> None:
    number = cast.reach("registered")
    before = version_of(cast, number)
    typed = {**acceptance(cast), "unit_id": str(cast.units["bureau"]), "due_at": "2020-01-01 09:00"}
    assert post(cast, "zhou", number, "accept-and-assign", **typed).status_code == 422
    assert (state_of(cast, number), version_of(cast, number)) == ("registered", before)


# -- clicks and files ---------------------------------------------------------------------------


def test_the_very_same_review_sent_twice_is_no_error(cast: Cast) -> None:
    number = cast.reach("answered")
    seen = version_of(cast, number)
    for _ in range(2):
        response = post(cast, "zhou", number, "review", seen=seen, note="依据充分")
        assert response.status_code == 303
    assert version_of(cast, number) == seen + 1


def test_signing_twice_is_no_error(cast: Cast) -> None:
    number = cast.reach("assigned")
    seen = version_of(cast, number)
    for _ in range(2):
        response = post(cast, "chen", number, "sign-for", headers=FRAGMENT, seen=seen)
        assert response.status_code == 200
        assert "已签收" in response.get_data(as_text=True)
    assert post(cast, "chen", number, "sign-for").status_code == 303
    assert version_of(cast, number) == seen + 1
    assert post(cast, "he", number, "sign-for").status_code == 404


def test_a_note_sent_twice_by_a_double_click_is_written_once(cast: Cast) -> None:
    number = cast.reach("assigned")
    before = version_of(cast, number)
    for _ in range(2):
        typed = {"way": "phone", "words": "已联系刘经理"}
        assert post(cast, "chen", number, "contact", **typed).status_code == 303
    assert version_of(cast, number) == before + 1


def test_files_come_with_their_captions_and_can_be_fetched(cast: Cast) -> None:
    number = cast.reach("assigned")
    png = b"\x89PNG\r\n\x1a\n" + b"\x00" * 64
    data = {
        **ANSWER,
        "evidence": "",
        "files": (io.BytesIO(png), "现场.png"),
        "files-caption": "入口",
    }
    response = cast.client("chen").post(
        f"/appeals/{number}/answer", data=data, content_type="multipart/form-data"
    )
    assert response.status_code == 303
    html = cast.client("zhou").get(f"/appeals/{number}").get_data(as_text=True)
    assert "现场.png" in html
    link = re.search(rf'href="(/appeals/{number}/attachments/\d+)"', html)
    assert link is not None
    assert cast.client("zhou").get(link[1]).data == png
    assert cast.client("yuan").get(link[1]).status_code == 404


def test_a_bad_file_costs_no_word(cast: Cast) -> None:
    number = cast.reach("registered")
    data = {"words": "请看附件", "files": (io.BytesIO(b"MZ\x00\x01" * 20), "a.exe")}
    response = cast.client("lin").post(
        f"/appeals/{number}/supplement", data=data, content_type="multipart/form-data"
    )
    html = response.get_data(as_text=True)
    assert response.status_code == 422
    assert "a.exe" in html
    assert "请看附件" in html


def test_panels_that_are_being_written_in_are_kept(cast: Cast) -> None:
    number = cast.reach("assigned")
    response = cast.client("chen").post(
        f"/appeals/{number}/contact",
        data={"way": "phone", "words": "已联系", "loaded": ["contact", "answer", "nonsense"]},
        headers=FRAGMENT,
    )
    html = response.get_data(as_text=True)
    assert re.search(r'<div id="act-answer"[^>]*hx-preserve', html)
    assert not re.search(r'<div id="act-contact"[^>]*hx-preserve', html)


def test_no_act_goes_round_the_table(cast: Cast) -> None:
    number = cast.reach("registered")
    assert cast.client("zhou").get(f"/appeals/{number}/erase").status_code == 404
    assert post(cast, "zhou", number, "erase").status_code in (404, 405)
