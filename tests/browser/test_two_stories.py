"""Two stories of an office, lived through in the browser by its people.

The first goes the long way round: a lead, two assists and a sub-unit; a return that is refused and
an extension that is granted; a signature; a call-back that finds nobody satisfied; a second round.
In the second, fifteen firms complain of one toll station, and one of them is not satisfied.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Locator, Page, expect
from sqlalchemy import select

import engines
from ledger.db import db, writing
from ledger.people.models import Person, Post, Unit
from live import ROOT, Live, look, serving

pytestmark = pytest.mark.browser

Words = str | bool


@dataclass
class Story:
    """A served ledger, its people, and where its book stands."""

    live: Live
    url: str
    home: Path

    def page(self, username: str, number: str = "") -> Page:
        """The page of an appeal, as it is now, before this person; else whatever he has open."""
        page = self.live.page(username)
        if number:
            page.goto(f"{self.live.url}/appeals/{number}")
        return page

    def verify(self) -> None:
        """`ledger verify`, as an administrator would run it."""
        done = subprocess.run(
            [str(Path(sys.executable).with_name("ledger")), "verify"],
            env={**os.environ, **engines.environment(self.url, self.home)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def _story(engine: str, chrome: Browser, home: Path) -> Iterator[Story]:
    urls: list[str] = []

    def lay(app: Flask) -> None:
        """The industry bureau has somebody who handles."""
        urls.append(app.config["SQLALCHEMY_DATABASE_URI"])
        with app.app_context(), writing():
            unit = db.session.scalars(select(Unit).where(Unit.code == "360734-gx")).one()
            feng = Person(
                username="feng", name="冯干事", home_unit_id=unit.id, must_change_password=False
            )
            db.session.add(feng)
            db.session.flush()
            db.session.add(
                Post(
                    person_id=feng.id,
                    unit_id=unit.id,
                    role="handler",
                    starts_on=date(2020, 1, 1),
                )
            )
            db.session.commit()
            db.session.remove()

    with serving(engine, home, lay) as address:
        live = Live(address, chrome)
        yield Story(live, urls[0], home)
        for context in live.contexts.values():
            context.close()
        assert live.complaints == []


@pytest.fixture
def on_sqlite(chrome: Browser, tmp_path: Path) -> Iterator[Story]:
    with _story("sqlite", chrome, tmp_path) as story:
        yield story


@pytest.fixture
def on_postgresql(chrome: Browser, tmp_path: Path) -> Iterator[Story]:
    with _story("postgresql", chrome, tmp_path) as story:
        yield story


# -- what a person does with a form ------------------------------------------------------------


def act(page: Page, code: str, label: str, **typed: Words) -> None:
    """Open an act's form, fill it in, send it, and see the page say that it was done."""
    panel = page.locator(f"#act-{code}")
    if not panel.locator("form").count():
        page.locator(f"#more-{code} > summary").click()
        panel.locator("form").wait_for()
    for fold in panel.locator("details.act-fold:not([open]) > summary").all():
        fold.click()
    for name, words in typed.items():
        _fill(panel, name, words)
    with page.expect_response(lambda answer: answer.request.method == "POST") as sent:
        panel.get_by_role("button", name=label, exact=True).last.click()
    assert sent.value.status == 200, f"{label}: {sent.value.status} {panel.inner_text()}"
    expect(page.locator(".htmx-request")).to_have_count(0)
    expect(page.locator("#alerts")).to_contain_text("已")


def _fill(panel: Locator, name: str, words: Words) -> None:
    boxes = panel.locator(f"[name={name}]")
    first = boxes.first
    kind = first.evaluate("box => box.type || box.tagName.toLowerCase()")
    if kind == "radio":
        panel.locator(f"[name={name}][value={words}]").check()
    elif kind == "checkbox" and words is True:
        first.check()
    elif kind == "checkbox":
        several = panel.locator("details.several", has=panel.page.locator(f"[name={name}]"))
        if several.get_attribute("open") is None:
            several.locator("summary").click()
        for unit in str(words).split("、"):
            several.get_by_label(unit, exact=False).check()
    elif kind == "select-one":
        option = first.locator("option", has_text=str(words)).first
        first.select_option(option.get_attribute("value"))
        # A category narrows the units that are offered.
        expect(first.page.locator(".htmx-request")).to_have_count(0)
    else:
        first.fill(str(words))


