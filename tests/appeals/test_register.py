"""Logging an appeal through its form."""

from __future__ import annotations

import io
import re
import threading
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from appeals.register_hand import ASKED, how_many, number_of, send, words_of
from cast import Cast
from ledger.appeals.models import Appeal
from ledger.config import SHANGHAI
from ledger.db import db, now, writing
from ledger.firms.models import Firm
from ledger.people.models import Person


def appeal_of(cast: Cast, response: TestResponse) -> Appeal:
    """Its row; inside an application context."""
    return db.session.scalars(select(Appeal).where(Appeal.number == number_of(response))).one()


def a_firm(cast: Cast, name: str = "寻乌县顺达物流有限公司", **facts: str) -> int:
    with cast.app.app_context(), writing() as at:
        by = db.session.get_one(Person, cast.people["lin"])
        firm = Firm.register(name, by=by, at=at, **facts)
        db.session.commit()
        return firm.id


# -- what is asked --------------------------------------------------------------------------------


def test_four_answers_are_enough(cast: Cast) -> None:
    response = send(cast.client("lin"))
    with cast.app.app_context():
        appeal = appeal_of(cast, response)
        assert (appeal.state, appeal.kind, appeal.urgency) == ("registered", "help", "normal")
        assert appeal.region_code == "360734"
        assert appeal.office_id == cast.units["office"]
        assert appeal.registrar_id == cast.people["lin"]
        assert appeal.phone == "13807970001"
        assert appeal.firm_id is None
        assert abs(appeal.received_at - now()) < timedelta(minutes=1)
        assert appeal.title == "澄江收费站入口关闭，两辆货车被劝返，请协调放行"


def test_the_form_comes_prefilled(cast: Cast) -> None:
    words = words_of(cast.client("lin").get("/appeals/new"))
    today = now().astimezone(SHANGHAI).strftime("%Y-%m-%dT")
    assert f'value="{today}' in words
    assert '<option selected value="help">求助' in words
    assert '<option selected value="normal">一般' in words
    assert "林晓梅" in words and 'value="360734"' in words
    assert "期初导入" not in words


@pytest.mark.parametrize(
    ("empty", "said"),
    [
        ("appellant_name", "请填写“诉求主体”"),
        ("phone", "请填写“联系电话”，或选择“保密”“未留”"),
        ("content", "请填写“诉求内容”"),
        ("channel", "请选择“来源渠道”"),
    ],
)
def test_what_is_missing_is_named_and_the_rest_is_kept(cast: Cast, empty: str, said: str) -> None:
    response = send(cast.client("lin"), **{empty: "", "place": "澄江镇东门"})
    words = words_of(response)
    assert response.status_code == 422
    assert said in words
    assert "澄江镇东门" in words
    for name in ASKED.keys() - {empty, "channel"}:
        assert ASKED[name] in words
    assert how_many(cast) == 0


def test_a_phone_may_be_withheld_or_not_left(cast: Cast) -> None:
    for given in ("withheld", "none"):
        response = send(cast.client("lin"), phone="", phone_given=given)
        with cast.app.app_context():
            appeal = appeal_of(cast, response)
            assert (appeal.phone, appeal.phone_given) == (None, given)


def test_a_number_beside_withheld_is_asked_about(cast: Cast) -> None:
    response = send(cast.client("lin"), phone_given="withheld")
    assert response.status_code == 422
    assert "要求保密" in words_of(response)


def test_who_is_not_known_yet_needs_no_name(cast: Cast) -> None:
    response = send(cast.client("lin"), appellant_name="", appellant_type="unverified")
    with cast.app.app_context():
        assert appeal_of(cast, response).appellant_name == "待核实"


def test_everything_optional_finds_its_place(cast: Cast) -> None:
    since = (now() - timedelta(hours=3)).astimezone(SHANGHAI)
    response = send(
        cast.client("lin"),
        appellant_name="王建国",
        appellant_type="driver",
        plates="赣b12345，赣B1234挂",
        stranded="yes",
        stranded_since=since.strftime("%Y-%m-%dT%H:%M"),
        spot_name="王师傅",
        spot_phone="13900010002",
        route_from="寻乌",
        route_to="梅州",
        goods="脐橙",
        place="澄江收费站",
        identity="confidential",
        complained_unit="县交警大队",
        industry="运输",
        chain="果业",
        white_list="y",
        wish="尽快放行",
        order_system="12345",
        order_number="ＧZ2026-001",
    )
    with cast.app.app_context():
        appeal = appeal_of(cast, response)
        assert appeal.urgency == "critical"
        assert appeal.stranded_since == since.replace(second=0, microsecond=0)
        assert appeal.plates == "赣B12345 赣B1234挂"
        assert {row.plate for row in appeal.plate_rows} == {"赣B12345", "赣B1234挂"}
        assert appeal.spot_phone == "13900010002"
        assert appeal.confidential and appeal.real_name and appeal.white_list
        assert [o.full_number for o in appeal.external_orders] == ["GZ2026-001"]


