"""The grammar of HTTP and htmx: pages and fragments, headers, refusals, and what a form field is.

A page is for whoever navigates; a fragment for htmx, which replaces one element by it. Every
refusal says in Chinese what to do next, and whatever was typed comes back with it.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
import secrets
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import urlsplit

from flask import (
    Flask,
    Response,
    current_app,
    make_response,
    render_template,
    request,
    send_file,
    session,
    url_for,
)
from flask_wtf import CSRFProtect, FlaskForm
from flask_wtf.csrf import CSRFError, generate_csrf
from itsdangerous import BadData, URLSafeTimedSerializer
from jinja2 import StrictUndefined
from markupsafe import Markup
from werkzeug import exceptions
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter, Map
from wtforms import BooleanField, Field, PasswordField, RadioField, SelectField, StringField
from wtforms.fields.choices import Choice as Option
from wtforms.fields.core import UnboundField
from wtforms.i18n import get_translations
from wtforms.validators import StopValidation
from wtforms.widgets import (
    DateInput,
    DateTimeLocalInput,
    FileInput,
    HiddenInput,
    PasswordInput,
    TelInput,
    TextArea,
    TextInput,
)

from ledger.config import SHANGHAI, Config
from ledger.db import now

MAX_REQUEST = 64 * 1024 * 1024
"""Bytes of one request, files included."""

CSP = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "font-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)

csrf = CSRFProtect()


# --- what went wrong, in Chinese ---------------------------------------------------------------


class Refused(exceptions.Forbidden):
    """Seen, but not this person's to do (403)."""

    def __init__(self, message: str = "您的岗位不能进行这项操作。") -> None:
        super().__init__(message)


class NotFound(exceptions.NotFound):
    """Not there, or not to be seen: the answer must not tell which (404)."""

    def __init__(self, message: str = "没有这件诉求，或您无权查看。") -> None:
        super().__init__(message)


