"""Reading a roster (单位和人员名册) and laying it into the tables.

Idempotent: a unit is known by its name, a person by the account name. What a roster asks for in
posts becomes a proposal, which the security administrator rules on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select

from ledger import sheets
from ledger.config import SHANGHAI
from ledger.db import db
from ledger.web import clean_text

from . import queries, regions, roles, usernames
from .models import UNIT_KINDS, Person, PostProposal, Unit

MOST_ROWS = 2000

UNIT_COLUMNS: sheets.Columns = {
    "name": ("单位名称", "单位", "机构名称"),
    "code": ("单位编码", "单位代码"),
    "parent": ("上级单位", "主管单位", "上级单位名称"),
    "region": ("行政区划代码", "区划代码"),
    "kind": ("单位类型", "类型"),
    "office": ("是否牵头办公室", "牵头办公室"),
    "way": ("办理方式", "线上线下"),
    "contact_a": ("联系人A", "联系人"),
    "contact_a_phone": ("联系人A电话", "联系人电话", "电话"),
    "contact_b": ("联系人B",),
    "contact_b_phone": ("联系人B电话",),
    "duty_phone": ("24小时电话", "值班电话"),
}
PERSON_COLUMNS: sheets.Columns = {
    "name": ("姓名", "人员姓名"),
    "username": ("用户名", "账号", "登录名"),
    "unit": ("所属单位", "单位名称", "单位", "工作单位"),
    "phone": ("手机", "手机号", "联系电话", "电话"),
    "posts": ("岗位", "角色"),
}

CREATED, CHANGED, EXISTING, CONFLICT, REJECTED = "新增", "更新", "已存在", "内容不一致", "未导入"
RESULTS = (CREATED, CHANGED, EXISTING, CONFLICT, REJECTED)

_KINDS = {label: kind for kind, label in UNIT_KINDS.items()} | {
    "省": "province",
    "市": "city",
    "县": "county",
    "区": "county",
    "局": "department",
    "科室": "section",
    "股室": "section",
    "牵头办公室": "office",
    "专班": "office",
    "乡镇": "town",
    "街道": "town",
}
_YES, _NO = {"是", "√", "有", "1", "Y", "y"}, {"否", "无", "×", "0", "N", "n"}
_PHONE = re.compile(r"\+?[\d-]{5,20}")


@dataclass(frozen=True)
class Line:
    """What became of one row."""

    kind: str
    row: int
    name: str
    result: str
    reason: str = ""
    username: str = ""


@dataclass
class Roster:
    """A file's rows, not yet compared with anything."""

    units: list[sheets.Row] = field(default_factory=list)
    persons: list[sheets.Row] = field(default_factory=list)

    def new_usernames(self) -> list[str]:
        """Account names that do not exist yet: each needs a one-time password."""
        names = {usernames.fold(row.cells.get("username", "")) for row in self.persons}
        names = {name for name in names if usernames.problem(name) is None}
        known = set(db.session.scalars(select(Person.username).where(Person.username.in_(names))))
        return sorted(names - known)


def read(data: bytes, filename: str) -> Roster:
    """The units' and the persons' table of a file, each where it has one.

    Raises sheets.SheetError, in Chinese, where it has neither.
    """
    roster = Roster()
    problems = []
    try:
        found = sheets.read(data, filename, UNIT_COLUMNS, required=("name",), most_rows=MOST_ROWS)
        # A column 单位 alone also stands in a list of persons.
        if found.fields & {"parent", "region", "kind", "office", "way", "contact_a"}:
            roster.units = list(found)
    except sheets.SheetError as error:
        problems.append(error)
    try:
        people = sheets.read(
            data, filename, PERSON_COLUMNS, required=("name", "username"), most_rows=MOST_ROWS
        )
        roster.persons = list(people)
    except sheets.SheetError as error:
        problems.append(error)
    if not roster.units and not roster.persons:
        if problems:
            raise problems[0]
        raise sheets.SheetError("名册里没有单位，也没有人员；请检查是否选错了文件。")
    return roster


def lay(roster: Roster, *, by: Person, at: datetime, hashes: Mapping[str, str]) -> list[Line]:
    """Create and complete what the roster names. The caller commits, or rolls back a dry run.

    `hashes` holds the hashed one-time password of each new account name.
    """
    lines = list(_lay_units(roster.units, at))
    db.session.flush()
    lines += _lay_persons(roster.persons, by, at, hashes)
    return lines


