"""The shape of what is typed about conferences and what is put before the leaders."""

from __future__ import annotations

from typing import Any

from ..web import Choice, Day, LocalMoment, LongText, Radio, Text, Tick
from .act_forms import LONG, ActForm

POINTS = 5
"""Points that a form holds."""
OPEN_POINTS = 2
"""Of them stand open; the others are folded away."""


class AskCoordinationForm(ActForm):
    difficulty = LongText("遇到的困难", 2000, rows=3, required=True)
    proposal = LongText(
        "协调建议", 2000, rows=3, required=True, help="需要谁解决什么、建议怎么解决"
    )
    leader = Text("建议牵头领导", 100, help="姓名和职务，可不填")


class _ConferForm(ActForm):
    held_at = LocalMoment("会商时间", required=True)
    venue = Text("会商地点", 200)
    participants = LongText("参加单位和人员", 2000, rows=2, required=True)
    others = Text("一并研究的其他诉求", 1500, help="填编号，几件用空格隔开，如 360734-2026-000123")
    conclusion = LongText("会商结论", LONG, rows=4, required=True)

    def validate(self, extra_validators: Any = None) -> bool:
        """Of a point that is begun everything is wanted."""
        sound: bool = super().validate(extra_validators)
        for place in range(1, POINTS + 1):
            point = [self[f"{name}_{place}"] for name in ("agreed", "unit", "until")]
            if not any(field.data for field in point):
                continue
            for field in point:
                if not field.data and not field.errors:
                    verb = "选择" if field.type == "Choice" else "填写"
                    field.errors = [f"请{verb}“{field.label.text}”"]
                    sound = False
        return sound


def _points() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for place in range(1, POINTS + 1):
        found[f"agreed_{place}"] = Text(f"议定事项{place}", 500)
        found[f"unit_{place}"] = Choice(f"责任单位{place}")
        found[f"until_{place}"] = Day(f"完成时限{place}")
    found["numbered"] = Tick("编纪要号", help="按年度编号，如：会商纪要〔2026〕3号")
    return found


ConferForm: type[_ConferForm] = type("ConferForm", (_ConferForm,), _points())
FOLDED = frozenset(
    f"{name}_{place}"
    for name in ("agreed", "unit", "until")
    for place in range(OPEN_POINTS + 1, POINTS + 1)
)


class FulfilForm(ActForm):
    point_id = Radio("议定事项", required=True)
    words = LongText("落实情况", 2000, rows=3, required=True)
    done_on = Day("落实日期", required=True)
    all_matters = Tick("该次会商研究的其他诉求一并回填", default=True)
