"""The shape of what the system administrator types of a platform that is to be connected."""

from __future__ import annotations

from ..web import Choice, Form, Text, Tick


class ClientForm(Form):
    name = Text("名称", 100, required=True, help="平台名称和用途，如“赣州市12345热线平台”")
    callback_url = Text(
        "回告地址", 400, help="平台接收办理情况的网址，以https://开头；不用接口回告的留空"
    )
    rate = Text("每分钟请求数上限", 7, required=True)
    active = Tick("在用")


class NewClientForm(ClientForm):
    source_system = Choice("来源平台", required=True)
    office_id = Choice("牵头办公室", required=True)
