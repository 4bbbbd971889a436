"""The grammar of HTTP and htmx, on small applications of their own."""

from __future__ import annotations

import io
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, render_template_string, request
from flask.testing import FlaskClient
from werkzeug.datastructures import FileStorage, MultiDict

from ledger import web

ROOT = Path(__file__).resolve().parents[2]
FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}


class SampleForm(web.Form):
    appellant = web.Text("诉求主体", required=True)
    content = web.LongText("诉求内容")
    phone = web.Phone()
    received = web.LocalMoment("收到时间")
    review_on = web.Day("下次跟踪日期")
    channel = web.Choice("来源渠道", [("visit", "联络员走访")], required=True)
    solved = web.YesNo("是否解决", required=True)
    files = web.Files()
    secret_word = web.Password("口令", required=False)
    version = web.Hidden()


GOOD = {"appellant": "某企业", "channel": "visit", "solved": "yes"}


def make_app(**config: Any) -> Flask:
    app = Flask(
        "sample",
        template_folder=str(ROOT / "templates"),
        static_folder=str(ROOT / "static"),
        static_url_path="/static",
    )
    app.config.update({"SECRET_KEY": "x" * 40, "WTF_CSRF_ENABLED": False, **config})
    web.init_app(app)
    app.extensions["ledger_office_line"] = lambda: "某县专班办公室（0797-6300000）"

    @app.get("/gone")
    def gone() -> str:
        raise web.NotFound

    @app.get("/refused")
    def refused() -> str:
        raise web.Refused("销号须由另一人办理。")

    @app.route("/conflict", methods=["GET", "POST"])
    def conflict() -> str:
        raise web.Conflict("此件已由李四受理。", ["状态：待受理 → 待交办"])

    @app.get("/often")
    def often() -> str:
        raise web.TooMany(retry_after=7)

    @app.get("/broken")
    def broken() -> str:
        raise RuntimeError("secret detail")

    @app.get("/done")
    def done() -> Any:
        return web.see_other("/appeals/1#trail")

    @app.post("/take")
    def take() -> str:
        return request.form.get("appellant", "")

    @app.get("/both")
    def both() -> Any:
        return web.page_or_fragment("errors/stale.html", "errors/_error.html", **EVERYTHING)

    @app.get("/address")
    def address() -> str:
        return web.client_address()

    return app


EVERYTHING: dict[str, Any] = {
    "title": "样",
    "message": "样",
    "changes": [],
    "kept": [],
    "files": [],
    "url": "/both",
    "fresh_token": "",
}


@pytest.fixture
def site() -> FlaskClient:
    return make_app().test_client()


def filled(**fields: Any) -> SampleForm:
    """A form as it stands after it was validated."""
    with make_app().test_request_context(method="POST"):
        form = SampleForm(formdata=MultiDict({**GOOD, **fields}))
        form.validate()
        return form


# --- headers


def test_every_answer_carries_the_policy(site: FlaskClient) -> None:
    for url in ("/gone", "/done", "/nowhere", "/static/app.css"):
        headers = site.get(url).headers
        assert "script-src 'self'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_pages_are_not_stored_and_differ_by_who_asks(site: FlaskClient) -> None:
    headers = site.get("/both").headers
    assert headers["Cache-Control"] == "no-store"
    assert {"HX-Request", "HX-Request-Type"} <= {
        part.strip() for part in headers["Vary"].split(",")
    }


def test_a_static_file_is_kept_for_ever_under_its_own_hash_only() -> None:
    app = make_app()
    with app.test_request_context():
        url = app.jinja_env.globals["asset"]("app.css")  # type: ignore[operator]
    client = app.test_client()
    assert "immutable" in client.get(url).headers["Cache-Control"]
    assert client.get("/static/app.css?v=other").headers["Cache-Control"] == "no-cache"
    assert client.get("/static/missing.css?v=1").headers["Cache-Control"] == "no-store"


# --- fragments and pages


