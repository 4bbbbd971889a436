"""The help page says what the table says, and the menu what a post is for."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from cast import PEOPLE, Cast
from ledger.appeals import diagram
from ledger.appeals.acts import ACTS
from ledger.appeals.help_views import offered
from ledger.appeals.lifecycle import PATH, STATES, VERBS


def test_every_verb_stands_on_the_page_with_its_anchor(cast: Cast) -> None:
    page = cast.client("lin").get("/help").text
    told = {verb.code for verb in offered()}
    on_pages = {code for act in ACTS.values() for code in act.verbs}
    assert told >= on_pages | {"register", "carry_over", "receive", "erase"}
    for verb in VERBS:
        # What nobody can do yet is not promised.
        assert (f'id="{verb.code}"' in page) == (verb.code in told), verb.code
        assert verb.code not in told or verb.needs in page
    for state in STATES:
        reached = any(state in v.to for v in offered())
        assert (f'id="state-{state}"' in page) == reached, state
    # The limits in force, not those of the day on which the table was written.
    signing = page.split('id="sign_for"')[1].split("</dd>")[0]
    assert "承办单位经办人、负责人（牵头办公室自行承办的，由其交办员）" in signing
    assert "“特急”30分钟，“紧急”“12328（货车司机）”2个工作小时" in signing
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_the_page_has_no_inline_style(cast: Cast) -> None:
    page = cast.client("lin").get("/help").text
    assert " style=" not in page
    assert "<style" not in page


def test_the_drawing_is_made_from_the_table(cast: Cast) -> None:
    answer = cast.client("lin").get("/help/diagram.svg")
    assert answer.mimetype == "image/svg+xml"
    assert "style=" not in answer.text
    tree = ElementTree.fromstring(answer.text)
    words = " ".join("".join(node.itertext()) for node in tree.iter())
    for verb in offered():
        if any(to not in ("same", *verb.frm) for to in verb.to) and verb.frm:
            assert verb.label in words, verb.code


def test_the_straight_way_is_drawn_whole() -> None:
    steps = diagram.forward()
    # An assist answers also in accepted, where nothing moves on by it.
    assert ("accepted", "answered", "办结反馈") not in diagram.moves()
    assert len(steps) == len(PATH) - 1
    assert all(steps.values())


def test_help_is_for_those_who_signed_in(cast: Cast) -> None:
    assert cast.app.test_client().get("/help").status_code == 303
    assert cast.app.test_client().get("/help/diagram.svg").status_code == 303


def test_the_menu_offers_what_a_post_is_for(cast: Cast) -> None:
    wanted = {
        "lin": {"诉求台账", "登记诉求", "热线坐席", "企业", "导入"},
        "zhou": {
            *("诉求台账", "登记诉求", "热线坐席", "企业", "催办督办", "导入", "热线回填"),
            *("热线对账", "统计", "文书模板", "单位", "人员", "值班"),
        },
        "chen": {"诉求台账", "企业"},
        "xi": {
            *("单位", "人员", "名册导入", "时限版本", "值班", "热线线路", "外发通知"),
            *("回告方式", "热线接入", "文书模板"),
        },
        "an": {"单位", "人员", "岗位"},
        "shen": {"审计"},
        "none": set(),
    }
    for name, extra in wanted.items():
        page = cast.client(name).get("/help").text
        menu = page.split('<nav class="rooms"')[1].split("</nav>")[0]
        labels = set(re.findall(r">([^<\s]+)\s*<", menu)) - {"主菜单"}
        assert labels == {"我的待办", "时限日历", "帮助"} | extra, name


def test_every_menu_entry_of_everybody_opens(cast: Cast) -> None:
    for name in PEOPLE:
        client = cast.client(name)
        menu = client.get("/desk").text.split('<nav class="rooms"')[1].split("</nav>")[0]
        for url in re.findall(r'href="([^"]+)"', menu):
            if url in ("/imports/", "/appeals/new"):
                continue  # other rooms' pages have tests of their own
            opened = client.get(url, follow_redirects=True)
            assert opened.status_code == 200, (name, url)
            assert opened.request.path != "/sign-in"


def test_a_refusal_names_the_office(cast: Cast) -> None:
    answer = cast.client("he").get("/appeals/of-firm/999")
    assert answer.status_code == 404
    assert "寻乌县物流保通保畅工作领导小组办公室" in answer.text
