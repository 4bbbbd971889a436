"""文书: the table of papers. Pure.

What a paper is called, to whom it goes, what stands on it and how it is laid out: the print page,
the built-in letterhead and the fields that an office's own may use are all drawn from its row.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

Subject = Literal["appeal", "assignment", "supervision", "request", "conference", "list"]
"""What one paper is about, beside the appeal."""
Audience = Literal["office", "unit", "appellant"]
"""Who gets to read it. What goes to a handling unit never says who a confidential appellant is."""

Cell = tuple[str, str]
"""The words before a cell, and the field in it; '' leaves it blank for a pen."""
Row = tuple[Cell, ...]
"""One cell takes the whole width, two share it."""

QR: Final = "二维码"

COMMON: Final[dict[str, str]] = {
    "落款单位": "签发文书的单位名称",
    "日期": "落款日期，如2026年11月20日",
    "文号": "交办时填写的文号或文书的编号；没有的，为诉求编号",
    "诉求编号": "如寻2026-0123",
    "完整编号": "如360734-2026-000123",
    "联系单位": "牵头办公室名称",
    "办公室电话": "牵头办公室的值班电话",
    QR: "扫码打开本件诉求的图片，单独占一个位置；没有配置系统网址的，不显示",
}

OF_APPEAL: Final[dict[str, str]] = {
    "诉求标题": "诉求的标题",
    "诉求内容": "诉求的内容，过长的从略",
    "诉求人要求": "诉求人希望怎样解决",
    "诉求主体": "企业或个人名称；保密的不显示",
    "主体类型": "企业、个体工商户、货车司机（个人）等",
    "统一代码": "统一社会信用代码",
    "联系人": "联系人姓名；保密的不显示",
    "联系电话": "只显示前三位和后四位；保密的不显示",
    "来源渠道": "诉求从哪里来",
    "外部工单号": "热线平台的工单编号",
    "诉求类型": "咨询、求助、投诉、举报、意见建议",
    "诉求类别": "诉求类别",
    "紧急程度": "一般、紧急、特急",
    "发生地点": "诉求所说的地点",
    "登记时间": "登记的时间",
    "登记人": "登记人姓名",
    "当前时限": "当前环节的时限",
    "主办单位": "主办单位名称",
}

LETTER: Final[dict[str, str]] = {
    "主送": "主送单位或诉求人",
    "正文": "正文",
    "要求": "办理要求",
}

LONG: Final[dict[str, int]] = {
    "诉求内容": 180,
    "诉求人要求": 80,
    "交办意见": 160,
    "申请理由": 220,
    "审批意见": 120,
    "办理情况": 200,
    "对企业答复": 180,
    "诉求标题": 60,
    "发生地点": 60,
}
"""Most characters of what stands in a cell, so that a form stays one page. The text of a letter and
what a conference agreed on are the paper itself, and are never cut."""

ROOMY: Final = 260
ROOMY_BESIDE_A_LETTER: Final = 110
"""So many characters in the wide cells of a form go with type of full size."""


@dataclass(frozen=True)
class Paper:
    """A paper there is. `when` says on the page for whom it is there."""

    code: str
    name: str
    subject: Subject
    audience: Audience
    when: str
    rows: tuple[Row, ...] = ()
    is_letter: bool = False
    """Begins with whom it is addressed to and runs on in sentences."""
    is_signed: bool = True
    """Bears the office's name and the day at its foot."""
    of_its_own: dict[str, str] = field(default_factory=dict, hash=False)
    """Fields beside COMMON, OF_APPEAL and, of a letter, LETTER."""
    items: str = ""
    """The list on it, and its columns with their shares of the width."""
    columns: tuple[tuple[str, int], ...] = ()
    below: str = ""
    """Words under the list, with fields in single braces."""
    like: str = ""
    """The paper whose letterhead it shares."""

    @property
    def head(self) -> str:
        """The code under which an office keeps its letterhead."""
        return self.like or self.code

    @property
    def fields(self) -> dict[str, str]:
        """Name and meaning of whatever a letterhead may use."""
        of_appeal = {} if self.subject == "list" else OF_APPEAL
        common = COMMON
        if self.subject == "list":
            common = {n: m for n, m in COMMON.items() if n not in (QR, "诉求编号", "完整编号")}
        return common | (LETTER if self.is_letter else {}) | of_appeal | self.of_its_own

    @property
    def item_fields(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.columns)


