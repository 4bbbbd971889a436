"""The page of one appeal, and who sees what of it."""

from __future__ import annotations

import re

from sqlalchemy import select

from cast import Cast
from ledger.access.models import AccessLog
from ledger.appeals.models import Appeal
from ledger.db import db

FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}
STATES = [
    "registered",
    "accepted",
    "assigned",
    "answered",
    "reviewed",
    "confirmed",
    "closed",
    "declined",
    "withdrawn",
    "merged",
    "held",
]


def page(cast: Cast, who: str, number: str, **headers: str) -> str:
    response = cast.client(who).get(f"/appeals/{number}", headers=headers)
    assert response.status_code == 200
    return response.get_data(as_text=True)


def acts_on(html: str) -> set[str]:
    return set(re.findall(r'id="act-([a-z-]+)"', html))


def test_every_state_has_its_page(cast: Cast) -> None:
    for state in STATES:
        number = cast.reach(state)
        html = page(cast, "zhou", number)
        assert 'id="_appeal"' in html
        with cast.app.app_context():
            appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
            assert appeal.state_label in html
            assert appeal.label in html


def test_htmx_gets_the_article_alone(cast: Cast) -> None:
    number = cast.reach("registered")
    assert "<html" in page(cast, "zhou", number)
    fragment = page(cast, "zhou", number, **FRAGMENT)
    assert fragment.lstrip().startswith('<article id="_appeal"')


def test_a_stranger_learns_nothing_not_even_that_it_is_there(cast: Cast) -> None:
    number = cast.reach("assigned")
    for who in ("yuan", "yan", "he", "shen", "an", "xi", "none"):
        client = cast.client(who)
        seen, unknown = (client.get(f"/appeals/{n}") for n in (number, "360734-2026-999999"))
        assert seen.status_code == unknown.status_code == 404, who
        pages = [_without_tokens(response.get_data(as_text=True)) for response in (seen, unknown)]
        assert pages[0] == pages[1], who
        assert "没有这件诉求，或您无权查看" in pages[0]
        assert "请联系" in pages[0]


def _without_tokens(html: str) -> str:
    """Each rendering signs its token anew."""
    return re.sub(r'(csrf_token" value=|X-CSRFToken": )"[^"]*"', "", html)


def test_what_is_no_number_is_not_found(cast: Cast) -> None:
    client = cast.client("zhou")
    for number in ("%00", "寻2026-0001", "1" * 300, "-", "x%00y"):
        assert client.get(f"/appeals/{number}").status_code == 404, number


def test_only_the_acts_of_this_person_are_offered(cast: Cast) -> None:
    number = cast.reach("assigned")
    assert "sign-for" in acts_on(page(cast, "chen", number))
    assert acts_on(page(cast, "chen", number)).isdisjoint({"recall", "close", "review"})
    assert "recall" in acts_on(page(cast, "zhou", number))
    assert not acts_on(page(cast, "wu", number))


def test_where_somebody_is_barred_the_page_names_who_may(cast: Cast) -> None:
    number = cast.reach("confirmed")
    html = page(cast, "chen", number)
    assert "可以销号的：吴销号" in html
    assert "close" not in acts_on(html)
    assert "close" in acts_on(page(cast, "wu", number))


def test_a_merged_number_leads_to_its_master(cast: Cast) -> None:
    number = cast.reach("merged")
    with cast.app.app_context():
        appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
        assert appeal.master is not None
        master = appeal.master.number
    assert f'href="/appeals/{master}"' in page(cast, "zhou", number)
    assert f'href="/appeals/{number}"' in page(cast, "zhou", master)


def test_the_trail_turns_round(cast: Cast) -> None:
    number = cast.reach("accepted")
    newest = page(cast, "zhou", number)
    assert newest.index("第2号") < newest.index("第1号")
    oldest = cast.client("zhou").get(f"/appeals/{number}?order=oldest").get_data(as_text=True)
    assert oldest.index("第1号") < oldest.index("第2号")


# -- confidentiality ---------------------------------------------------------------------------

SECRETS = ("顺达物流", "刘经理", "13807970001", "138****0001", "赣B12345", "赣B99999", "王师傅")


def confidential(cast: Cast) -> str:
    number = cast.register(
        confidential=True,
        plates="赣B12345",
        spot_name="王师傅",
        spot_phone="13907970002",
        content="收费站入口关闭。",
        uscc="91360734MA35XXXX1X",
    )
    cast.do(
        number,
        lambda a, at: a.correct({"plates": "赣B99999"}, "核对", by=cast.actor("lin"), at=at),
    )
    cast.accept(number)
    cast.assign(number)
    return number


def test_the_handling_unit_never_learns_who_a_confidential_appellant_is(cast: Cast) -> None:
    number = confidential(cast)
    html = page(cast, "chen", number)
    assert "保密" in html
    assert "按规定不予显示" in html
    assert not [secret for secret in (*SECRETS, "91360734MA35XXXX1X") if secret in html]
    assert "刘经理" in page(cast, "zhou", number)


def test_nor_its_number_by_asking_for_it(cast: Cast) -> None:
    number = confidential(cast)
    for which in ("contact", "spot"):
        response = cast.client("chen").post(
            f"/appeals/{number}/phone", data={"which": which, "reason": "需要"}
        )
        assert response.status_code == 403
        assert "0797" not in response.get_data(as_text=True).replace("0797-", "")


def test_a_number_is_masked_until_asked_for_and_the_log_says_who_asked(cast: Cast) -> None:
    number = cast.reach("assigned")
    html = page(cast, "chen", number)
    assert "138****0001" in html
    assert "13807970001" not in html
    response = cast.client("chen").post(
        f"/appeals/{number}/phone", data={"which": "contact"}, headers=FRAGMENT
    )
    assert "13807970001" in response.get_data(as_text=True)
    assert "<html" not in response.get_data(as_text=True)
    with cast.app.app_context():
        line = db.session.scalars(
            select(AccessLog).where(AccessLog.action == "phone_read")
        ).one()
        assert (line.username, line.detail) == ("chen", "办理联系")
        assert "1380797" not in f"{line.subject}{line.detail}"


def test_whoever_does_not_deal_with_it_gives_a_reason(cast: Cast) -> None:
    number = cast.reach("assigned")
    client, url = cast.client("du"), f"/appeals/{number}/phone"
    refused = client.post(url, data={"which": "contact"}, headers=FRAGMENT)
    assert refused.status_code == 422
    assert "13807970001" not in refused.get_data(as_text=True)
    shown = client.post(url, data={"which": "contact", "reason": "督查核实"})
    assert "13807970001" in shown.get_data(as_text=True)
    assert "<html" in shown.get_data(as_text=True)


def test_a_number_that_is_not_there_is_refused(cast: Cast) -> None:
    number = cast.reach("assigned")
    client = cast.client("zhou")
    for which in ("", "nobody", "handler", "\x00"):
        response = client.post(
            f"/appeals/{number}/phone", data={"which": which, "assignment": "9" * 20}
        )
        assert response.status_code == 403, which


def test_why_it_is_done_again_is_no_instruction_of_the_office(cast: Cast) -> None:
    number = cast.reach("reviewed")
    cast.call_back(number, "unsatisfied")
    shown = page(cast, "chen", number)
    assert '<dt>重办原因</dt><dd class="prose">仍未解决</dd>' in shown
    assert "<dt>交办意见</dt>" not in shown.split("办理记录")[0]