class Conflict(exceptions.Conflict):
    """Somebody else was first (409). `changes` are sentences that say what is different now."""

    def __init__(self, message: str, changes: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.changes = tuple(changes)


class TooMany(exceptions.TooManyRequests):
    """Too often in too short a time (429)."""

    def __init__(self, message: str = "操作过于频繁。", *, retry_after: int = 60) -> None:
        """`retry_after` in seconds."""
        super().__init__(message, retry_after=retry_after)


class _Words(NamedTuple):
    title: str
    what: str
    do: str


ERRORS: dict[int, _Words] = {
    400: _Words("请求有误", "提交的内容不完整或格式不对。", "请返回上一页，核对后重新提交。"),
    403: _Words(
        "没有权限", "您的岗位不能进行这项操作。", "确需办理的，请联系本单位管理员或牵头办公室。"
    ),
    404: _Words("没有找到", "没有这个页面，或您无权查看。", "请核对网址，或返回首页重新进入。"),
    405: _Words("操作方式不对", "这个网址不支持这样的操作。", "请返回首页，从页面上的按钮进入。"),
    409: _Words("内容已有变化", "您打开页面之后，他人已作了处理。", "请打开最新页面核对后再办理。"),
    413: _Words(
        "上传内容过大",
        "一次提交的内容合计不能超过 64 MB，单个文件不能超过 20 MB。",
        "请返回上一页，减少或压缩文件后分次上传。",
    ),
    415: _Words("格式不支持", "服务器无法识别提交内容的格式。", "请通过页面上的表单提交。"),
    422: _Words("填写有误", "有内容未填写或填写不正确。", "请返回上一页，按提示修改后重新提交。"),
    429: _Words("操作过于频繁", "短时间内提交次数过多。", "请稍候再试，已填写的内容请勿关闭。"),
    500: _Words(
        "系统出现故障",
        "系统出现故障，本次操作没有保存。",
        "请稍后重试；仍不成功的，请联系系统管理员并说明操作时间。",
    ),
}

STALE_FORM = "页面已过期或令牌无效，已保留您填写的内容，请核对后重新提交"


OF_ANOTHER = (
    "本页是他人登录时打开的，其中的内容不能以您的身份提交，没有保存；请原登录人重新登录后提交。"
)


# --- asking and answering ----------------------------------------------------------------------


class RowNumber(IntegerConverter):
    """A row's number in an address: what no engine can hold is no row, hence a 404."""

    def __init__(self, map: Map, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max", 2**53)
        super().__init__(map, *args, **kwargs)


def is_htmx() -> bool:
    """Whether htmx asked, for a part or for a whole page."""
    return (
        request.headers.get("HX-Request") == "true"
        and request.headers.get("HX-History-Restore-Request") != "true"
    )


def wants_fragment() -> bool:
    """Whether the answer replaces one element of a page that is already open."""
    return is_htmx() and request.headers.get("HX-Request-Type") == "partial"


def page_or_fragment(
    page_template: str, fragment_template: str, status: int = 200, **context: Any
) -> Response:
    """The fragment for htmx, the whole page for everyone else."""
    template = fragment_template if wants_fragment() else page_template
    return make_response(render_template(template, **context), status)


def see_other(url: str) -> Response:
    """Send the browser on by GET after something was done.

    htmx gets no 303: fetch would follow it by itself and swap the next page in as a fragment.
    """
    if not is_htmx():
        response = make_response("", 303)
        response.headers["Location"] = url
        return response
    here = urlsplit(request.headers.get("HX-Current-URL", ""))
    there = urlsplit(url)
    if there.fragment and (there.path, there.query) == (here.path, here.query):
        url = there._replace(fragment="").geturl()  # only an anchor apart: would not load anew
    response = make_response("", 204)
    response.headers["HX-Redirect"] = url
    return response


def fragment_error(status: int, message: str, target: str = "#alerts", **context: Any) -> Response:
    """A refusal for htmx: lands in `target`, leaves the rest of the page and its address alone."""
    words = ERRORS.get(status, ERRORS[400])
    shown = {"changes": (), "kept": (), "fresh_token": "", **context}
    body = render_template(
        "errors/_error.html", status=status, title=words.title, message=message, **shown
    )
    response = make_response(body, status)
    response.headers["HX-Retarget"] = target
    response.headers["HX-Reswap"] = "innerHTML"
    response.headers["HX-Reselect"] = "#error"  # an hx-select of the caller would find nothing
    response.headers["HX-Push-Url"] = "false"
    return response


def as_download(
    source: Path | BinaryIO, *, name: str, mimetype: str = "application/octet-stream"
) -> Response:
    """A file to be saved, never shown: whatever is in it, it cannot run here."""
    response = send_file(source, mimetype=mimetype, as_attachment=True, download_name=name)
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


def safe_next(url: str | None, default: str = "/") -> str:
    """`url` if it is a path of this site, else `default`: nobody is sent elsewhere."""
    if (
        not url
        or not url.startswith("/")
        or url.startswith("//")
        or "\\" in url
        or any(ord(c) < 0x21 or ord(c) == 0x7F for c in url)
    ):
        return default
    try:
        parts = urlsplit(url)
    except ValueError:
        return default
    return default if parts.scheme or parts.netloc else url


def client_address() -> str:
    """The caller's IP address, IPv4 in its own form even where the socket speaks IPv6."""
    raw = request.remote_addr or ""
    try:
        address = ipaddress.ip_address(raw)
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(address)


AUTOSAVE = "autosave"


def is_autosave() -> bool:
    """Whether the page keeps a draft by itself while somebody types: what comes back must not
    stand in the way."""
    return request.form.get("aside") == AUTOSAVE


# --- words and moments -------------------------------------------------------------------------

_LINE_BREAKS = re.compile("\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_UNSAVABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff]")


def clean_text(value: str, *, max_len: int, name: str = "内容") -> str:
    """Typed text as it is stored: stripped, one kind of line break. `max_len` in characters.

    Raises ValueError, in Chinese, naming the field: control characters, too long.
    """
    value = _LINE_BREAKS.sub("\n", value).strip()
    if _UNSAVABLE.search(value):
        raise ValueError(f"“{name}”含有无法保存的控制字符，请删除后重试")
    if len(value) > max_len:
        raise ValueError(
            f"“{name}”最多 {max_len} 字，现有 {len(value)} 字，"
            f"超出 {len(value) - max_len} 字，请删减后重试"
        )
    return value


def shanghai(at: datetime | None) -> str:
    """2026-11-20 09:30, as the clock on the office's wall shows it."""
    return "—" if at is None else at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")


def day(at: datetime | date | None) -> str:
    """2026-11-20; an instant is taken in Shanghai."""
    if at is None:
        return "—"
    return (at.astimezone(SHANGHAI).date() if isinstance(at, datetime) else at).isoformat()


def moment_words(at: datetime | None, seen_at: datetime | None = None) -> str:
    """今天 09:30, 昨天 09:30, 11月20日 09:30, 2025年11月20日 09:30, seen at `seen_at` (now)."""
    if at is None:
        return "—"
    local = at.astimezone(SHANGHAI)
    today = (seen_at or now()).astimezone(SHANGHAI).date()
    apart = (local.date() - today).days
    near = {0: "今天", -1: "昨天", 1: "明天"}
    if apart in near:
        words = near[apart]
    elif local.year == today.year:
        words = f"{local.month}月{local.day}日"
    else:
        words = f"{local.year}年{local.month}月{local.day}日"
    return f"{words} {local:%H:%M}"


# --- forms -------------------------------------------------------------------------------------


class _Chinese:
    """The built-in messages of WTForms."""

    def __init__(self) -> None:
        self._found = get_translations(["zh"])

    def gettext(self, string: str) -> str:
        return str(self._found.gettext(string))

    def ngettext(self, singular: str, plural: str, n: int) -> str:
        return str(self._found.ngettext(singular, plural, n))


_CHINESE = _Chinese()

_labels: dict[str, list[str]] = {}
"""Field name → what forms call it; for showing what was typed when its form is not at hand."""
_hidden: set[str] = set()
_codes: set[str] = set()
_words: set[str] = set()
"""Names of fields whose values are codes, and of those that hold words."""
_secret: set[str] = set()


class Form(FlaskForm):  # type: ignore[misc]
    """Every form: Chinese messages, form bodies only."""

    class Meta(FlaskForm.Meta):  # type: ignore[misc]
        def get_translations(self, form: object) -> _Chinese:
            return _CHINESE

        def wrap_formdata(self, form: object, formdata: Any) -> Any:
            # flask-wtf would read a JSON body too, and fall over one that is no object.
            return None if request.is_json else super().wrap_formdata(form, formdata)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, unbound in vars(cls).items():
            if not isinstance(unbound, UnboundField):
                continue
            label = unbound.kwargs.get("label") or next(iter(unbound.args), None)
            if isinstance(label, str) and label not in _labels.setdefault(name, []):
                _labels[name].append(label)
            if issubclass(unbound.field_class, Hidden):
                _hidden.add(name)
            chosen = issubclass(unbound.field_class, _Chosen | Several | Tick)
            (_codes if chosen else _words).add(name)
            if issubclass(unbound.field_class, PasswordField):
                _secret.add(name)


class Required:
    """Something must be there. Says what, by the field's own label."""

    field_flags = {"required": True}  # noqa: RUF012  # WTForms reads it from the class

    def __init__(self, verb: str = "填写") -> None:
        self.verb = verb

    def __call__(self, form: object, field: Any) -> None:
        if field.errors:
            raise StopValidation  # it was filled in, only wrongly
        if field.data is None or field.data == "" or field.data == []:
            raise StopValidation(f"请{self.verb}“{field.label.text}”")


def _checks(required: bool, validators: Iterable[Any], verb: str = "填写") -> list[Any]:
    return [Required(verb), *validators] if required else list(validators)


class Text(StringField):  # type: ignore[misc]
    """One line. `max_len` in characters."""

    widget = TextInput()
    one_line = True

    def __init__(
        self,
        label: str,
        max_len: int = 200,
        *,
        required: bool = False,
        help: str = "",
        validators: Iterable[Any] = (),
        **kwargs: Any,
    ) -> None:
        self.max_len = max_len
        kwargs["description"] = help
        super().__init__(label, _checks(required, validators), **kwargs)

    def process_formdata(self, valuelist: list[Any]) -> None:
        if not valuelist:
            return
        raw = str(valuelist[0])
        self.data = _UNSAVABLE.sub("", raw)  # what comes back to the eye if the next line raises
        self.data = clean_text(raw, max_len=self.max_len, name=self.label.text)
        if self.one_line:
            self.data = re.sub(r"\s*\n\s*", " ", self.data)


class LongText(Text):
    """Several lines. `max_len` in characters."""

    widget = TextArea()
    one_line = False

    def __init__(self, label: str, max_len: int = 5000, *, rows: int = 5, **kwargs: Any) -> None:
        self.rows = rows
        super().__init__(label, max_len, **kwargs)


class Hidden(Text):
    """Carried along unseen: a version, a return address."""

    widget = HiddenInput()

    def __init__(self, label: str = "隐藏项", max_len: int = 500, **kwargs: Any) -> None:
        super().__init__(label, max_len, **kwargs)


class Password(PasswordField):  # type: ignore[misc]
    """Never stripped, never shown again; only kept from what no hash can take."""

    widget = PasswordInput(hide_value=True)

    def __init__(
        self,
        label: str,
        *,
        required: bool = True,
        help: str = "",
        validators: Iterable[Any] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(label, _checks(required, validators), description=help, **kwargs)

    def process_formdata(self, valuelist: list[Any]) -> None:
        if not valuelist:
            return
        self.data = str(valuelist[0])
        if _UNSAVABLE.search(self.data):
            raise ValueError(f"“{self.label.text}”含有无法识别的控制字符，请重新输入")
        if len(self.data) > 200:
            raise ValueError(f"“{self.label.text}”最多 200 个字符，请重新输入")


class Phone(Text):
    """A telephone number as people write it; kept as digits with + and -. Not required."""

    widget = TelInput()

    def __init__(self, label: str = "联系电话", max_len: int = 30, **kwargs: Any) -> None:
        super().__init__(label, max_len, **kwargs)

    def process_formdata(self, valuelist: list[Any]) -> None:
        super().process_formdata(valuelist)
        if not valuelist or not self.data:
            return
        number = unicodedata.normalize("NFKC", self.data)
        number = re.sub("[‐-―−—–]", "-", number)
        number = re.sub(r"[\s()]", "", number)
        digits = sum(c.isdigit() for c in number)
        if not re.fullmatch(r"\+?[0-9]+(?:-[0-9]+)*", number) or not 3 <= digits <= 20:
            raise ValueError(
                f"“{self.label.text}”只能填写数字、“+”“-”和空格，例如 13800001234 或 0797-6300000"
            )
        self.data = number


_DAY = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?")
_CLOCK = re.compile(r"(\d{1,2})\s*:\s*(\d{2})(?::\s*(\d{2})(?:\.\d+)?)?")


def _read_day(raw: str) -> date | None:
    found = _DAY.fullmatch(raw.strip())
    if not found:
        return None
    try:
        value = date(*(int(part) for part in found.groups()))
    except ValueError:
        return None
    return value if 1950 <= value.year <= 2100 else None


def read_moment(raw: str) -> datetime | None:
    """A moment typed without a zone: Shanghai's. 24:00 is the next day's 00:00."""
    raw = unicodedata.normalize("NFKC", raw).strip()
    found = re.fullmatch(rf"({_DAY.pattern})[T\s]\s*({_CLOCK.pattern})", raw)
    if not found:
        return None
    on, clock = _read_day(found[1]), _CLOCK.fullmatch(found[5])
    if on is None or clock is None:
        return None
    hour, minute, second = (int(part or 0) for part in clock.groups())
    if (hour, minute, second) == (24, 0, 0):
        on, hour = on + timedelta(days=1), 0
    try:
        return datetime(on.year, on.month, on.day, hour, minute, second, tzinfo=SHANGHAI)
    except ValueError:
        return None


class _Typed(Field):  # type: ignore[misc]
    """A field whose text is read into something else; unread text comes back as it was typed."""

    def __init__(
        self,
        label: str,
        *,
        required: bool = False,
        help: str = "",
        validators: Iterable[Any] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(label, _checks(required, validators), description=help, **kwargs)

    def _typed(self) -> str:
        return _UNSAVABLE.sub("", str(self.raw_data[0])) if self.raw_data else ""


class LocalMoment(_Typed):
    """An instant given by Shanghai's clock, to the minute; `data` is aware, or None."""

    widget = DateTimeLocalInput()

    def _value(self) -> str:
        if self.data is not None:
            return str(self.data.astimezone(SHANGHAI).strftime("%Y-%m-%dT%H:%M"))
        return self._typed()

    def process_formdata(self, valuelist: list[Any]) -> None:
        if not valuelist:
            return
        self.data = None
        if not str(valuelist[0]).strip():
            return
        self.data = read_moment(str(valuelist[0])[:60])
        if self.data is None:
            raise ValueError(f"“{self.label.text}”不是有效的时间，请按 2026-11-20 09:30 的样式填写")


class Day(_Typed):
    """A calendar day; `data` is a date, or None."""

    widget = DateInput()

    def _value(self) -> str:
        return self.data.isoformat() if self.data is not None else self._typed()

    def process_formdata(self, valuelist: list[Any]) -> None:
        if not valuelist:
            return
        self.data = None
        if not str(valuelist[0]).strip():
            return
        self.data = _read_day(unicodedata.normalize("NFKC", str(valuelist[0])[:60]))
        if self.data is None:
            raise ValueError(f"“{self.label.text}”不是有效的日期，请按 2026-11-20 的样式填写")


class _Chosen:
    """What drop-down and radio buttons share: an empty string where nothing is chosen."""

    data: Any
    label: Any
    raw_data: Any

    def process_data(self, value: Any) -> None:
        self.data = "" if value is None else str(value)

    def process_formdata(self, valuelist: list[Any]) -> None:
        if valuelist:
            self.data = str(valuelist[0])

    def pre_validate(self, form: object) -> None:
        if self.data and self.data not in map(str, self._values()):
            raise StopValidation(f"“{self.label.text}”的选项无效，请重新选择")

    def _values(self) -> Iterator[Any]:
        """What may be sent. Where the choices are a mapping, with or without groups, they are
        not made options first: most forms that are sent are never drawn again."""
        choices = self.choices  # type: ignore[attr-defined]
        if not isinstance(choices, dict):
            yield from (choice.value for choice in self.iter_choices())  # type: ignore[attr-defined]
            return
        for value, label in choices.items():
            if isinstance(label, str):
                yield value
            else:
                yield from (one if isinstance(one, str) else one[0] for one in label)

    def options(self) -> list[tuple[str, str, bool]]:
        """(value, label, chosen) of each."""
        return [
            (str(choice.value), str(choice.label), str(choice.value) == self.data)
            for choice in self.iter_choices()  # type: ignore[attr-defined]
        ]


def _offered(choices: Any) -> Any:
    """Pairs (value, label) in the shape that WTForms goes on reading; the rest as it is."""
    return choices if callable(choices) or isinstance(choices, dict) else dict(choices)


class Choice(_Chosen, SelectField):  # type: ignore[misc]
    """A drop-down. `blank` is the label of the empty option; None for none."""

    def __init__(
        self,
        label: str,
        choices: Any = (),
        *,
        blank: str | None = "请选择",
        required: bool = False,
        help: str = "",
        validators: Iterable[Any] = (),
        **kwargs: Any,
    ) -> None:
        self.blank = blank
        super().__init__(
            label,
            _checks(required, validators, "选择"),
            coerce=str,
            choices=_offered(choices),
            description=help,
            **kwargs,
        )

    def iter_choices(self) -> list[Any]:
        listed = list(super().iter_choices())
        if self.blank is None:
            return listed
        return [Option("", self.blank, not self.data, {}), *listed]

    def iter_groups(self) -> Iterable[tuple[Any, list[Any]]]:
        if self.blank is not None:
            yield None, [Option("", self.blank, not self.data, {})]
        yield from super().iter_groups()


class Radio(_Chosen, RadioField):  # type: ignore[misc]
    """The same, all options in sight: for two to six of them."""

    def __init__(
        self,
        label: str,
        choices: Any = (),
        *,
        required: bool = False,
        help: str = "",
        validators: Iterable[Any] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(
            label,
            _checks(required, validators, "选择"),
            coerce=str,
            choices=_offered(choices),
            description=help,
            **kwargs,
        )


class Several(Field):  # type: ignore[misc]
    """Any number of many, by boxes to tick; `data` holds their values. `choices` maps groups to
    pairs (value, label)."""

    def __init__(
        self,
        label: str,
        choices: Mapping[str, Sequence[tuple[str, str]]] | None = None,
        *,
        required: bool = False,
        help: str = "",
        validators: Iterable[Any] = (),
        **kwargs: Any,
    ) -> None:
        self.choices = choices or {}
        super().__init__(
            label, _checks(required, validators, "选择"), description=help, **kwargs
        )

    def process_data(self, value: Any) -> None:
        self.data = [str(one) for one in value or ()]

    def process_formdata(self, valuelist: list[Any]) -> None:
        self.data = list(dict.fromkeys(str(one) for one in valuelist))

    def pre_validate(self, form: object) -> None:
        offered = {value for some in self.choices.values() for value, _ in some}
        if not offered.issuperset(self.data):
            raise StopValidation(f"“{self.label.text}”的选项无效，请重新选择")

    @property
    def chosen(self) -> list[str]:
        """The labels of what is ticked."""
        ticked = set(self.data)
        return [
            label for some in self.choices.values() for value, label in some if value in ticked
        ]


class YesNo(Radio):
    """是 or 否, by radio buttons; read it by `answer`: True, False, or None where not answered."""

    def __init__(self, label: str, *, yes: str = "是", no: str = "否", **kwargs: Any) -> None:
        super().__init__(label, [("yes", yes), ("no", no)], **kwargs)

    def process_data(self, value: Any) -> None:
        self.data = {True: "yes", False: "no", None: ""}.get(value, value)

    @property
    def answer(self) -> bool | None:
        return {"yes": True, "no": False}.get(self.data)


class Tick(BooleanField):  # type: ignore[misc]
    """One box to tick."""

    def __init__(self, label: str, *, help: str = "", **kwargs: Any) -> None:
        super().__init__(label, description=help, **kwargs)


class Attached(NamedTuple):
    """One file as sent, and its caption."""

    file: FileStorage
    caption: str


class Files(Field):  # type: ignore[misc]
    """Files with captions, one row each; `data` holds the rows where a file was chosen."""

    widget = FileInput()

    def __init__(
        self,
        label: str = "附件",
        *,
        rows: int = 2,
        caption_len: int = 100,
        required: bool = False,
        help: str = "",
        validators: Iterable[Any] = (),
        **kwargs: Any,
    ) -> None:
        self.rows = rows
        self.caption_len = caption_len
        self.captions: list[str] = []
        super().__init__(label, _checks(required, validators, "选择"), description=help, **kwargs)

    @property
    def caption_name(self) -> str:
        return f"{self.name}-caption"

    def process(self, formdata: Any, data: Any = None, extra_filters: Any = None) -> None:
        typed = formdata.getlist(self.caption_name) if formdata is not None else []
        self.captions = [_UNSAVABLE.sub("", str(caption)) for caption in typed]
        self._raw_captions = [str(caption) for caption in typed]
        super().process(formdata, [], extra_filters)

    def process_formdata(self, valuelist: list[Any]) -> None:
        self.data = []
        for row, file in enumerate(valuelist):
            if not isinstance(file, FileStorage) or not file.filename:
                continue
            caption = self._raw_captions[row] if row < len(self._raw_captions) else ""
            name = f"{self.label.text}第 {row + 1} 行的说明"
            self.data.append(
                Attached(file, clean_text(caption, max_len=self.caption_len, name=name))
            )


class Kept(NamedTuple):
    """One thing that was typed, on its way back to whoever typed it."""

    name: str
    label: str
    value: str
    hidden: bool


_CSRF = "csrf_token"


def token_for(person_id: int) -> str:
    """What a session's forms are sent with: it tells whose session drew them."""
    return f"{person_id}.{secrets.token_hex(20)}"


def person_of(token: str | None) -> int | None:
    """For whom `token_for` made it; None for whoever had not signed in."""
    person_id, dot, _ = (token or "").partition(".")
    return int(person_id) if dot and person_id.isdecimal() and len(person_id) < 18 else None


def drawn_for() -> int | None:
    """The person for whom the page was drawn that this request comes from: the signature of its
    token holds also when the session it belonged to is gone. None where it cannot be told."""
    try:
        sent = request.form.get(_CSRF) or request.headers.get("X-CSRFToken")
    except HTTPException:
        return None  # too big or broken: nothing was read
    signer = URLSafeTimedSerializer(current_app.secret_key or "", salt="wtf-csrf-token")
    try:
        token = signer.loads(sent or "")
    except BadData:
        return None
    return person_of(token) if isinstance(token, str) else None


def typed_fields() -> list[Kept]:
    """What the request's form held; no token, no password, no files."""
    try:
        pairs = list(request.form.items(multi=True))
    except HTTPException:
        return []  # too big or broken: nothing was read
    kept = []
    for name, value in pairs:
        if name.endswith("csrf_token") or "password" in name or name in _secret:
            continue
        base = name.removesuffix("-caption")
        labels = _labels.get(base, [])
        label = " / ".join(labels) + ("（说明）" if base != name else "")
        hidden = not labels or name in _hidden or (base in _codes and base not in _words)
        kept.append(Kept(name, label, _UNSAVABLE.sub("", value), hidden))
    return kept


# --- one application ---------------------------------------------------------------------------


def _fingerprints(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _say(name: str) -> str:
    """One of the lines that rooms above provide as a callable; empty where none does."""
    provider: Callable[[], str] | None = current_app.extensions.get(name)
    return provider() if provider else ""


def office_line() -> str:
    """Whom to ask: the office's name and telephone, such as 某县专班办公室（0797-6300000）."""
    return _say("ledger_office_line") or "牵头办公室"


def office_name() -> str:
    return _say("ledger_office_name")


def init_app(app: Flask) -> None:
    """Teach the application its manners. Rooms above provide, whenever they like:

    `app.extensions["ledger_office_line"]`, `["ledger_office_name"]`: callables giving text;
    Jinja globals `nav_items()` → [(label, url, active, count)] (count may be None),
    `signed_in()` → None or (person's name, [words of each post]).
    """
    settings: Config | None = app.config.get("LEDGER")
    if settings is not None and settings.trust_proxy:
        hops = settings.trust_proxy
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops
        )
    app.config["MAX_CONTENT_LENGTH"] = MAX_REQUEST
    app.config["MAX_FORM_MEMORY_SIZE"] = 4 * 1024 * 1024  # text beside the files
    # A token lives as long as its session: a form may lie open over lunch.
    app.config.setdefault("WTF_CSRF_TIME_LIMIT", None)
    csrf.init_app(app)

    hashes = _fingerprints(Path(app.static_folder)) if app.static_folder else {}

    @cache
    def _asset(root: str, path: str) -> str:
        return url_for("static", filename=path, v=hashes.get(path))

    def asset(path: str) -> str:
        """The file's address, which changes with its content."""
        return _asset(request.script_root, path)

    @lru_cache(maxsize=512)
    def _head(who: Any, items: Any, office: str) -> Markup:
        return Markup(render_template("_head.html", who=who, items=items, office=office))

    def page_head() -> Markup:
        """The head of every page."""
        signed_in: Any = jinja.globals["signed_in"]
        nav_items: Any = jinja.globals["nav_items"]
        who = signed_in()
        known = (who[0], tuple(who[1])) if who else None
        return _head(known, tuple(nav_items()) if who else (), office_name())

    jinja = app.jinja_env
    jinja.undefined = StrictUndefined
    jinja.trim_blocks = jinja.lstrip_blocks = True
    jinja.filters.update(shanghai=shanghai, day=day, moment_words=moment_words)
    jinja.globals.update(
        asset=asset, office_line=office_line, office_name=office_name, page_head=page_head
    )
    jinja.globals.setdefault("nav_items", list)
    jinja.globals.setdefault("signed_in", lambda: None)

    @app.after_request
    def _headers(response: Response) -> Response:
        headers = response.headers
        headers.setdefault("Content-Security-Policy", CSP)
        headers["X-Content-Type-Options"] = "nosniff"
        headers["X-Frame-Options"] = "DENY"
        headers["Referrer-Policy"] = "same-origin"
        headers["Permissions-Policy"] = (
            "camera=(), microphone=(), geolocation=(), payment=(), usb=()"
        )
        if request.endpoint == "static" and response.status_code in (200, 206, 304):
            headers["Cache-Control"] = _static_cache(hashes)
        else:
            headers["Cache-Control"] = "no-store"
            headers.add("Vary", "HX-Request, HX-Request-Type")
        return response

    for code in ERRORS:
        app.register_error_handler(code, _error)
    app.register_error_handler(CSRFError, _stale_token)


def _static_cache(hashes: dict[str, str]) -> str:
    path = str((request.view_args or {}).get("filename", ""))
    version = request.args.get("v")
    # The icon font's address inside the vendor's style sheet carries a hash of its own.
    own_hash = path.startswith("vendor/fonts/") and bool(request.query_string)
    if own_hash or (version is not None and version == hashes.get(path)):
        return "public, max-age=31536000, immutable"
    return "no-cache"


def _message(error: HTTPException) -> str:
    """The sentence to show: the refusal's own if it is ours, else the general one."""
    code = error.code or 500
    if isinstance(error, NotFound):
        return f"{error.description}如需查看请联系{office_line()}"
    if isinstance(error, Refused | Conflict | TooMany):
        return str(error.description)
    words = ERRORS[code].what
    own = error.description
    # werkzeug's own sentences are English: they say nothing to an office.
    if own and own != type(error).description and re.search("[一-鿿]", own):
        words = own
    return words


def _error(error: HTTPException) -> Response:
    if error.response is not None:
        return make_response(error.response)  # a ready answer
    code = error.code or 500
    words = ERRORS[code]
    message = words.what if code == 500 else _message(error)
    changes = getattr(error, "changes", ())
    if is_htmx():
        response = fragment_error(code, f"{message}{words.do}", changes=changes)
    else:
        response = make_response(
            render_template(
                "errors/error.html",
                status=code,
                title=words.title,
                message=message,
                advice="" if isinstance(error, NotFound) else words.do,
                changes=changes,
                kept=[] if _hides(error) else typed_fields(),
                # After a fault nothing may be asked of the database again.
                bare=code == 500,
            ),
            code,
        )
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response


def _hides(error: HTTPException) -> bool:
    """Whether what was typed is not shown again: too much to read, or another person's."""
    of_another = error.description == OF_ANOTHER
    return of_another or isinstance(error, exceptions.RequestEntityTooLarge)


def _stale_token(error: CSRFError) -> Response:
    """The token was missing, forged or outlived: what was typed comes back with a fresh one."""
    drawn, here = drawn_for(), person_of(session.get(_CSRF))
    if drawn is not None and here is not None and drawn != here:
        return _error(Refused(OF_ANOTHER))
    files = [file.filename for file in request.files.values() if file.filename]
    if is_htmx():
        # The form is still on the page; it only needs the new token, which app.js puts in.
        return fragment_error(400, f"{STALE_FORM}。", fresh_token=generate_csrf())
    return make_response(
        render_template(
            "errors/stale.html",
            title="请重新提交",
            message=STALE_FORM,
            kept=typed_fields(),
            files=files,
            url=request.full_path if request.query_string else request.path,
        ),
        400,
    )
