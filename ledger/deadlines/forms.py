"""The shape of what is typed about limits and calendar."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

from wtforms.validators import ValidationError

from ledger.catalogue.words import KINDS, URGENCIES
from ledger.web import Choice, Day, Form, Hidden, LocalMoment, Text, Tick

from .clocks import brief, read
from .limits import CAP_BOUNDS, CAP_WORDS, SPECS, Caps, Rule, faults

MOST_LINES = 12
"""Of a table of limits."""

CELLS: dict[str, str] = {"accept": "受理、交办"} | {
    stage: word for stage, word in SPECS.items() if stage not in ("accept", "assign")
}
"""What is typed for a line: accept and hand-off are one instant."""

CONDITIONS = ("channel", "kind", "category", "urgency")

MOST_DAYS = 31


class _Whole:
    """A whole number between two bounds."""

    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = least, most

    def __call__(self, form: object, field: Any) -> None:
        text = field.data or ""
        if not (text.isascii() and text.isdecimal() and self.least <= int(text) <= self.most):
            what = f"“{field.label.text}”应为{self.least}到{self.most}之间的整数"
            raise ValidationError(what)


def _limit(form: object, field: Any) -> None:
    try:
        spec = read(field.data or "")
    except ValueError as error:
        raise ValidationError(str(error)) from error
    bound = field.short_name.endswith(("_answer_most", "_extension"))
    if bound and spec and not spec.endswith("wd"):
        raise ValidationError(f"“{field.label.text}”应以工作日计，如：10个工作日")


class SeenForm(Form):
    seen = Hidden("所依据的版本", 20)
    sample_at = LocalMoment("试算起点", help="预览时，各环节都假设自此刻起算")

    @property
    def seen_entry(self) -> int:
        text = self.seen.data or ""
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0


class _Table(SeenForm):
    """Lines and caps; the fields of each stand in LimitsForm."""

    name = Text("版本名称", 40, required=True, help="如：2027年版")
    effective_on = Day(
        "施行日期",
        required=True,
        help="当日0:00起的登记、交办等按本版本计算；此前已经起算的时限不变",
    )
    note = Text("发布依据", 200, required=True, help="文件名称、文号或会议议定事项")

    def line(self, place: int) -> dict[str, Any]:
        """The fields of one line, by their short names."""
        head = f"line{place}_"
        return {name.removeprefix(head): self[name] for name in _NAMES if name.startswith(head)}

    def lines(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """What is in use, and one more that is empty."""
        empty = 0
        for place in range(MOST_LINES):
            if not self._is_used(place):
                empty += 1
                if empty > 1:
                    continue
            yield place, self.line(place)

    def _is_used(self, place: int) -> bool:
        return any(field.data for field in self.line(place).values())

    def fill(self, rules: tuple[Rule, ...], caps: Caps) -> None:
        for place, rule in enumerate(rules[:MOST_LINES]):
            line = self.line(place)
            line["rank"].data = str(rule.rank)
            for name in ("name", *CONDITIONS):
                line[name].data = getattr(rule, name)
            for stage in CELLS:
                line[stage].data = brief(rule.spec(stage))
        for cap, amount in asdict(caps).items():
            self[f"cap_{cap}"].data = str(amount)

    def offer(self, channels: dict[str, str], categories: dict[str, str]) -> None:
        for place in range(MOST_LINES):
            line = self.line(place)
            line["channel"].choices = channels
            line["category"].choices = categories

    def _places(self) -> list[int]:
        return [
            place
            for place in range(MOST_LINES)
            if self._is_used(place) and not self.line(place)["dropped"].data
        ]

    def rules(self) -> tuple[Rule, ...]:
        """Of a form that is sound."""
        found = [self._rule(place) for place in self._places()]
        return tuple(sorted(found, key=lambda rule: rule.rank))

    def _rule(self, place: int) -> Rule:
        line = self.line(place)
        stages = {stage: read(line[stage].data or "") for stage in CELLS}
        stages["assign"] = stages["accept"]
        return Rule(
            int(line["rank"].data),
            line["name"].data,
            **{condition: line[condition].data or "" for condition in CONDITIONS},
            stages={stage: stages[stage] for stage in SPECS if stages[stage]},
        )

    def caps(self) -> Caps:
        return Caps(**{cap: int(self[f"cap_{cap}"].data) for cap in CAP_WORDS})

    def validate(self, extra_validators: Any = None) -> bool:
        dropped = [p for p in range(MOST_LINES) if self.line(p)["dropped"].data]
        sound = bool(super().validate(extra_validators))
        for place in dropped:
            for field in self.line(place).values():
                field.errors = []  # what goes need not be right
        sound = sound or not self.errors
        places = self._places()
        for place in places:
            line = self.line(place)
            if not line["name"].data:
                _complain(line["name"], "请填写这一行的名称")
                sound = False
            if not (line["rank"].data or "") and not line["rank"].errors:
                _complain(line["rank"], "请填写这一行的顺序号")
                sound = False
        if not places:
            _complain(self.line(0)["name"], "至少要有一行时限")
            return False
        if sound:
            for at, why in faults([self._rule(place) for place in places]):
                _complain(self.line(places[at])["name"], why)
                sound = False
        return sound


def _complain(field: Any, why: str) -> None:
    field.errors = [*field.errors, why]


def _optional_rank(form: object, field: Any) -> None:
    if field.data:
        _Whole(1, 999)(form, field)


def _line_fields(place: int) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "name": Text("名称", 20),
        "rank": Text("顺序", 3, validators=[_optional_rank], help="从小到大，先符合的先用"),
        "urgency": Choice("紧急程度", URGENCIES, blank="不限"),
        "kind": Choice("诉求类型", KINDS, blank="不限"),
        "category": Choice("诉求类别", blank="不限"),
        "channel": Choice("来源渠道", blank="不限"),
        **{stage: Text(word, 20, validators=[_limit]) for stage, word in CELLS.items()},
        "dropped": Tick("删去这一行"),
    }
    return {f"line{place}_{name}": field for name, field in fields.items()}


_FIELDS: dict[str, Any] = {
    **{
        f"cap_{cap}": Text(word, 5, required=True, validators=[_Whole(*CAP_BOUNDS[cap])])
        for cap, word in CAP_WORDS.items()
    },
    **{
        name: field for place in range(MOST_LINES) for name, field in _line_fields(place).items()
    },
}
_NAMES = tuple(_FIELDS)

LimitsForm: Any = type("LimitsForm", (_Table,), _FIELDS)
"""A table of limits: so many lines, so many caps."""


ARRANGEMENTS = {"off": "放假", "working": "上班（调休）", "plain": "取消原安排，按星期"}


class DaysForm(SeenForm):
    region = Choice("适用范围", blank=None)
    first = Day("日期", required=True)
    last = Day("至", help="只改一天的不填")
    arrangement = Choice("安排", ARRANGEMENTS, required=True)
    name = Text("事由", 40, help="如：元旦、地方节日")
    reason = Text("修改依据", 200, required=True, help="文件名称、文号")

    def __init__(self, *args: Any, year: int, **kwargs: Any) -> None:
        self.year = year
        super().__init__(*args, **kwargs)

    def validate_first(self, field: Any) -> None:
        self._check_year(field)

    def validate_last(self, field: Any) -> None:
        if field.data is None or self.first.data is None:
            return
        self._check_year(field)
        if field.data < self.first.data:
            raise ValidationError("“至”不能早于开始的日期")
        if (field.data - self.first.data).days >= MOST_DAYS:
            raise ValidationError(f"一次最多修改{MOST_DAYS}天，请分次填写")

    def _check_year(self, field: Any) -> None:
        if field.data is not None and field.data.year != self.year:
            raise ValidationError(f"这里只能修改{self.year}年的日期")

    def validate_name(self, field: Any) -> None:
        if self.arrangement.data in ("off", "working") and not field.data:
            raise ValidationError("请填写“事由”，如：元旦")

    def days(self) -> list[date]:
        """Of a form that is sound."""
        first: date = self.first.data or date.max
        last = self.last.data or first
        return [first + timedelta(days=i) for i in range((last - first).days + 1)]

    @property
    def working(self) -> bool | None:
        """None: not named any more."""
        return {"off": False, "working": True}.get(self.arrangement.data)


class PublishForm(SeenForm):
    source = Text(
        "公布依据", 200, required=True, help="如：国务院办公厅关于2027年部分节假日安排的通知"
    )


class ImportForm(SeenForm):
    reason = Text("导入说明", 200, required=True)