@pytest.mark.parametrize(
    ("headers", "fragment"),
    [
        ({}, False),
        (FRAGMENT, True),
        ({"HX-Request": "true", "HX-Request-Type": "full"}, False),
        ({**FRAGMENT, "HX-History-Restore-Request": "true"}, False),
    ],
)
def test_only_a_partial_request_gets_a_fragment(
    site: FlaskClient, headers: dict[str, str], fragment: bool
) -> None:
    text = site.get("/both", headers=headers).text
    assert ("<html" not in text) is fragment


def test_after_a_deed_a_browser_gets_303_and_htmx_a_redirect(site: FlaskClient) -> None:
    plain = site.get("/done")
    assert (plain.status_code, plain.headers["Location"]) == (303, "/appeals/1#trail")
    quick = site.get("/done", headers=FRAGMENT)
    assert (quick.status_code, quick.headers["HX-Redirect"]) == (204, "/appeals/1#trail")
    here = {**FRAGMENT, "HX-Current-URL": "http://localhost/appeals/1"}
    assert site.get("/done", headers=here).headers["HX-Redirect"] == "/appeals/1"


def test_an_error_to_htmx_is_a_fragment_for_the_alerts(site: FlaskClient) -> None:
    answer = site.get("/refused", headers=FRAGMENT)
    assert answer.status_code == 403
    assert answer.headers["HX-Retarget"] == "#alerts"
    assert answer.headers["HX-Push-Url"] == "false"
    assert "<html" not in answer.text
    assert answer.text.lstrip().startswith('<div id="error"')
    assert "销号须由另一人办理" in answer.text


# --- refusals


def test_what_may_not_be_seen_names_the_office_and_nothing_else(site: FlaskClient) -> None:
    answer = site.get("/gone")
    assert answer.status_code == 404
    assert "没有这件诉求，或您无权查看。如需查看请联系某县专班办公室（0797-6300000）" in answer.text


@pytest.mark.parametrize(
    ("method", "url", "status", "words"),
    [
        ("GET", "/refused", 403, "销号须由另一人办理"),
        ("GET", "/nowhere", 404, "没有这个页面"),
        ("GET", "/take", 405, "返回首页"),
        ("GET", "/conflict", 409, "此件已由李四受理"),
        ("GET", "/often", 429, "操作过于频繁"),
        ("GET", "/broken", 500, "没有保存"),
    ],
)
def test_every_refusal_is_a_chinese_page(method: str, url: str, status: int, words: str) -> None:
    app = make_app()
    for headers in ({}, FRAGMENT):
        answer = app.test_client().open(url, method=method, headers=headers)
        assert answer.status_code == status
        assert words in answer.text
        assert "secret detail" not in answer.text
        assert "The " not in answer.text


def test_allow_and_retry_after_survive(site: FlaskClient) -> None:
    assert "POST" in site.get("/take").headers["Allow"]
    assert site.get("/often").headers["Retry-After"] == "7"


def test_a_conflict_gives_back_what_was_typed(site: FlaskClient) -> None:
    answer = site.post("/conflict", data={"content": "<b>冷链车</b>", "secret_word": "hush"})
    assert answer.status_code == 409
    assert "状态：待受理 → 待交办" in answer.text
    assert "&lt;b&gt;冷链车&lt;/b&gt;" in answer.text
    assert "hush" not in answer.text


def test_a_request_too_large_is_told_so() -> None:
    app = make_app(WTF_CSRF_ENABLED=True)
    assert app.config["MAX_CONTENT_LENGTH"] == 64 * 1024 * 1024
    app.config["MAX_CONTENT_LENGTH"] = 100
    for headers in ({}, FRAGMENT):
        answer = app.test_client().post(
            "/take", data={"files": (io.BytesIO(b"x" * 200), "a.jpg")}, headers=headers
        )
        assert answer.status_code == 413
        assert "64 MB" in answer.text


# --- the token


def test_a_forged_token_loses_nothing_and_the_second_try_goes_through() -> None:
    client = make_app(WTF_CSRF_ENABLED=True).test_client()
    typed = {"appellant": "某企业", "content": "一\n二", "secret_word": "hush", "verb": "go"}
    answer = client.post("/take", data={**typed, "csrf_token": "forged"})
    assert answer.status_code == 400
    assert web.STALE_FORM in answer.text
    assert "某企业" in answer.text and "一\n二" in answer.text
    assert "hush" not in answer.text
    assert '<input type="hidden" name="verb" value="go">' in answer.text
    fresh = re.findall(r'name="csrf_token" value="([^"]+)"', answer.text)[-1]
    again = client.post("/take", data={**typed, "csrf_token": fresh})
    assert (again.status_code, again.text) == (200, "某企业")