def state_is(page: Page, words: str) -> None:
    expect(page.locator("#_appeal .appeal-badges").first).to_contain_text(words)


def told(page: Page) -> list[str]:
    """办理记录 from the oldest to the newest: what was done, and by whom."""
    page.goto(f"{page.url.partition('?')[0].partition('#')[0]}?order=oldest")
    for fold in page.locator("#_trail > details:not([open]) > summary").all():
        fold.click()
    return [
        f"{line.locator('strong').first.inner_text()} "
        f"{line.locator('.entry-who').inner_text().split()[0]}"
        for line in page.locator("#_trail .entry").all()
    ]


BUREAU, POLICE, INDUSTRY = "寻乌县交通运输局", "寻乌县公安局交管大队", "寻乌县工业和信息化局"
REPLY = "您好，澄江收费站货车通道已恢复放行，给您带来不便，敬请谅解。"


def needs_signature(story: Story, unit: str) -> None:
    """The administrator has a unit's answers signed by its head."""
    page = story.page("xi")
    page.goto(f"{story.live.url}/units/")
    page.get_by_role("link", name=unit, exact=True).click()
    page.get_by_role("link", name="修改", exact=True).click()
    page.locator("[name=needs_sign_off][value=yes]").check()
    page.get_by_role("button", name="保存", exact=True).click()
    expect(page.locator("main")).to_contain_text("反馈须经单位负责人审签")


def answered(page: Page, account: str) -> None:
    """The lead's answer, with all that it asks for."""
    act(page, "answer", "办结反馈", outcome="resolved", account=account, public_reply=REPLY,
        evidence="陈经办，现场核实，货车通道已放行。")  # fmt: skip


LONG_WAY = [
    "登记 林晓梅",
    "受理 周交办",
    "交办 周交办",
    "签收 陈经办",
    "退单申请 陈经办",
    "退单裁定 周交办",
    "联系企业 陈经办",
    "转办 陈经办",
    "延期申请 陈经办",
    "延期审批 周交办",
    "签收 何警官",
    "协办反馈 何警官",
    "签收 冯干事",
    "协办反馈 冯干事",
    "签收 孙科员",
    "转办反馈 孙科员",
    "办结反馈 陈经办",
    "审签 钱局长",
    "审核通过 周交办",
    "回访 唐接线",
    "联系企业 陈经办",
    "办结反馈 陈经办",
    "审签 钱局长",
    "审核通过 周交办",
    "回访 唐接线",
    "销号 吴销号",
]


