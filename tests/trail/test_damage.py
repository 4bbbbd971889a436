"""Each kind of damage, done by plain SQL, is named with its appeal and entry."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

import engines
from cast import Cast
from ledger.appeals.models import Attachment
from ledger.db import config
from ledger_damage import damage, drop_triggers, problems, relay_triggers, sql, verify


@pytest.fixture
def number(cast: Cast) -> str:
    """A closed appeal between two others, so that a check which looks at one alone would show."""
    cast.reach("registered")
    number = cast.reach("closed")
    cast.reach("accepted")
    assert verify(cast.app)[0] == 0
    return number


OF = "stream = 'appeal/' || :number"
TEXT = f"entry_id = (SELECT id FROM entry WHERE {OF} AND seq = :seq) AND place = :place"
ROW = "WHERE number = :number"
CHILD = "appeal_id = (SELECT id FROM appeal WHERE number = :number)"

# statements, seq named, what is said
DAMAGE: dict[str, tuple[list[str], int | None, str]] = {
    "verb edited": ([f"UPDATE entry SET verb = 'hold' WHERE {OF} AND seq = 2"], 2, "指纹不符"),
    "name edited": (
        [f"UPDATE entry SET actor_name = '某某' WHERE {OF} AND seq = 3"], 3, "指纹不符"),
    "moment edited": (
        [f"UPDATE entry SET at = '2020-01-01 00:00:00.000000' WHERE {OF} AND seq = 3"],
        3, "指纹不符"),
    "payload edited": (
        [f"UPDATE entry SET payload = replace(payload, 'resolved', 'partly') WHERE {OF}"],
        4, "指纹不符"),
    "payload no JSON": (
        [f"UPDATE entry SET payload = 'x' WHERE {OF} AND seq = 2"], 2, "正文无法读取"),
    "payload of another shape": (
        [f"UPDATE entry SET payload = '[1]' WHERE {OF} AND seq = 2"], 2, "正文无法读取"),
    "payload not canonical": (
        [f"UPDATE entry SET payload = ' ' || payload WHERE {OF} AND seq = 2"], 2, "不是规范格式"),
    "unknown form": (
        [f"UPDATE entry SET form = 99 WHERE {OF} AND seq = 2"], 2, "不是本版本所认识的"),
    "first missing": (
        [f"DELETE FROM entry_text WHERE entry_id IN (SELECT id FROM entry WHERE {OF} AND seq = 1)",
         f"DELETE FROM entry WHERE {OF} AND seq = 1"], 1, "缺少第1条"),
    "middle missing": (
        [f"DELETE FROM entry_text WHERE entry_id IN (SELECT id FROM entry WHERE {OF} AND seq = 3)",
         f"DELETE FROM entry WHERE {OF} AND seq = 3"], 3, "缺少第3条"),
    "tail cut": (
        ["DELETE FROM entry_text WHERE entry_id IN"
         f" (SELECT id FROM entry WHERE {OF} AND seq > 5)",
         f"DELETE FROM entry WHERE {OF} AND seq > 5"], 6, "末尾被截断"),
    "all cut": (
        [f"DELETE FROM entry_text WHERE entry_id IN (SELECT id FROM entry WHERE {OF})",
         f"DELETE FROM entry WHERE {OF}"], None, "没有任何办理记录"),
    "reordered": (
        [f"UPDATE entry SET seq = 99 WHERE {OF} AND seq = 2",
         f"UPDATE entry SET seq = 2 WHERE {OF} AND seq = 3",
         f"UPDATE entry SET seq = 3 WHERE {OF} AND seq = 99"], 2, "衔接不上"),
    "prev broken": (
        [f"UPDATE entry SET prev = hash WHERE {OF} AND seq = 4"], 4, "衔接不上"),
    "version put back": ([f"UPDATE appeal SET version = 6 {ROW}"], 7, "只记为6条"),
    "head edited": ([f"UPDATE appeal SET head = 'x' {ROW}"], 7, "链头指纹"),
    "row edited": ([f"UPDATE appeal SET outcome = 'partly' {ROW}"], 4, "诉求的“outcome”"),
    "row's moment edited": (
        [f"UPDATE appeal SET closed_at = '2026-01-01 00:00:00.000000' {ROW}"],
        7, "诉求的“closed_at”"),
    "row's truth edited": ([f"UPDATE appeal SET confidential = :yes {ROW}"], 1, "“confidential”"),
    "row's text edited": ([f"UPDATE appeal SET content = '没事' {ROW}"], 1, "诉求的“content”"),
    "row's ciphertext edited": (
        [f"UPDATE appeal SET phone = 'v1.00000000.aaaa.bbbb' {ROW}"], 1, "无法解密"),
    "row's ciphertext of another": (
        [f"UPDATE appeal SET phone = query_code {ROW}"], 1, "无法解密"),
    "row's phone gone": ([f"UPDATE appeal SET phone = NULL {ROW}"], 1, "诉求的“phone”"),
    "assignment edited": ([f"UPDATE assignment SET state = 'taken' WHERE {CHILD}"], 4, "“state”"),
    "deadline edited": (
        [f"UPDATE deadline SET due_at = '2030-01-01 00:00:00.000000'"
         f" WHERE {CHILD} AND stage = 'accept'"], 1, "“due_at”"),
    "deadline gone": (
        [f"DELETE FROM deadline WHERE {CHILD} AND stage = 'review'"], 5, "不在台账中"),
    "row too many": (
        ["INSERT INTO request (appeal_id, kind, state, asked_at, reason_code, basis, firm_told,"
         " ruling, by_manager) SELECT id, 'hold', 'asked', registered_at, '', '', :no, '', :no"
         f" FROM appeal {ROW}"], None, "多出办理记录中没有的申请"),
    "text edited": ([f"UPDATE entry_text SET body = '别的' WHERE {TEXT}"], 1, "承诺值不符"),
    "salt edited": ([f"UPDATE entry_text SET salt = '00' WHERE {TEXT}"], 1, "承诺值不符"),
    "salt no salt": ([f"UPDATE entry_text SET salt = 'zz' WHERE {TEXT}"], 1, "承诺值不符"),
    "text gone": ([f"DELETE FROM entry_text WHERE {TEXT}"], 1, "没有依法删除的记录"),
    "text emptied": (
        [f"UPDATE entry_text SET body = NULL, salt = '', erased_by = 7 WHERE {TEXT}"],
        1, "没有依法删除的记录"),
    "text too many": (
        ["INSERT INTO entry_text (entry_id, place, salt, body) SELECT id, 'note', '00', 'x'"
         f" FROM entry WHERE {OF} AND seq = 1"], 1, "多出一段"),
    "sealed text edited": (
        ["UPDATE entry_text SET sealed = 'x' WHERE place = 'appeal.phone' AND entry_id ="
         f" (SELECT id FROM entry WHERE {OF} AND seq = 1)"], 1, "无法解密"),
    "appeal gone": (
        [*(f"DELETE FROM {table} WHERE {CHILD}"
           for table in (
               "deadline", "assignment", "appeal_plate", "unit_sight", "appeal_interval")),
         f"DELETE FROM appeal {ROW}"], None, "没有对应的诉求行"),
    "number changed": ([f"UPDATE appeal SET number = '360734-2026-000009' {ROW}"],
                       None, "没有对应的诉求行"),
}  # fmt: skip


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_named(cast: Cast, number: str, kind: str) -> None:
    statements, seq, what = DAMAGE[kind]
    used = " ".join(statements)
    values = {
        "number": number, "seq": 1, "place": "appeal.content", "yes": True, "no": False,
    }  # fmt: skip
    named = {name: value for name, value in values.items() if f":{name}" in used}
    damage(cast.app, *statements, **named)
    found = problems(cast.app)
    assert any(a == number and s == seq and what in w for a, s, w in found), found
    others = {appeal for appeal, _, _ in found} - {number, "360734-2026-000009"}
    assert not others, found


def test_an_appeal_wiped_with_its_trail_leaves_its_number_missing(cast: Cast, number: str) -> None:
    damage(
        cast.app,
        f"DELETE FROM entry_text WHERE entry_id IN (SELECT id FROM entry WHERE {OF})",
        f"DELETE FROM entry WHERE {OF}",
        *DAMAGE["appeal gone"][0],
        number=number,
    )
    assert problems(cast.app) == [(number, None, "已发出的编号没有对应的诉求")]


def test_a_number_beyond_the_register_is_named(cast: Cast, number: str) -> None:
    sql(cast.app, "UPDATE serial SET last = 2")
    assert [(a, s) for a, s, _ in problems(cast.app)] == [("360734-2026-000003", None)]


@pytest.mark.parametrize("index", range(3))
def test_a_missing_trigger_is_named(cast: Cast, index: int) -> None:
    drop_triggers(cast.app)
    found = problems(cast.app)
    assert len(found) == 3
    assert all(a == "" and s is None and "触发器" in w for a, s, w in found)
    relay_triggers(cast.app)
    assert problems(cast.app) == []
    kind = sorted(engines_triggers(cast))[index]
    weaken(cast, kind)
    assert [w for _, _, w in problems(cast.app)] == [f"防改触发器“{kind}”缺失、被停用或被改动"]


def engines_triggers(cast: Cast) -> list[str]:
    from ledger.trail import triggers

    return list(triggers.POSTGRESQL if is_postgres(cast) else triggers.SQLITE)


def is_postgres(cast: Cast) -> bool:
    with cast.app.app_context():
        return config().database_url.startswith("postgresql")


def weaken(cast: Cast, name: str) -> None:
    """The trigger still stands by name, and does nothing."""
    if is_postgres(cast):
        sql(cast.app, f"ALTER TABLE entry DISABLE TRIGGER {name}")
        return
    event = {"update": "UPDATE", "delete": "DELETE", "replace": "INSERT"}[name.rpartition("_")[2]]
    sql(
        cast.app,
        f"DROP TRIGGER {name}",
        f"CREATE TRIGGER {name} BEFORE {event} ON entry WHEN 0"
        " BEGIN SELECT RAISE(ABORT, 'entry is append-only'); END",
    )


def test_calendar_and_limits_are_checked_against_their_entries(cast: Cast) -> None:
    sql(cast.app, "UPDATE calendar_day SET working = NOT working WHERE on_day = '2026-10-01'")
    sql(cast.app, "UPDATE limit_cap SET amount = amount + 1 WHERE name = 'reworks'")
    found = {(a, s) for a, s, _ in problems(cast.app)}
    assert found == {("calendar/2026", 1), ("limits/1", 1)}


def test_a_calendar_without_entries_and_entries_without_a_calendar(cast: Cast) -> None:
    damage(cast.app, "UPDATE entry SET stream = 'calendar/1999' WHERE stream = 'calendar/2026'")
    found = {(a, w) for a, _, w in problems(cast.app)}
    assert ("calendar/2026", "工作日历没有任何办理记录，应有1条") in found
    assert ("calendar/1999", "有办理记录，但没有对应的工作日历行") in found


def test_a_stream_that_nobody_keeps_is_named(cast: Cast) -> None:
    damage(cast.app, "UPDATE entry SET stream = 'rumour/1' WHERE stream = 'limits/1'")
    assert ("rumour/1", None, "不认识的记录流") in problems(cast.app)


def test_a_ledger_without_tables_is_a_problem_not_a_crash(cast: Cast) -> None:
    damage(cast.app, "ALTER TABLE identity RENAME TO gone")
    assert "数据库无法读取" in problems(cast.app)[-1][2]


# -- attachments -------------------------------------------------------------------------------

DISK: dict[str, tuple[Callable[[Path], object], str]] = {
    "gone": (lambda path: path.unlink(), "不在磁盘上"),
    "longer": (lambda path: path.write_bytes(b"photograph!"), "文件大小已变"),
    "changed": (lambda path: path.write_bytes(b"photografh"), "文件内容被改动"),
}


@pytest.mark.parametrize("kind", DISK)
def test_an_attachment_changed_on_disk_is_named(cast: Cast, kind: str) -> None:
    number = cast.reach("accepted")
    path = attach(cast, number)
    assert problems(cast.app) == []
    act, what = DISK[kind]
    act(path)
    [(appeal, seq, said)] = problems(cast.app)
    assert (appeal, seq) == (number, 3)
    assert what in said


def test_an_attachments_row_is_trailed(cast: Cast) -> None:
    number = cast.reach("accepted")
    attach(cast, number)
    sql(cast.app, "UPDATE attachment SET sha256 = 'x', caption = '别的'")
    found = problems(cast.app)
    assert {(a, s) for a, s, _ in found} == {(number, 3)}
    assert len(found) == 3


def attach(cast: Cast, number: str) -> Path:
    import hashlib

    content = b"photograph"
    token = "ab" * 16
    with cast.app.app_context():
        path = config().attachments_dir / "ab" / "ab" / token
    path.parent.mkdir(parents=True)
    path.write_bytes(content)

    def act(appeal: object, at: datetime) -> None:
        file = Attachment(
            name="现场.jpg",
            caption="入口",
            media_type="image/jpeg",
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            stored_name=f"ab/ab/{token}",
            uploaded_at=datetime.now(UTC),
        )
        appeal.attach([file], by=cast.actor("lin"), at=at)  # type: ignore[attr-defined]

    cast.do(number, act)
    return path


# -- several keys ------------------------------------------------------------------------------


def test_a_ledger_with_a_new_key_before_the_old_one_is_checked(
    cast: Cast, database_url: str, tmp_path: Path
) -> None:
    import base64

    number = cast.reach("registered")
    new = base64.urlsafe_b64encode(b"another key for these tests only").decode()
    both = engines.application(
        database_url, tmp_path, LEDGER_FIELD_KEY=f"{new},{engines.FIELD_KEY}"
    )
    later = Cast(both, cast.units, cast.people)
    later.register()
    assert problems(both) == []
    alone = engines.application(database_url, tmp_path, LEDGER_FIELD_KEY=new)
    found = problems(alone)
    assert {a for a, _, _ in found} == {number}
    assert all("LEDGER_FIELD_KEY" in w for _, _, w in found)


def test_verify_speaks_to_a_person_too(cast: Cast) -> None:
    from ledger.audit.verify import verify_command

    number = cast.reach("accepted")
    run = cast.app.test_cli_runner()
    assert "未发现问题" in run.invoke(verify_command, []).output
    sql(cast.app, "UPDATE appeal SET state = 'closed'")
    result = run.invoke(verify_command, [])
    assert result.exit_code == 1
    assert f"{number} 第2条：诉求的“state”与办理记录不一致" in result.output
