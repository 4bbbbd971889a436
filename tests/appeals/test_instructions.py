"""批示: who may read one, on every path by which it could be read; and what comes back."""

from __future__ import annotations

import json
import re
from io import BytesIO
from typing import Any

from sqlalchemy import select, text

from cast import Cast
from ledger.appeals.filters import VIEWS
from ledger.appeals.instructions import Instruction, InstructionUnit
from ledger.appeals.models import Appeal
from ledger.db import db, now

WORDS = "请交通局务必于三日内协调放行澄江站滞留货车"
NEEDLE = "务必于三日内协调放行"
REPLY = "已召开现场会并落实专人值守疏导"
FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}


def picture() -> BytesIO:
    return BytesIO(b"\x89PNG\r\n\x1a\n" + b"\x00" * 64)


def read(cast: Cast, number: str) -> tuple[list[Any], list[Any], list[Any]]:
    """Its instructions, their units, and its attachments."""
    with cast.app.app_context():
        appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
        of = appeal.id
        found = (
            list(db.session.scalars(select(Instruction).where(Instruction.appeal_id == of))),
            list(
                db.session.scalars(select(InstructionUnit).where(InstructionUnit.appeal_id == of))
            ),
            list(appeal.attachments),
        )
        db.session.expunge_all()
        return found


def post(cast: Cast, who: str, number: str, act: str, **typed: Any) -> Any:
    return cast.client(who).post(
        f"/appeals/{number}/{act}", data=typed, content_type="multipart/form-data"
    )


def page(cast: Cast, who: str, url: str) -> str:
    return str(cast.client(who).get(url).get_data(as_text=True))


def test_a_leader_instructs_and_only_he_the_office_and_the_named_units_read_it(cast: Cast) -> None:
    number = cast.reach("assigned")  # the bureau leads
    units = [cast.units["bureau"], cast.units["police"]]
    form = page(cast, "ma", f"/appeals/{number}/instruct")
    assert "办理单位" in form and 'name="leader_id"' not in form
    sent = post(cast, "ma", number, "instruct", words=WORDS, instructed_ids=units,
                reply_by="2099-01-05", files=(picture(), "批示原件.png"))  # fmt: skip
    assert sent.status_code == 303
    (one,), named, (photo,) = read(cast, number)
    assert (one.leader_name, one.source, photo.entry_seq) == ("马县长", "", one.entry_seq)
    assert {row.unit_id for row in named} == set(units)

    # The police never had it: being named is what lets them see it, and owes a reply.
    url, file = f"/appeals/{number}", f"/appeals/{number}/attachments/{photo.id}"
    readers = ("ma", "zhou", "wu", "zhao", "du", "chen", "qian", "he")
    others = ("tang", "lin", "shi")  # operator, the liaison who registered it, the city's office
    for who in readers:
        seen = page(cast, who, url)
        assert NEEDLE in seen and "批示原件" in seen, who
        assert cast.client(who).get(file).status_code == 200, who
    client_of = {who: cast.client(who) for who in others}
    for who, client in client_of.items():
        seen = client.get(url).get_data(as_text=True)
        assert "领导批办件" in seen and "按规定不予显示" in seen, who
        assert f'id="entry-{one.entry_seq}"' in seen
        assert "批示原件" not in seen and "马县长" not in seen, who
        assert client.get(file).status_code == 404, who
        for path in (
            url, f"{url}?order=oldest", "/appeals/", "/desk", f"/appeals/?q={NEEDLE}",
            f"{url}/instruct", f"{url}/reply-instruction", f"{url}/supplement",
            *(f"/appeals/?view={view}&unit_id={units[1]}" for view in VIEWS),
        ):  # fmt: skip
            for headers in ({}, FRAGMENT):
                got = client.get(path, headers=headers).get_data(as_text=True)
                assert WORDS not in got and "批示原件" not in got, (who, path)
                # What one typed to search for comes back in its box, and nowhere else.
                typed = re.sub(r'value="[^"]*"', "", got)
                assert NEEDLE not in typed or "q=" in path, (who, path)
        # Nobody learns by a filter which units it was put to.
        listed = client.get(f"/appeals/?view=to_reply&unit_id={units[1]}").get_data(as_text=True)
        assert url not in listed
        assert client.get("/appeals/instructions").status_code == 403
    for who in ("sun", "yan", "yuan", "an", "xi", "shen", "none"):
        assert cast.client(who).get(url).status_code == 404, who
        assert cast.client(who).get(file).status_code == 404, who

    # What somebody else changed meanwhile is told to a second hand: not this.
    question = {"question": "请补充车牌号", "seen": "1"}
    asked = client_of["tang"].post(f"{url}/ask-details", data=question)
    assert WORDS not in asked.get_data(as_text=True)

    # Found by nothing; in the database neither, but as ciphertext.
    with cast.app.app_context():
        for table in ("search_text", "instruction", "entry", "entry_text", "outbox", "access_log"):
            rows = db.session.execute(text(f"SELECT * FROM {table}")).all()
            assert rows and not any(NEEDLE in str(value) for row in rows for value in row), table
        db.session.remove()
    assert url not in page(cast, "zhou", f"/appeals/?q={NEEDLE}").replace("?q=", "")
    assert "领导批办件" in page(cast, "zhou", "/appeals/")

    # The desks; then the reply, which only the leader, the office and the named read.
    assert "待办批示" in page(cast, "he", "/desk") and "待办批示" in page(cast, "chen", "/desk")
    assert "批示待落实" in page(cast, "zhou", "/desk")
    of = {row.unit_id: row.id for row in named}
    strange = post(cast, "he", number, "reply-instruction", named_id=of[units[0]], words=REPLY)
    assert strange.status_code == 422  # the bureau's is no choice of his
    assert post(cast, "he", number, "reply-instruction", named_id=of[units[1]]).status_code == 422
    assert post(cast, "tang", number, "reply-instruction", named_id=of[units[1]],
                words=REPLY).status_code == 403  # fmt: skip
    for who, unit, words in (("he", units[1], REPLY), ("chen", units[0], "已安排专人")):
        got = post(cast, who, number, "reply-instruction", named_id=of[unit], words=words,
                   files=(picture(), "值守安排.png"))  # fmt: skip
        assert got.status_code == 303, who
    mine = page(cast, "ma", "/appeals/instructions")
    assert WORDS in mine and REPLY in mine and "均已回复" in mine and "何警官" in mine
    assert "批示待落实" not in page(cast, "zhou", "/desk")
    assert "待办批示" not in page(cast, "he", "/desk")
    _, named, files = read(cast, number)
    assert len(files) == 3
    for who in others:
        assert REPLY not in page(cast, who, url) and "值守安排" not in page(cast, who, url)
        for one_file in files:
            path = f"{url}/attachments/{one_file.id}"
            assert cast.client(who).get(path).status_code == 404
    assert REPLY in page(cast, "he", url) and REPLY in page(cast, "chen", url)
    # A second report stands in the place of the first, which stays in the trail.
    assert post(cast, "he", number, "reply-instruction", named_id=of[units[1]],
                words="货车已全部放行").status_code == 303  # fmt: skip
    assert REPLY in page(cast, "he", url) and "货车已全部放行" in page(cast, "ma", url)
    # What units see may be worked out anew: the police still do.
    assert cast.app.test_cli_runner().invoke(args=["reindex"]).exit_code == 0
    assert REPLY in page(cast, "he", url)
    assert "货车已全部放行" not in page(cast, "tang", url)
    assert cast.app.test_cli_runner().invoke(args=["verify"]).exit_code == 0