def test_stranded_is_critical_even_where_another_urgency_was_chosen(cast: Cast) -> None:
    response = send(cast.client("lin"), stranded="yes", urgency="urgent")
    with cast.app.app_context():
        assert appeal_of(cast, response).urgency == "critical"


def test_no_moment_lies_ahead(cast: Cast) -> None:
    ahead = (now() + timedelta(days=1)).astimezone(SHANGHAI).strftime("%Y-%m-%dT%H:%M")
    response = send(cast.client("lin"), received_at=ahead)
    assert response.status_code == 422
    assert "“接收时间”不能晚于现在" in words_of(response)


def test_an_outside_order_is_not_registered_twice(cast: Cast) -> None:
    client = cast.client("lin")
    first = number_of(send(client, channel="12345", order_number="GZ1"))
    again = send(client, channel="12345", order_number="GZ1")
    assert again.status_code == 422
    assert "该外部工单已登记为寻" in words_of(again)
    assert how_many(cast) == 1
    assert first


# -- firms ----------------------------------------------------------------------------------------


def test_a_chosen_firm_is_linked_and_lends_its_name_and_code(cast: Cast) -> None:
    firm_id = a_firm(cast, uscc="91350100M000100Y43")
    response = send(cast.client("lin"), appellant_name="寻乌顺达", firm_id=str(firm_id))
    with cast.app.app_context():
        appeal = appeal_of(cast, response)
        assert appeal.firm_id == firm_id
        assert appeal.appellant_name == "寻乌县顺达物流有限公司"
        assert appeal.uscc == "91350100M000100Y43"


def test_a_name_that_means_another_firm_is_asked_about(cast: Cast) -> None:
    firm_id = a_firm(cast)
    response = send(cast.client("lin"), appellant_name="安远县恒通货运", firm_id=str(firm_id))
    assert response.status_code == 422
    assert "与所选企业“寻乌县顺达物流有限公司”不一致" in words_of(response)
    assert f'name="firm_id" value="{firm_id}"' in words_of(response)


def test_a_declined_offer_stays_a_name(cast: Cast) -> None:
    a_firm(cast)
    response = send(cast.client("lin"), firm_id="")
    with cast.app.app_context():
        assert appeal_of(cast, response).firm_id is None


def test_without_an_offer_the_very_name_is_linked(cast: Cast) -> None:
    firm_id = a_firm(cast)
    response = send(cast.client("lin"), appellant_name="寻乌县顺达物流有限公司 ")
    with cast.app.app_context():
        assert appeal_of(cast, response).firm_id == firm_id


def test_an_individual_keeps_his_name_beside_a_firm_and_makes_none(cast: Cast) -> None:
    firm_id = a_firm(cast)
    client = cast.client("lin")
    alone = send(client, appellant_name="王建国", appellant_type="driver")
    beside = send(client, appellant_name="王建国", appellant_type="driver", firm_id=str(firm_id))
    with cast.app.app_context():
        assert appeal_of(cast, alone).firm_id is None
        assert appeal_of(cast, beside).appellant_name == "王建国"
        assert db.session.scalar(select(func.count(Firm.id))) == 1


@pytest.mark.parametrize("firm_id", ["99999", "x", "9" * 30, "-1"])
def test_a_firm_that_is_not_there_is_refused(cast: Cast, firm_id: str) -> None:
    assert send(cast.client("lin"), firm_id=firm_id).status_code == 422


# -- who ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["lin", "tang", "zhou", "zhao"])
def test_these_register(cast: Cast, name: str) -> None:
    assert cast.client(name).get("/appeals/new").status_code == 200
    number_of(send(cast.client(name)))


@pytest.mark.parametrize("name", ["chen", "qian", "wu", "du", "ma", "shen", "an", "xi", "none"])
def test_these_do_not(cast: Cast, name: str) -> None:
    assert cast.client(name).get("/appeals/new").status_code == 403
    refused = send(cast.client(name))
    assert refused.status_code == 403
    assert "不能登记诉求" in words_of(refused)
    assert how_many(cast) == 0


def test_the_upper_office_may_name_a_region_below_and_no_other(cast: Cast) -> None:
    client = cast.client("shi")
    assert '<option value="360734">寻乌县' in words_of(client.get("/appeals/new"))
    response = send(client, region_code="360734")
    with cast.app.app_context():
        assert appeal_of(cast, response).office_id == cast.units["office"]
    assert send(cast.client("zhou"), region_code="360726").status_code == 422


# -- bad input ------------------------------------------------------------------------------------


def test_a_long_text_is_counted_and_comes_back_whole(cast: Cast) -> None:
    text = "诉" * 9000
    response = send(cast.client("lin"), content=text)
    words = words_of(response)
    assert response.status_code == 422
    assert "最多 5000 字，现有 9000 字，超出 4000 字" in words
    assert text in words