def test_a_file_that_cannot_be_kept_is_named() -> None:
    client = make_app(WTF_CSRF_ENABLED=True).test_client()
    answer = client.post("/take", data={"files": (io.BytesIO(b"x"), "现场.jpg")})
    assert answer.status_code == 400
    assert "文件无法保留" in answer.text and "现场.jpg" in answer.text


def test_htmx_gets_the_fresh_token_for_the_form_that_is_still_open() -> None:
    client = make_app(WTF_CSRF_ENABLED=True).test_client()
    answer = client.post("/take", data={"appellant": "某企业"}, headers=FRAGMENT)
    found = re.search(r'data-fresh-token="([^"]+)"', answer.text)
    assert answer.status_code == 400 and found
    again = client.post(
        "/take", data={"appellant": "某企业"}, headers={**FRAGMENT, "X-CSRFToken": found[1]}
    )
    assert again.status_code == 200


# --- fields


def test_a_good_form_is_read() -> None:
    form = filled(
        appellant="  某企业\n分公司 ",
        phone="０797— 6300000",
        received="2026-11-20T09:30",
        review_on="2026年1月2日",
    )
    assert form.errors == {}
    assert form.appellant.data == "某企业 分公司"
    assert form.phone.data == "0797-6300000"
    assert form.received.data is not None
    assert form.received.data.astimezone(UTC) == datetime(2026, 11, 20, 1, 30, tzinfo=UTC)
    assert form.review_on.data == date(2026, 1, 2)
    assert form.solved.answer is True
    assert form.files.data == []


@pytest.mark.parametrize(
    ("fields", "name", "words"),
    [
        ({"appellant": " "}, "appellant", "请填写“诉求主体”"),
        ({"content": "a\0b"}, "content", "“诉求内容”含有无法保存的控制字符，请删除后重试"),
        ({"content": "字" * 9000}, "content", "超出 4000 字"),
        ({"phone": "call me"}, "phone", "“联系电话”只能填写"),
        ({"phone": "1" * 21}, "phone", "“联系电话”只能填写"),
        ({"received": "昨天"}, "received", "“收到时间”不是有效的时间"),
        ({"received": "0001-01-01T00:00"}, "received", "“收到时间”不是有效的时间"),
        ({"received": "2026-02-30T00:00"}, "received", "“收到时间”不是有效的时间"),
        ({"review_on": "x"}, "review_on", "“下次跟踪日期”不是有效的日期"),
        ({"channel": ""}, "channel", "请选择“来源渠道”"),
        ({"channel": "vis\0it"}, "channel", "“来源渠道”的选项无效"),
        ({"solved": "maybe"}, "solved", "“是否解决”的选项无效"),
    ],
)
def test_a_wrong_value_is_named(fields: dict[str, str], name: str, words: str) -> None:
    assert words in filled(**fields).errors[name][0]


def test_what_was_wrong_is_still_shown() -> None:
    with make_app().test_request_context():
        assert "字" * 9000 in filled(content="字" * 9000).content()
        assert 'value="昨天"' in filled(received="昨天").received()


def test_an_emoji_is_text() -> None:
    assert filled(content="谢谢😀").content.data == "谢谢😀"


@pytest.mark.parametrize(
    ("raw", "moment"),
    [
        ("2026-11-20 24:00", "2026-11-21 00:00"),
        ("2026/1/2 9:05", "2026-01-02 09:05"),
        ("2026年1月2日 9:05", "2026-01-02 09:05"),
        ("２０２６-11-20 09：30", "2026-11-20 09:30"),
        ("2100-12-31 24:00", "2101-01-01 00:00"),
        ("2026-11-20 24:01", "—"),
        ("2026-11-20", "—"),
    ],
)
def test_moments_are_read_by_shanghai(raw: str, moment: str) -> None:
    assert web.shanghai(web.read_moment(raw)) == moment


