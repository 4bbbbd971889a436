"""Templates compile, a fragment is one element that names itself, and nothing runs inline."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from flask import Flask

import engines

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "templates"
ALL = sorted(path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.html"))

VOID = {"area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}

OTHER_ID = {
    # Whatever goes wrong lands in one place of the page.
    "errors/_error.html": "error",
    "security/_ended.html": "error",
    # One panel for every act, each named for its own.
    "appeals/show/_panel.html": "act",
}

IN_PLACE = re.compile(r"hx-swap-oob=")
"""Says itself where it goes."""


def fragments() -> list[str]:
    """The templates that a view sends by themselves."""
    named = {
        name
        for path in (ROOT / "ledger").rglob("*.py")
        for name in re.findall(r'"([a-z_/]+/_[a-z_]+\.html)"', path.read_text())
    }
    return sorted(named & set(ALL))


@pytest.fixture(scope="module")
def any_app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    where = tmp_path_factory.mktemp("templates")
    return engines.application(f"sqlite:///{where / 'l.db'}", where)


@pytest.mark.parametrize("name", ALL)
def test_it_compiles(any_app: Flask, name: str) -> None:
    any_app.jinja_env.get_template(name)


@pytest.mark.parametrize("name", ALL)
def test_nothing_in_it_runs_or_is_styled_inline(name: str) -> None:
    text = (TEMPLATES / name).read_text()
    assert not re.search(r"<style\b", text)
    assert not re.search(r"\sstyle\s*=", text)
    assert not re.search(r"<[^>{]*\son[a-z]+\s*=", text)
    assert not re.search(r"<script\b(?![^>]*\bsrc=)", text)
    assert "javascript:" not in text
    assert not re.search(r"\bhx-on[:-]|\bhx-vals\s*=\s*[\"']js:|hx-trigger=[\"'][^\"']*\[", text)
    assert "| safe" not in text
    assert "|safe" not in text


@pytest.mark.parametrize("name", ALL)
def test_it_asks_whether_one_may_and_knows_no_roles(name: str) -> None:
    text = (TEMPLATES / name).read_text()
    roles = "coordinator|closer|duty_officer|unit_lead|supervisor|security_admin|system_admin"
    assert not re.search(rf"==\s*['\"](?:{roles})['\"]|['\"](?:{roles})['\"]\s+in\b", text)


class Roots(HTMLParser):
    """The elements that stand in no other."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.depth = 0
        self.found: list[dict[str, str]] = []
        self.loose = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self.depth == 0:
            self.found.append({name: value or "" for name, value in attrs})
        if tag not in VOID:
            self.depth += 1

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            self.depth -= 1

    def handle_data(self, data: str) -> None:
        if self.depth == 0:
            self.loose += data.strip()


def roots(source: str) -> Roots:
    source = re.sub(r"{#.*?#}", "", source, flags=re.DOTALL)
    source = re.sub(r"{%-?\s*macro\b.*?endmacro\s*-?%}", "", source, flags=re.DOTALL)
    source = re.sub(r"{%-?\s*set\s+\w+\s*-?%}.*?endset\s*-?%}", "", source, flags=re.DOTALL)
    source = re.sub(r"{%.*?%}", "", source, flags=re.DOTALL)
    parser = Roots()
    parser.feed(re.sub(r"{{.*?}}", "x", source, flags=re.DOTALL))
    return parser


@pytest.mark.parametrize("name", fragments())
def test_a_fragment_is_one_element_with_the_name_of_its_file(name: str) -> None:
    found = roots((TEMPLATES / name).read_text())
    assert len(found.found) == 1, f"{len(found.found)} roots"
    assert found.loose == "", "words outside of the root"
    if IN_PLACE.search((TEMPLATES / name).read_text()):
        return
    wanted = OTHER_ID.get(name, Path(name).stem.lstrip("_"))
    given = found.found[0].get("id", "")
    # One of several of its kind on a page adds whose it is: phone-x.
    assert re.sub(r"-x+$", "", given).lstrip("_") == wanted