class _Rejected(ValueError):
    """Why a row is not taken over; the message is the reason."""


def _lay_units(rows: list[sheets.Row], at: datetime) -> Iterable[Line]:
    """Parents before children, in whatever order the file has them."""
    waiting, seen = list(rows), set[str]()
    names = {row.cells.get("name", "") for row in rows}
    while waiting:
        later = []
        for row in waiting:
            name, above = row.cells.get("name", ""), row.cells.get("parent", "")
            if above and above in names and above not in seen and above != name:
                later.append(row)
                continue
            try:
                yield _lay_unit(row, at)
            except ValueError as error:
                yield Line("单位", row.number, name, REJECTED, str(error))
            seen.add(name)
        if len(later) == len(waiting):
            for row in later:
                reason = "上级单位互为上下级，或上级单位没有导入。"
                yield Line("单位", row.number, row.cells.get("name", ""), REJECTED, reason)
            return
        waiting = later


def _lay_unit(row: sheets.Row, at: datetime) -> Line:
    if row.problems:
        raise _Rejected("；".join(row.problems))
    cells = {key: _clean(value, key) for key, value in row.cells.items()}
    name = cells.get("name", "")
    if not name:
        raise _Rejected("缺少“单位名称”。")
    parent = _named(cells["parent"], "上级单位") if cells.get("parent") else None
    known = [
        unit for unit in queries.units_named(name) if parent is None or unit.parent_id == parent.id
    ]
    if len(known) > 1:
        raise _Rejected(f"有多个单位都叫“{name}”，请写明“上级单位”。")
    if not known and queries.units_named(name):
        raise _Rejected(f"“{name}”已在别的上级单位之下；调整隶属关系请在单位页面办理。")
    wanted = _unit_values(cells)
    if known:
        unit = known[0]
        changed = [key for key, value in wanted.items() if getattr(unit, key) != value]
        for key in changed:
            setattr(unit, key, wanted[key])
        return Line("单位", row.number, name, CHANGED if changed else EXISTING)
    region = str(wanted.get("region_code") or (parent.region_code if parent else ""))
    if not region:
        raise _Rejected("缺少“行政区划代码”，也没有上级单位可以沿用。")
    wanted["region_code"] = region
    wanted.setdefault("kind", "office" if wanted.get("is_office") else "department")
    code = cells.get("code") or _free_code(region)
    if queries.unit_by_code(code) is not None:
        raise _Rejected(f"单位编码“{code}”已由别的单位使用。")
    unit = Unit(code=code[:40], name=name, parent=parent, created_at=at, **wanted)
    db.session.add(unit)
    db.session.flush()
    return Line("单位", row.number, name, CREATED)


def _unit_values(cells: Mapping[str, str]) -> dict[str, object]:
    """Columns of the unit for the cells that are filled: an empty cell changes nothing."""
    values: dict[str, object] = {}
    if region := cells.get("region", ""):
        if not regions.is_region(region):
            raise _Rejected(f"行政区划代码“{region}”不是 GB/T 2260 的六位代码。")
        values["region_code"] = region
    if kind := cells.get("kind", ""):
        if kind not in _KINDS:
            raise _Rejected(f"单位类型“{kind}”不认识，应为：{'、'.join(UNIT_KINDS.values())}。")
        values["kind"] = _KINDS[kind]
    if office := cells.get("office", ""):
        if office not in _YES | _NO:
            raise _Rejected(f"“是否牵头办公室”应填是或否，现为“{office}”。")
        values["is_office"] = office in _YES
    if way := cells.get("way", ""):
        if way not in ("线上", "线下"):
            raise _Rejected(f"“办理方式”应填线上或线下，现为“{way}”。")
        values["offline"] = way == "线下"
    for key in ("contact_a", "contact_b"):
        if cells.get(key):
            values[key] = cells[key][:100]
    for key in ("contact_a_phone", "contact_b_phone", "duty_phone"):
        if cells.get(key):
            values[key] = _phone(cells[key])
    return values


def _lay_persons(
    rows: list[sheets.Row], by: Person, at: datetime, hashes: Mapping[str, str]
) -> Iterable[Line]:
    for row in rows:
        name = row.cells.get("name", "")
        try:
            yield _lay_person(row, by, at, hashes)
        except ValueError as error:
            yield Line("人员", row.number, name, REJECTED, str(error))