def test_a_caption_stays_with_its_file() -> None:
    sent = MultiDict(
        [
            *GOOD.items(),
            ("files", FileStorage(io.BytesIO(), filename="")),
            ("files", FileStorage(io.BytesIO(b"x"), filename="b.jpg")),
            ("files-caption", "一"),
            ("files-caption", "二"),
        ]
    )
    with make_app().test_request_context(method="POST"):
        form = SampleForm(formdata=sent)
        assert form.validate()
        assert [(a.file.filename, a.caption) for a in form.files.data] == [("b.jpg", "二")]


def test_a_json_body_is_no_form(site: FlaskClient) -> None:
    with make_app().test_request_context(method="POST", json=[1, 2]):
        assert not SampleForm().validate()


def test_a_returned_form_links_to_its_errors() -> None:
    with make_app().test_request_context(method="POST"):
        form = SampleForm(formdata=MultiDict({}))
        form.validate()
        text = render_template_string(
            '{% import "_forms.html" as forms with context %}{{ forms.errors(form) }}'
            "{% for f in form %}{{ forms.field(f) }}{% endfor %}",
            form=form,
        )
    assert '<a href="#appellant">请填写“诉求主体”</a>' in text
    assert 'aria-describedby="appellant-wrong"' in text
    assert 'aria-invalid="true"' in text
    assert re.search(r" on[a-z]+=| style=|<script", text) is None


# --- small things


def test_text_is_cleaned() -> None:
    assert web.clean_text(" a\r\nb\x0bc\u2028d ", max_len=9) == "a\nb\nc\nd"
    with pytest.raises(ValueError, match="“说明”最多 3 字，现有 5 字，超出 2 字"):
        web.clean_text("12345", max_len=3, name="说明")
    with pytest.raises(ValueError, match="控制字符"):
        web.clean_text("a\ud800", max_len=3)


@pytest.mark.parametrize(
    "url",
    [None, "", "desk", "//evil", "/\\evil", "https://evil", "/a\n//evil", "/\t/evil", "/ /evil"],
)
def test_nobody_is_sent_elsewhere(url: str | None) -> None:
    assert web.safe_next(url, "/desk") == "/desk"


def test_a_path_of_ours_is_followed() -> None:
    assert web.safe_next("/appeals/?q=1#x") == "/appeals/?q=1#x"


def test_moments_in_words() -> None:
    seen = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
    assert web.moment_words(datetime(2026, 11, 19, 16, 30, tzinfo=UTC), seen) == "今天 00:30"
    assert web.moment_words(datetime(2026, 11, 19, 15, 30, tzinfo=UTC), seen) == "昨天 23:30"
    assert web.moment_words(datetime(2026, 3, 1, 1, 0, tzinfo=UTC), seen) == "3月1日 09:00"
    assert web.moment_words(datetime(2025, 3, 1, 1, 0, tzinfo=UTC), seen) == "2025年3月1日 09:00"
    assert web.day(datetime(2026, 11, 19, 16, 30, tzinfo=UTC)) == "2026-11-20"


def test_the_address_is_ipv4_where_it_can_be(site: FlaskClient) -> None:
    asked = site.get("/address", environ_base={"REMOTE_ADDR": "::ffff:10.0.0.7"})
    assert asked.text == "10.0.0.7"


def test_a_list_offers_nothing_first_and_keeps_its_groups() -> None:
    class Grouped(web.Form):
        category = web.Choice("诉求类别", {"通行受阻": {"toll": "收费站关停"}})
        plain = web.Choice("渠道", [("visit", "走访")], blank=None)

    with make_app().test_request_context():
        form = Grouped(formdata=None)
        form.plain.choices = [("window", "窗口")]
        assert '<option selected value="">请选择</option>' in form.category()
        assert '<optgroup label="通行受阻">' in form.category()
        assert "请选择" not in form.plain() and "窗口" in form.plain()
        again = Grouped(formdata=MultiDict({"category": "toll", "plain": "visit"}))
        assert again.validate() and again.category.data == "toll"
