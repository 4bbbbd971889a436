"""What the access log calls each act. Rooms above may record others: they show as they are."""

from __future__ import annotations

from typing import Final

LABELS: Final[dict[str, str]] = {
    "sign_in": "登录",
    "sign_in_failed": "登录失败",
    "account_locked": "账号锁定",
    "sign_out": "退出登录",
    "password_changed": "修改密码",
    "password_reset": "重置密码",
    "unit_created": "新增单位",
    "unit_changed": "修改单位",
    "unit_disabled": "停用单位",
    "unit_enabled": "启用单位",
    "person_created": "新增人员",
    "person_changed": "修改人员",
    "person_disabled": "停用人员",
    "person_enabled": "启用人员",
    "post_granted": "授予岗位",
    "post_ended": "停止岗位",
    "post_refused": "不予授予岗位",
    "roster_imported": "导入单位和人员名册",
    "limits_published": "发布时限版本",
    "calendar_changed": "修改工作日历",
    "hours_published": "发布工作时间",
    "duty_changed": "调整值班表",
    "file_imported": "导入文件",
    "line_kept": "设置热线线路",
    "conflict_settled": "处理导入冲突",
    "phone_read": "查看电话",
    "notice_address_added": "添加通知地址",
    "notice_address_removed": "删除通知地址",
    "exported": "导出",
    "download": "下载附件",
}
"""In the order in which the audit page offers them."""