def _lay_person(row: sheets.Row, by: Person, at: datetime, hashes: Mapping[str, str]) -> Line:
    if row.problems:
        raise _Rejected("；".join(row.problems))
    cells = {key: _clean(value, key) for key, value in row.cells.items()}
    name, username = cells.get("name", ""), usernames.fold(cells.get("username", ""))
    if not name:
        raise _Rejected("缺少“姓名”。")
    if why := usernames.problem(username):
        raise _Rejected(why)
    if not cells.get("unit"):
        raise _Rejected("缺少“所属单位”。")
    unit = _named(cells["unit"], "所属单位")
    phone = _phone(cells["phone"]) if cells.get("phone") else None
    wanted = _roles(cells.get("posts", ""))
    person = queries.person_by_username(username)
    if person is None:
        result = CREATED
        person = Person(
            username=username,
            name=name[:100],
            home_unit=unit,
            phone=phone,
            password=hashes.get(username, ""),
            created_at=at,
        )
        db.session.add(person)
        db.session.flush()
    elif person.name != name:
        reason = f"用户名“{username}”已属于“{person.name}”。"
        return Line("人员", row.number, name, CONFLICT, reason, username)
    elif person.home_unit_id != unit.id:
        reason = f"现有人事关系在“{person.home_unit.name}”；调动请在人员页面办理。"
        return Line("人员", row.number, name, CONFLICT, reason, username)
    else:
        changed = phone is not None and person.phone != phone
        result = CHANGED if changed else EXISTING
        if changed:
            person.phone = phone
    notes = [_propose(person, unit, role, by, at) for role in wanted]
    return Line("人员", row.number, name, result, "".join(notes), username)


def _roles(text: str) -> list[str]:
    by_label = {label: role for role, label in roles.LABELS.items()}
    wanted = [part for part in re.split(r"[、,，;；/\s]+", text) if part]
    for part in wanted:
        if part not in by_label:
            raise _Rejected(f"岗位“{part}”不认识，应为：{'、'.join(roles.LABELS.values())}。")
    return [by_label[part] for part in dict.fromkeys(wanted)]


def _propose(person: Person, unit: Unit, role: str, by: Person, at: datetime) -> str:
    label = roles.label(role)
    day = at.astimezone(SHANGHAI).date()
    if any(post.role == role and post.unit_id == unit.id for post in person.posts_at(day)):
        return ""
    known = db.session.scalar(
        select(PostProposal).where(
            PostProposal.person_id == person.id,
            PostProposal.unit_id == unit.id,
            PostProposal.role == role,
        )
    )
    if known is not None:
        return f"岗位“{label}”{'已申请，待授予' if known.ruled_at is None else '此前已处理'}。"
    why = roles.misplaced(role, is_office=unit.is_office)
    why = why or roles.clash([post.role for post in person.posts_at(day)], role)
    if why:
        return f"岗位“{label}”未申请：{why}"
    db.session.add(
        PostProposal(
            person_id=person.id, unit_id=unit.id, role=role, proposed_by_id=by.id, proposed_at=at
        )
    )
    return f"已申请岗位“{label}”，待安全管理员授予。"


def _named(name: str, column: str) -> Unit:
    found = [unit for unit in queries.units_named(name) if unit.active]
    if not found:
        raise _Rejected(f"{column}“{name}”不存在或已停用。")
    if len(found) > 1:
        raise _Rejected(f"{column}“{name}”有多个同名单位，请改在页面上办理。")
    return found[0]


def _free_code(region: str) -> str:
    count = db.session.scalar(select(func.count()).where(Unit.code.startswith(f"{region}-")))
    number = (count or 0) + 1
    while queries.unit_by_code(f"{region}-{number:03d}") is not None:
        number += 1
    return f"{region}-{number:03d}"


def _clean(value: str, key: str) -> str:
    columns = UNIT_COLUMNS.get(key) or PERSON_COLUMNS.get(key) or (key,)
    text = clean_text(value, max_len=200, name=columns[0])
    return "" if text in ("-", "—", "无") and key not in ("office",) else text


def _phone(text: str) -> str:
    digits = re.sub(r"[\s()（）]", "", text)
    if not _PHONE.fullmatch(digits):
        raise _Rejected(f"电话“{text[:30]}”无法识别，应为数字，可带区号和连字符。")
    return digits