def test_one_appeal_goes_the_long_way_round(on_sqlite: Story) -> None:
    story = on_sqlite
    needs_signature(story, BUREAU)

    # 登记、受理，交办主办和两个协办
    lin = story.page("lin")
    lin.goto(f"{story.live.url}/appeals/new")
    lin.locator("[name=appellant_name]").first.fill("寻乌县顺达物流有限公司")
    lin.locator("#phone").fill("13807970001")
    lin.locator("#appeal-content").fill(
        "澄江收费站货车通道关闭，两辆装载脐橙的货车被劝返，请协调放行。"
    )
    lin.locator("[name=channel]").select_option("visit")
    lin.get_by_role("button", name="登记", exact=True).click()
    lin.get_by_role("link", name="查看本件").click()
    number = lin.url.rpartition("/")[2]

    zhou = story.page("zhou", number)
    act(zhou, "accept-and-assign", "受理并交办", category_id="收费站服务区关停",
        appellant_type="企业", unit_id=BUREAU, assist_ids=f"{POLICE}、{INDUSTRY}",
        words="请交通局牵头，交管大队、工信局配合。")  # fmt: skip
    state_is(zhou, "待签收")

    # 签收后主办单位申请退单，不同意
    chen = story.page("chen", number)
    act(chen, "sign-for", "签收")
    act(chen, "ask-return", "退单申请", reason_code="权属不清，需明确责任单位",
        basis="该通道由高速路段管理，建议由交管大队承办。")  # fmt: skip
    state_is(chen, "退单待裁定")
    zhou = story.page("zhou", number)
    look(zhou, "story-return")
    act(zhou, "rule-return", "退单裁定", granted="refused",
        ruling="县里的通行保障由交通局牵头，请继续办理。")  # fmt: skip

    # 联系企业，转办下级，申请延期并获准
    chen = story.page("chen", number)
    act(chen, "contact", "联系企业", words="已电话联系刘经理，核实了时间和车辆。")
    act(chen, "pass-on", "转办", sub_unit_ids="运管股", words="请到现场核实。")
    until = date.fromisoformat(_due_day(chen)) + timedelta(days=3)
    act(chen, "ask-extension", "延期申请", until=until.isoformat(),
        reason_code="涉及多个单位，正在会商", basis="须与高速路段商定放行时段。",
        firm_told=True)  # fmt: skip
    zhou = story.page("zhou", number)
    zhou.goto(f"{story.live.url}/desk")
    expect(zhou.locator("main")).to_contain_text("寻2026-0001")
    look(zhou, "story-desk-coordinator")
    zhou = story.page("zhou", number)
    act(zhou, "rule-extension", "延期审批", granted="granted", ruling="同意，请抓紧商定。")

    # 两个协办、一个下级先后反馈
    for name, account in (
        ("he", "已派民警到收费站疏导，货车有序通行。"),
        ("feng", "已为企业补开重点物资运输证明。"),
        ("sun", "现场查看，通道因设备检修关闭，已要求恢复。"),
    ):
        page = story.page(name, number)
        act(page, "sign-for", "签收")
        act(page, "answer", "办结反馈", account=account)

    # 主办反馈，负责人审签，审核，回访不满意
    chen = story.page("chen", number)
    look(chen, "story-before-answer")
    answered(chen, "已协调路段恢复货车通道。")
    state_is(chen, "待审签")
    qian = story.page("qian", number)
    act(qian, "sign-off", "审签", decision="sent", words="情况属实，同意报送。")
    act(story.page("zhou", number), "review", "审核通过")
    tang = story.page("tang", number)
    act(tang, "call-back", "回访", reached="yes", contacted="yes", solved="unsolved",
        satisfaction="unsatisfied", words="夜间仍不放行，车辆昨晚又被劝返。")  # fmt: skip
    state_is(tang, "第2轮")

    # 重办，再审签、审核、回访，销号
    chen = story.page("chen")
    chen.goto(f"{story.live.url}/desk")
    expect(chen.locator("main")).to_contain_text("寻2026-0001")
    look(chen, "story-desk-unit")
    chen = story.page("chen", number)
    act(chen, "contact", "联系企业", words="再次联系刘经理，约定夜间放行。")
    answered(chen, "已与路段商定夜间放行，二十二时后货车走二号通道。")
    act(story.page("qian", number), "sign-off", "审签", decision="sent")
    act(story.page("zhou", number), "review", "审核通过")
    act(story.page("tang", number), "call-back", "回访", reached="yes", contacted="yes",
        solved="solved", satisfaction="satisfied", words="夜间已放行，谢谢。")  # fmt: skip
    wu = story.page("wu", number)
    act(wu, "close", "销号")
    state_is(wu, "已销号")
    look(wu, "story-closed")

    assert told(wu) == LONG_WAY
    call = wu.locator("#_trail .entry", has_text="车辆昨晚又被劝返")
    expect(call).to_contain_text("诉求人意见")
    story.verify()


def _due_day(page: Page) -> str:
    """The last day of the unit's own time, as its page says it."""
    words = page.locator("#_assignments .handed").first.inner_text()
    found = re.search(r"应办结\s*(\d{4}-\d{2}-\d{2})", words)
    assert found, words
    return found.group(1)


