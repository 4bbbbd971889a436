"""The closed word lists: what an office may choose among without anyone keeping a table.

Pure. Each is an ordered mapping of the stored code to what the screen says.
"""

from __future__ import annotations

from typing import Final

KINDS: Final[dict[str, str]] = {
    "consult": "咨询",
    "help": "求助",
    "complaint": "投诉",
    "report": "举报",
    "suggestion": "意见建议",
}
"""诉求类型: the five kinds of 国办发〔2022〕12号."""

URGENCIES: Final[dict[str, str]] = {
    "normal": "一般",
    "urgent": "紧急",
    "critical": "特急",
}
"""紧急程度, mildest first."""

APPELLANT_TYPES: Final[dict[str, str]] = {
    "firm": "企业",
    "sole_trader": "个体工商户",
    "driver": "货车司机（个人）",
    "association": "协会商会",
    "anonymous": "匿名",
    "unverified": "待核实",
}
"""诉求主体: who lodges. Only `firm` and `sole_trader` may stand in the register of firms."""

SATISFACTION: Final[dict[str, str]] = {
    "satisfied": "满意",
    "basically": "基本满意",
    "unsatisfied": "不满意",
}
"""满意情况, as the appellant said it in the call-back."""

SOLVED: Final[dict[str, str]] = {
    "solved": "已解决",
    "partly": "部分解决",
    "unsolved": "未解决",
}
"""解决情况, as the appellant said it in the call-back; the unit's own word is the outcome."""

RETURN_WAYS: Final[dict[str, str]] = {
    "push": "接口推送",
    "manual": "人工回填",
    "none": "不回告",
}
"""回告方式: how the answer goes back to where the appeal came from."""

REASON_KINDS: Final[dict[str, str]] = {
    "decline": "不予受理",
    "send_back": "退回重报",
    "uphold": "认定",
    "refuse": "不予销号",
    "recall": "收回",
    "return": "退单",
    "extension": "延期",
    "hold": "挂账跟踪",
    "reopen": "撤销销号",
    "withdraw": "撤回",
    "waive": "免办",
}
"""The verbs that ask for a reason code."""

DIRECTIONS: Final[dict[str, str]] = {"out": "发出", "in": "收到"}
"""收发 of a record of what was written to others or came from them."""

PAPERS: Final[dict[str, str]] = {
    "request": "请示",
    "report": "报告",
    "letter": "函",
    "phone": "电话",
    "platform": "平台",
}
"""公文种类 of such a record."""
