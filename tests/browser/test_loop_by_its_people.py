"""The whole loop in a browser, in a county of the seed's kind.

The office sits in the transport bureau, which is also the handling unit, and three people run it:
周建平's like accepts, hands off, reviews and calls back; 陈 of the bureau answers; 吴 closes.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from live import Live, look

pytestmark = pytest.mark.browser


def do(page: Page, label: str) -> None:
    """Submit the panel that stands open under this label, and wait for the appeal anew."""
    with page.expect_response(lambda answer: answer.request.method == "POST") as sent:
        page.locator("#_acts").get_by_role("button", name=label, exact=True).first.click()
    assert sent.value.status == 200, f"{label}: {sent.value.status}"
    expect(page.locator(".htmx-request")).to_have_count(0)
    expect(page.locator("#alerts")).to_contain_text("已")


def choose(page: Page, group: str, label: str) -> None:
    box = page.locator("#_acts fieldset", has=page.locator("legend", has_text=group)).first
    box.get_by_label(label, exact=True).check()


def open_act(page: Page, label: str) -> None:
    page.locator("#_acts summary", has_text=label).first.click()


def test_three_people_run_a_county(live: Live) -> None:
    zhou = live.page("zhou")
    look(zhou, "desk-coordinator-empty")

    # 登记
    zhou.goto(f"{live.url}/appeals/new")
    look(zhou, "register")
    zhou.get_by_label("诉求主体", exact=False).first.fill("寻乌县顺达物流有限公司")
    zhou.locator("#phone").fill("138 0797 0001")
    zhou.locator("#appeal-content").fill(
        "澄江收费站入口今晨关闭，两辆装载脐橙的货车被劝返，请协调放行。"
    )
    zhou.locator("[name=channel]").select_option("12345")
    zhou.get_by_role("button", name="登记", exact=True).click()
    expect(zhou.locator("h1")).to_contain_text("登记")
    look(zhou, "receipt")
    zhou.get_by_role("link", name="查看本件").click()
    address = zhou.url
    look(zhou, "appeal-registered")

    # 受理并交办
    panel = zhou.locator("#_acts")
    if not panel.locator("[name=unit_id]").count():
        open_act(zhou, "受理并交办")
    panel.locator("[name=category_id]").first.select_option(index=1)
    panel.locator("[name=unit_id]").first.select_option(label="寻乌县交通运输局")
    do(zhou, "受理并交办")
    expect(zhou.locator("#_appeal")).to_contain_text("待签收")

    # 签收、联系、反馈
    chen = live.page("chen")
    expect(chen.locator("body")).to_contain_text("待签收")
    look(chen, "desk-handler")
    chen.goto(address)
    do(chen, "签收")
    look(chen, "appeal-handler")
    if not chen.locator("#act-contact [name=words]").count():
        open_act(chen, "联系企业")
    chen.locator("#act-contact [name=words]").fill("已电话联系刘经理，核实了时间和车辆。")
    do(chen, "联系企业")
    if not chen.locator("#act-answer [name=account]").count():
        open_act(chen, "办结反馈")
    chen.locator("#act-answer").get_by_label("已解决", exact=True).check()
    chen.locator("#act-answer [name=account]").fill("已协调收费站开通货车专用通道。")
    chen.locator("#act-answer [name=public_reply]").fill(
        "您好，澄江收费站入口已恢复通行，请放心通行。"
    )
    chen.locator("#act-answer [name=evidence]").fill("陈经办，当日十时现场核实，车辆已通行。")
    look(chen, "answer")
    do(chen, "办结反馈")
    expect(chen.locator("#_appeal")).to_contain_text("待审核")

    # 审核通过，回访
    zhou.goto(address)
    look(zhou, "appeal-answered")
    if not zhou.locator("#act-review").count():
        open_act(zhou, "审核通过")
    do(zhou, "审核通过")
    expect(zhou.locator("#_appeal")).to_contain_text("待回访")
    if not zhou.locator("#act-call-back [name=satisfaction]").count():
        open_act(zhou, "回访")
    call = zhou.locator("#act-call-back")
    call.locator("[name=contacted][value=yes]").check()
    call.locator("[name=solved][value=solved]").check()
    call.locator("[name=satisfaction][value=satisfied]").check()
    do(zhou, "回访")
    expect(zhou.locator("#_appeal")).to_contain_text("待销号")

    # 回避: nobody but the closer has the second key
    assert not zhou.locator("#_acts").get_by_role("button", name="销号", exact=True).count()
    chen.goto(address)
    assert not chen.locator("#_acts").get_by_role("button", name="销号", exact=True).count()
    wu = live.page("wu")
    look(wu, "desk-closer")
    wu.goto(address)
    do(wu, "销号")
    expect(wu.locator("#_appeal")).to_contain_text("已销号")
    look(wu, "appeal-closed")
    for word in (
        "登记",
        "受理",
        "交办",
        "签收",
        "联系企业",
        "办结反馈",
        "审核通过",
        "回访",
        "销号",
    ):
        expect(wu.locator("#_appeal")).to_contain_text(word)

    zhou.goto(f"{live.url}/appeals/")
    look(zhou, "ledger")
    zhou.goto(f"{live.url}/help")
    look(zhou, "help")


def test_the_loop_is_complete_without_javascript(live: Live) -> None:
    context = live.browser.new_context(java_script_enabled=False, locale="zh-CN")
    live.contexts["tang"] = context
    page = context.new_page()
    from cast import PASSWORD

    page.goto(f"{live.url}/sign-in")
    page.locator("[name=username]").fill("tang")
    page.locator("[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    page.goto(f"{live.url}/appeals/new")
    page.locator("[name=appellant_name]").first.fill("罗师傅")
    page.locator("[name=appellant_type]").select_option("driver")
    page.locator("#phone").fill("13907971234")
    page.locator("#appeal-content").fill("206国道检查点不认通行证，车停在路边。")
    page.locator("[name=channel]").select_option("12328")
    page.get_by_role("button", name="登记", exact=True).click()
    page.get_by_role("link", name="查看本件").click()
    page.locator("#_acts details", has_text="补充").first.locator("summary").click()
    page.get_by_role("link", name="填写“补充”").click()
    page.locator("#act-supplement [name=words]").fill("车牌赣B12345")
    page.locator("#act-supplement").get_by_role("button", name="补充", exact=True).click()
    expect(page.locator("#_appeal")).to_contain_text("车牌赣B12345")
