"""企业诉求批量登记模板.xlsx: the workbook that a list of appeals is written in.

Its columns are those of `batch.COLUMNS` under their first names, its drop-downs what the catalogue
has today. The example stands on the second sheet, so that the first holds nothing but rows to
import.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from ..catalogue.queries import catalogue
from ..catalogue.words import APPELLANT_TYPES, KINDS, URGENCIES
from .batch import COLUMNS, channels_by_hand

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FILE_NAME = "企业诉求批量登记模板.xlsx"

ROWS, NOTES, LISTS = "诉求登记", "填写说明", "选项"
"""The sheets."""

_FILLED = 1000
"""Rows that have drop-downs."""

_YES_NO = ("是", "否")


@dataclass(frozen=True)
class Told:
    """A column as the template tells it."""

    field: str
    width: int
    how: str
    example: str
    needed: str = "选填"
    shape: str = ""
    """Number format of the column; '@' keeps long digits whole."""

    @property
    def title(self) -> str:
        return COLUMNS[self.field][0]


TOLD = (
    Told(
        "appellant", 30,
        "企业全称；企业库中有同名企业的自动关联。暂不清楚的留空，主体类型选“待核实”",
        "寻乌县顺达物流有限公司", "必填",
    ),
    Told("type", 16, "从下拉列表中选；不填为“企业”", "企业"),
    Told(
        "uscc", 24, "18位，文本格式；不清楚可留空。已在企业库的，名称须与企业库一致",
        "91360734MA00000000", shape="@",
    ),
    Told("contact", 12, "企业的联系人", "刘经理"),
    Told(
        "phone", 18, "可带区号和分机；对方要求保密的填“保密”，没有留的填“未留”或不填",
        "13800000000", shape="@",
    ),
    Told(
        "content", 60, "一行写一件诉求，写明时间、地点、事由；不超过5000字",
        "澄江收费站入口关闭，两辆货车被劝返，请协调放行。", "必填",
    ),
    Told("title", 24, "不超过60字；不填则取诉求内容首句", "澄江收费站货车被劝返"),
    Told("wish", 24, "企业希望怎样解决", "恢复通行"),
    Told("kind", 12, "从下拉列表中选；不填为“求助”", "求助"),
    Told(
        "category", 26, "从下拉列表中选；暂不确定的不填，受理时再定",
        "通行受阻 / 收费站服务区关停",
    ),
    Told("urgency", 10, "从下拉列表中选；不填为“一般”", "一般"),
    Told(
        "channel", 14, "从下拉列表中选；不填的按导入时选定的渠道。热线工单请另行导入",
        "联络员走访", "每行填写，或导入时选定",
    ),
    Told(
        "received", 14, "走访、座谈当天的日期，如2026-03-05；不填为导入当时", "2026-03-05",
        shape="yyyy-mm-dd",
    ),
    Told("place", 24, "发生地点", "澄江收费站入口"),
    Told("plates", 20, "可填几个，用顿号隔开", "赣B12345、赣B1234挂", shape="@"),
    Told("stranded", 14, "有车辆滞留的选“是”，按特急办理", "否"),
    Told("complained_unit", 20, "诉求所指的单位", ""),
    Told("industry", 14, "不填的取企业库中的", "道路货运"),
    Told("chain", 14, "不填的取企业库中的", ""),
    Told("confidential", 10, "诉求人要求保密的选“是”，承办单位看不到其身份", "否"),
)  # fmt: skip

_ABOUT = (
    "一、在“诉求登记”表中填写，一行一件诉求，不要合并单元格，不要改动表头；列的先后可以调整。",
    "二、填好后在“导入”页选择“诉求批量登记”上传，先试导入，核对无误再导入。",
    "三、诉求主体、诉求内容、收到日期都相同的为同一件，重复导入不会重复登记。",
    "四、导入的诉求以导入人的名义登记，状态为“待受理”，办理流程与逐件登记的相同。",
)


def workbook() -> bytes:
    """The template with today's lists, as a file's content."""
    import xlsxwriter

    out = BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    rows, notes, lists = (book.add_worksheet(name) for name in (ROWS, NOTES, LISTS))
    lists.hide()
    plain = {"valign": "top", "text_wrap": True, "border": 1}
    head = {**plain, "bold": True, "bg_color": "#DCE6F1", "align": "center"}
    formats = {
        "head": book.add_format(head),
        "needed": book.add_format({**head, "font_color": "#C00000"}),
        "plain": book.add_format(plain),
    }
    ranges = lay_lists(lists, _choices())
    for index, told in enumerate(TOLD):
        shape = book.add_format({"num_format": told.shape}) if told.shape else None
        rows.set_column(index, index, told.width, shape)
        rows.write_string(
            0, index, told.title, formats["head" if told.needed == "选填" else "needed"]
        )
        if told.field in ranges:
            rows.data_validation(
                1,
                index,
                _FILLED,
                index,
                {
                    "validate": "list",
                    "source": ranges[told.field],
                    "error_title": told.title,
                    "error_message": "请从下拉列表中选择",
                },
            )
    rows.freeze_panes(1, 0)
    _lay_notes(notes, formats)
    rows.activate()
    book.close()
    return out.getvalue()


def _choices() -> dict[str, list[str]]:
    return {
        "type": [*APPELLANT_TYPES.values()],
        "kind": [*KINDS.values()],
        "urgency": [*URGENCIES.values()],
        "channel": [*channels_by_hand().values()],
        "category": [name for _, name in catalogue().category_choices()],
        "stranded": [*_YES_NO],
        "confidential": [*_YES_NO],
    }


def lay_lists(sheet: Any, choices: dict[str, list[str]], name: str = LISTS) -> dict[str, str]:
    """Each list in a column of its own of the sheet `name`; gives where it stands. A list that is
    written into the validation itself may have no more than 255 characters."""
    ranges = {}
    for column, (field, words) in enumerate(choices.items()):
        sheet.write_column(0, column, words)
        letter = chr(ord("A") + column)
        ranges[field] = f"='{name}'!${letter}$1:${letter}${len(words)}"
    return ranges


def _lay_notes(sheet: Any, formats: dict[str, Any]) -> None:
    for column, width in enumerate((18, 22, 64, 50)):
        sheet.set_column(column, column, width)
    for number, line in enumerate(_ABOUT):
        sheet.write_string(number, 0, line)
    top = len(_ABOUT) + 1
    write(sheet, top, ("栏目", "是否必填", "怎样填写", "示例（不会导入）"), formats["head"])
    for number, told in enumerate(TOLD, top + 1):
        write(sheet, number, (told.title, told.needed, told.how, told.example), formats["plain"])


def write(sheet: Any, row: int, words: Iterable[str], shape: Any) -> None:
    for column, word in enumerate(words):
        sheet.write_string(row, column, word, shape)