_WHO: Final[tuple[Row, ...]] = (
    (("诉求主体", "诉求主体"), ("主体类型", "主体类型")),
    (("联系人", "联系人"), ("联系电话", "联系电话")),
)
_WHAT: Final[tuple[Row, ...]] = (
    (("诉求类别", "诉求类别"), ("紧急程度", "紧急程度")),
    (("发生地点", "发生地点"),),
    (("诉求内容", "诉求内容"),),
)
_REPLY_BY: Final[tuple[Row, ...]] = (
    (("诉求编号", "诉求编号"), ("文书编号", "文书编号")),
    (("回复时限", "回复时限"), ("联系电话", "办公室电话")),
)
_ASKED: Final[dict[str, str]] = {
    "申请单位": "提出申请的单位",
    "申请人": "提出申请的人",
    "申请时间": "提出申请的时间",
    "申请原因": "申请的原因",
    "申请理由": "申请的理由和依据，过长的从略",
    "审批结果": "同意或者不同意；没有审批的为空",
    "审批意见": "审批时填写的意见",
    "审批人": "审批人姓名",
    "审批时间": "审批的时间",
}
_ISSUED: Final[dict[str, str]] = {
    "文书编号": "如督办〔2026〕3号",
    "回复时限": "受文单位书面回复的时限",
}

