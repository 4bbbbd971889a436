"""What the auditor filters by."""

from __future__ import annotations

from ledger.access.actions import LABELS
from ledger.web import Choice, Day, Form, Text


class LogForm(Form):
    class Meta(Form.Meta):
        csrf = False

    person = Text("用户名", max_len=64)
    action = Choice("事项", LABELS.items(), blank="全部")
    result = Choice("结果", [("yes", "成功"), ("no", "失败")], blank="全部")
    since = Day("起始日期")
    until = Day("截止日期（含当日）")