NAMES = "顺达 宏远 金橙 赣南 通途 安捷 鸿运 长青 万里 联丰 恒信 同辉 瑞祥 东江 澄江"
FIRMS = tuple(f"寻乌县{name}物流有限公司" for name in NAMES.split())


def test_fifteen_firms_and_one_station(on_postgresql: Story) -> None:
    story = on_postgresql

    # 一事多企登记：十五户，一件事
    zhou = story.page("zhou")
    zhou.goto(f"{story.live.url}/appeals/new-many")
    zhou.locator("[name=firms]").fill(
        "\n".join(f"{firm} 138079700{i:02}" for i, firm in enumerate(FIRMS, 1))
    )
    zhou.locator("#appeal-content").fill("澄江收费站货车通道关闭，货车绕行一百公里，请恢复通行。")
    zhou.locator("[name=channel]").select_option("visit")
    look(zhou, "story-many")
    zhou.get_by_role("button", name="登记", exact=True).click()
    expect(zhou.locator("#alerts")).to_contain_text("已登记15户，并案办理")
    number = zhou.url.rpartition("/")[2].partition("?")[0]
    zhou.goto(f"{story.live.url}/appeals/")
    expect(zhou.locator("main")).to_contain_text("共 15 件，涉及事项 1 个")

    # 一次交办、一个答复
    zhou = story.page("zhou", number)
    act(zhou, "accept-and-assign", "受理并交办", category_id="收费站服务区关停",
        appellant_type="企业", unit_id=BUREAU)  # fmt: skip
    chen = story.page("chen", number)
    act(chen, "sign-for", "签收")
    act(chen, "contact", "联系企业", words="已联系十五户企业的负责人，核实绕行情况。")
    answered(chen, "已与高速路段商定，货车通道即日恢复放行。")
    act(story.page("zhou", number), "review", "审核通过")
    look(zhou, "story-master")

    # 逐户回访：十四户满意，一户不满意
    tang = story.page("tang", number)
    tang.get_by_role("link", name="逐户回访").click()
    tang.get_by_role("button", name="显示本页电话").click()
    rows = tang.locator("section.sheet[id^=row-]")
    expect(rows).to_have_count(15)
    expect(rows.first).to_contain_text("13807970001")
    for i, row in enumerate(rows.all()):
        glad = i != 9
        for group, choice in (
            ("是否接通", "是"),
            ("承办单位是否联系", "是"),
            ("是否解决", "已解决" if glad else "未解决"),
            ("是否满意", "满意" if glad else "不满意"),
        ):
            box = row.locator("fieldset", has=tang.locator("legend", has_text=group))
            box.get_by_label(choice, exact=True).check()
        if not glad:
            row.locator("textarea").fill("本公司车辆昨晚仍被劝返。")
    look(tang, "story-calls")
    tang.get_by_role("button", name="登记回访情况").click()
    expect(tang.locator("main")).to_contain_text("已登记15户的回访情况")
    zhou.goto(f"{story.live.url}/appeals/")
    expect(zhou.locator("main")).to_contain_text("共 15 件，涉及事项 2 个")

    # 不满意的一户单独重办，其余照常销号
    sad = f"{number[:-2]}10"
    chen = story.page("chen", sad)
    state_is(chen, "第2轮")
    expect(chen.locator("#_trail .entry").first).to_contain_text("不再随原主件办理")
    assert told(chen) == ["登记 周交办", "并案办理 周交办", *4 * ["随主件办理 系统"], "回访 唐接线"]
    master = story.page("wu", number)
    act(master, "close", "销号")
    assert told(master) == [
        "登记 周交办",
        "并案件变动 系统",
        "受理 周交办",
        "交办 周交办",
        "签收 陈经办",
        "联系企业 陈经办",
        "办结反馈 陈经办",
        "审核通过 周交办",
        "回访 唐接线",
        "并案件变动 系统",
        "销号 吴销号",
    ]
    expect(master.locator("#_joined .badge-state", has_text="待销号")).to_have_count(13)
    story.verify()