def test_the_office_records_from_paper_and_another_leader_does_not_read_it(cast: Cast) -> None:
    """Who, when, wording and photograph; also on what is closed, where units still reply."""
    number = cast.reach("closed")
    form = page(cast, "zhou", f"/appeals/{number}/instruct")
    assert "批示来源" in form and "马县长" in form
    full = {
        "source": "paper",
        "leader_name": "县委李书记",
        "dated_on": "2026-01-05",
        "words": WORDS,
        "instructed_ids": [cast.units["bureau"]],
    }
    for missing, said in (
        ({"source": ""}, "怎样收到"),
        ({"leader_name": ""}, "批示领导"),
        ({"dated_on": ""}, "批示日期"),
        ({"dated_on": "2099-01-05"}, "不能晚于今天"),
        ({"words": ""}, "批示内容"),
        ({"instructed_ids": []}, "办理单位"),
        ({"instructed_ids": ["999999"]}, "选项无效"),
        ({"reply_by": "2020-01-05"}, "不能早于今天"),
        ({}, "照片"),
    ):
        got = post(cast, "zhou", number, "instruct", **{**full, **missing})
        assert got.status_code == 422, missing
        back = got.get_data(as_text=True)
        assert said in back and (WORDS in back or "words" in missing)
    assert read(cast, number)[0] == []
    for who in ("chen", "tang", "lin", "wu", "du"):
        assert post(cast, who, number, "instruct", **full).status_code == 403, who
    files = (picture(), "原件.png")
    assert post(cast, "zhou", number, "instruct", files=files, **full).status_code == 303
    (one,), (named,), _ = read(cast, number)
    assert (one.leader_id, one.source, str(one.dated_on)) == (None, "paper", "2026-01-05")
    url = f"/appeals/{number}"
    assert "代录" in page(cast, "zhou", url) and "县委李书记" in page(cast, "chen", url)
    other = page(cast, "ma", url)  # a leader too, but not the one
    assert WORDS not in other and "县委李书记" not in other and "领导批办件" in other
    replied = post(cast, "qian", number, "reply-instruction", named_id=named.id, words=REPLY)
    assert replied.status_code == 303
    assert REPLY not in page(cast, "ma", url)
    with cast.app.app_context():
        appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
        at = now()
        assert appeal.may("reply", cast.actor("chen", at), at)
        assert not appeal.may("reply", cast.actor("he", at), at)
        db.session.remove()

    # The law may have it erased: the chain stays whole, and nobody reads it any more.
    run = cast.app.test_cli_runner()
    erased = run.invoke(
        args=["erase", number, "--seq", str(one.entry_seq), "--place",
              f"instruction.{one.id}.words", "--basis", "测试"]
    )  # fmt: skip
    assert erased.exit_code == 0, erased.output
    seen = page(cast, "zhou", url)
    assert WORDS not in seen and "〔已依法删除〕" in seen
    verified = run.invoke(args=["verify", "--json"])
    assert verified.exit_code == 0, verified.output
    assert json.loads(verified.stdout)