def test_emoji_are_kept_and_nul_is_not(cast: Cast) -> None:
    client = cast.client("lin")
    kept = send(client, content="货车堵了三小时😤，请协调")
    refused = send(client, content="货车\x00堵了")
    assert refused.status_code == 422
    assert "控制字符" in words_of(refused)
    assert "货车堵了" in words_of(refused)
    with cast.app.app_context():
        assert appeal_of(cast, kept).content == "货车堵了三小时😤，请协调"


def test_a_wrong_check_character_warns_and_is_kept(cast: Cast) -> None:
    client = cast.client("lin")
    response = send(client, uscc="91350100M000100Y44")
    receipt = client.get(response.headers["Location"])
    assert "校验位不符" in words_of(receipt)
    with cast.app.app_context():
        assert appeal_of(cast, response).uscc == "91350100M000100Y44"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("phone", "打不通"),
        ("plates", "没看清"),
        ("uscc", "123"),
        ("received_at", "昨天"),
        ("kind", "x"),
        ("category_id", "9999999"),
        ("stranded", "maybe"),
        ("identity", "x"),
        ("channel", "carried"),
        ("order_number", "1" * 65),
    ],
)
def test_nonsense_is_refused_in_words(cast: Cast, field: str, value: str) -> None:
    response = send(cast.client("lin"), **{field: value})
    assert response.status_code == 422
    assert "处需要修改" in words_of(response)


def test_a_request_beyond_all_bounds_gets_its_page(cast: Cast) -> None:
    big = (io.BytesIO(b"0" * (65 * 1024 * 1024)), "big.pdf")
    response = send(cast.client("lin"), files=big)
    assert response.status_code == 413
    assert "64 MB" in words_of(response)


# -- twice ----------------------------------------------------------------------------------------


def test_a_double_click_gets_the_first_receipt(cast: Cast) -> None:
    client = cast.client("lin")
    first = send(client, token="a-token-of-the-form")
    again = send(client, token="a-token-of-the-form")
    assert number_of(first) == number_of(again)
    assert how_many(cast) == 1
    # The token is this person's alone.
    assert number_of(send(cast.client("tang"), token="a-token-of-the-form")) != number_of(first)


def test_another_matter_under_the_same_token_is_not_swallowed(cast: Cast) -> None:
    client = cast.client("lin")
    send(client, token="a-token-of-the-form")
    other = send(client, token="a-token-of-the-form", content="另一件事：油价补贴未到账")
    words = words_of(other)
    assert other.status_code == 409
    assert "另一件事：油价补贴未到账" in words and "尚未登记" in words
    fresh = re.search(r'name="token"[^>]*value="([^"]+)"', words)
    assert fresh and fresh[1] != "a-token-of-the-form"
    number_of(send(client, token=fresh[1], content="另一件事：油价补贴未到账"))
    assert how_many(cast) == 2


def test_two_hands_at_the_same_instant_make_one_appeal(cast: Cast) -> None:
    clients = [cast.client("lin") for _ in range(6)]
    gate = threading.Barrier(len(clients))
    answers: list[TestResponse] = []

    def click(client: FlaskClient) -> None:
        gate.wait()
        answers.append(send(client, token="one-and-the-same"))

    threads = [threading.Thread(target=click, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({number_of(answer) for answer in answers}) == 1
    assert how_many(cast) == 1


# -- the receipt ----------------------------------------------------------------------------------


def test_the_receipt_says_what_the_appellant_needs(cast: Cast) -> None:
    with cast.app.app_context(), writing():
        cast.unit("office").duty_phone = "0797-2839000"
        db.session.commit()
    client = cast.client("lin")
    response = send(client)
    words = words_of(client.get(response.headers["Location"]))
    with cast.app.app_context():
        appeal = appeal_of(cast, response)
        assert appeal.label in words and appeal.number in words
        assert appeal.query_code and appeal.query_code in words
    assert "0797-2839000" in words
    assert re.search(r"预计答复</dt><dd>20\d\d-\d\d-\d\d前", words)


def test_a_stranded_lorry_is_promised_an_hour(cast: Cast) -> None:
    client = cast.client("lin")
    words = words_of(client.get(send(client, stranded="yes").headers["Location"]))
    assert re.search(r"预计答复</dt><dd>20\d\d-\d\d-\d\d \d\d:\d\d前", words)


def test_the_code_is_told_to_the_registrar_and_the_office_alone(cast: Cast) -> None:
    number = cast.register(confidential=True)
    cast.accept(number)
    cast.assign(number)
    with cast.app.app_context():
        code = db.session.scalars(select(Appeal).where(Appeal.number == number)).one().query_code
    assert code
    for name in ("lin", "zhou", "tang"):
        assert code in words_of(cast.client(name).get(f"/appeals/{number}/receipt"))
    unit = words_of(cast.client("chen").get(f"/appeals/{number}/receipt"))
    assert code not in unit and "顺达物流" not in unit
    for name in ("he", "yuan", "xi"):
        assert cast.client(name).get(f"/appeals/{number}/receipt").status_code == 404