_ALL: Final = (
    Paper(
        "intake",
        "企业诉求受理单",
        "appeal",
        "office",
        "登记后、办结前",
        rows=(
            (("登记时间", "登记时间"), ("来源渠道", "来源渠道")),
            (("外部工单号", "外部工单号"), ("诉求类型", "诉求类型")),
            *_WHO,
            *_WHAT,
            (("诉求人要求", "诉求人要求"),),
            (("登记人", "登记人"), ("当前时限", "当前时限")),
            (("拟办意见", ""),),
            (("领导批示", ""),),
        ),
    ),
    Paper(
        "handover",
        "交办通知书",
        "assignment",
        "unit",
        "交办后，主办、协办单位各一份",
        is_letter=True,
        rows=(
            *_WHO,
            *_WHAT,
            (("交办意见", "交办意见"),),
            (("签收时限", "签收时限"), ("办理时限", "办理时限")),
        ),
        of_its_own={
            "承办方式": "主办或协办",
            "交办意见": "交办时填写的意见，过长的从略",
            "交办时间": "交办的时间",
            "签收时限": "应签收的时间",
            "办理时限": "应办结或应反馈的时间",
        },
    ),
    Paper(
        "pass_on",
        "转办单",
        "assignment",
        "unit",
        "承办单位转交下属单位办理，或者牵头办公室签发转办单后",
        is_letter=True,
        rows=_REPLY_BY,
        of_its_own=_ISSUED,
    ),
    Paper(
        "transfer", "转办单", "supervision", "unit", "签发转办单后",
        is_letter=True, rows=_REPLY_BY, of_its_own=_ISSUED, like="pass_on",
    ),
    Paper(
        "notice", "催办通知书", "supervision", "unit", "签发催办通知书后",
        is_letter=True, rows=_REPLY_BY, of_its_own=_ISSUED,
    ),
    Paper(
        "order", "督办单", "supervision", "unit", "签发督办单后",
        is_letter=True, rows=_REPLY_BY, of_its_own=_ISSUED,
    ),
    Paper(
        "extension",
        "延期办理审批表",
        "request",
        "unit",
        "承办单位申请延期后",
        rows=(
            (("申请单位", "申请单位"), ("申请人", "申请人")),
            (("申请时间", "申请时间"), ("诉求编号", "诉求编号")),
            (("诉求主体", "诉求主体"), ("诉求类别", "诉求类别")),
            (("诉求内容", "诉求内容"),),
            (("原办理时限", "原办理时限"), ("申请延至", "申请延至")),
            (("申请原因", "申请原因"), ("已向企业说明", "已向企业说明")),
            (("理由和依据", "申请理由"),),
            (("单位意见", ""),),
            (("审批结果", "审批结果"), ("准予延至", "准予延至")),
            (("审批意见", "审批意见"),),
            (("审批人", "审批人"), ("审批时间", "审批时间")),
        ),
        of_its_own=_ASKED
        | {
            "原办理时限": "申请之前的办理时限",
            "申请延至": "申请延长到的时间",
            "准予延至": "批准延长到的时间",
            "已向企业说明": "是或否",
        },
    ),
    Paper(
        "return",
        "退单申请表",
        "request",
        "unit",
        "承办单位申请退单后",
        rows=(
            (("申请单位", "申请单位"), ("申请人", "申请人")),
            (("申请时间", "申请时间"), ("诉求编号", "诉求编号")),
            (("诉求主体", "诉求主体"), ("诉求类别", "诉求类别")),
            (("诉求内容", "诉求内容"),),
            (("申请原因", "申请原因"),),
            (("理由和依据", "申请理由"),),
            (("单位意见", ""),),
            (("裁定结果", "审批结果"),),
            (("裁定意见", "审批意见"),),
            (("裁定人", "审批人"), ("裁定时间", "审批时间")),
        ),
        of_its_own=_ASKED,
    ),
    Paper(
        "decline",
        "不予受理告知书",
        "appeal",
        "appellant",
        "不予受理后",
        is_letter=True,
        of_its_own={"不予受理原因": "不予受理的原因", "其他途径": "诉求人可以采取的其他途径"},
    ),
    Paper(
        "reply",
        "答复函",
        "appeal",
        "appellant",
        "办理结果审核通过后",
        is_letter=True,
        of_its_own={"答复": "审定的对企业答复", "办理结果": "已解决、部分解决等"},
    ),
    Paper(
        "close",
        "诉求销号审批表",
        "appeal",
        "office",
        "回访通过、等待销号时和销号后",
        rows=(
            (("诉求编号", "诉求编号"), ("登记时间", "登记时间")),
            (("诉求主体", "诉求主体"), ("诉求类别", "诉求类别")),
            (("诉求内容", "诉求内容"),),
            (("主办单位", "主办单位"), ("办结时间", "办结时间")),
            (("办理结果", "办理结果"), ("办理时限", "办理时限")),
            (("办理情况", "办理情况"),),
            (("对企业答复", "对企业答复"),),
            (("回访时间", "回访时间"), ("回访人", "回访人")),
            (("是否解决", "是否解决"), ("满意情况", "满意情况")),
            (("认定情况", "认定情况"),),
            (("审批意见", "销号意见"),),
            (("审批人", "销号人"), ("审批时间", "销号时间")),
            (("备注", "销号备注"),),
        ),
        of_its_own={
            "办理结果": "已解决、部分解决等",
            "办理情况": "承办单位反馈的办理情况，过长的从略",
            "对企业答复": "审定的对企业答复，过长的从略",
            "办理时限": "主办单位的办理时限",
            "办结时间": "办结反馈的时间",
            "回访时间": "回访的时间",
            "回访人": "回访人姓名",
            "是否解决": "诉求人在回访中的评价",
            "满意情况": "诉求人在回访中的评价",
            "认定情况": "没有满意的回访结果时的认定；没有的为空",
            "销号意见": "同意销号；没有销号的为空",
            "销号人": "销号人姓名",
            "销号时间": "销号的时间",
            "销号备注": "销号人人事关系在承办单位的，在这里注明",
        },
    ),
    Paper(
        "closing_list",
        "拟销号清单",
        "list",
        "office",
        "有待销号的诉求时",
        items="清单",
        columns=(
            ("序号", 8),
            ("诉求编号", 16),
            ("诉求主体", 24),
            ("诉求类别", 14),
            ("主办单位", 14),
            ("登记日期", 15),
            ("意见", 9),
        ),
        below="以上共{件数}件，拟予销号，请审批。\n"
        "审批人（签字）：　　　　　　　　　　年　　月　　日",
        of_its_own={"件数": "清单上有多少件"},
    ),
    Paper(
        "minutes",
        "会商纪要",
        "conference",
        "unit",
        "登记会商后",
        rows=(
            (("会商时间", "会商时间"), ("会商地点", "会商地点")),
            (("参加人员", "参加人员"),),
            (("议题", "议题"),),
            (("会商结论", "会商结论"),),
        ),
        items="议定事项",
        columns=(("序号", 8), ("事项", 48), ("责任单位", 22), ("完成时限", 22)),
        of_its_own={
            "会商时间": "会商的时间",
            "会商地点": "会商的地点",
            "参加人员": "参加人员",
            "议题": "研究的诉求",
            "会商结论": "会商结论",
        },
    ),
)  # fmt: skip

PAPERS: Final[dict[str, Paper]] = {paper.code: paper for paper in _ALL}
HEADS: Final[tuple[Paper, ...]] = tuple(paper for paper in _ALL if not paper.like)
"""Those for which an office may keep a letterhead."""
