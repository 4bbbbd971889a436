"""An office's own letterhead, before it is kept: what is wrong with it, and where.

Whatever is written in it stands for a field and nothing else; all that goes beyond is refused,
since whoever opens the paper later would run it.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

from ..files.sniff import Unfit, sniff
from .paper_docx import ITEM, MEDIA_TYPE, environment, fill
from .paper_facts import Sheet
from .paper_kinds import QR, Paper

MOST_BYTES: Final = 2 * 1024 * 1024
MOST_UNPACKED: Final = 20 * 1024 * 1024
MOST_XML: Final = 4 * 1024 * 1024
MOST_PARTS: Final = 300
MOST_TOLD: Final = 20
"""Problems named at once."""

_W: Final = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FILLED: Final = re.compile(r"word/(document|header\d*|footer\d*|footnotes)\.xml")
"""The parts in which fields are filled in."""
_PLACES: Final = {"document": "正文", "header": "页眉", "footer": "页脚", "footnotes": "脚注"}
_ELSEWHERE: Final = "批注、尾注等"
_TAG: Final = re.compile(r"\{\{(.*?)\}\}|\{%(.*?)%\}")
_NAME: Final = re.compile(r"[^\W\d]\w*")
_FOR: Final = re.compile(r"(?:tr|p)? *for +(\w+) +in +(\w+) *")
_IF: Final = re.compile(r"(?:tr|p)? *if +(\w+) *")
_END: Final = re.compile(r"(?:tr|p)? *end(for|if) *")
_DAMAGED: Final = "文件已损坏，无法打开；请用Word或WPS打开原文件，另存为docx后再上传"


class Unusable(Exception):
    """A letterhead that is not kept. `problems`: each says what and where."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("；".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class _Paragraph:
    place: str
    words: str


def check(data: bytes, filename: str, paper: Paper) -> None:
    """Raises Unusable."""
    _check_file(data, filename)
    parts = _parts(data)
    problems = [
        problem
        for name, root in parts.items()
        for problem in _check_fields(_paragraphs(name, root), paper)
    ]
    if problems:
        told = problems[:MOST_TOLD]
        if len(problems) > MOST_TOLD:
            told.append(f"另有{len(problems) - MOST_TOLD}处问题")
        raise Unusable(told)
    _check_rest(data, parts)
    _try(data, paper)


# -- the file ----------------------------------------------------------------------------------


def _check_file(data: bytes, filename: str) -> None:
    if not data:
        raise Unusable(["文件是空的，没有内容；请重新选择文件"])
    if len(data) > MOST_BYTES:
        raise Unusable([f"文件超过{MOST_BYTES // 1024 // 1024}MB的上限；请压缩其中的图片后再上传"])
    try:
        media_type = sniff(BytesIO(data), filename)
    except Unfit as problem:
        raise Unusable([f"文件“{filename}”{problem}"]) from problem
    if media_type != MEDIA_TYPE:
        raise Unusable(["文件不是Word文档（docx）；请用Word或WPS另存为docx后再上传"])
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            infos = archive.infolist()
            if len(infos) > MOST_PARTS or sum(i.file_size for i in infos) > MOST_UNPACKED:
                raise Unusable(["文件解压后过大（疑似压缩炸弹），不能作为模板"])
            if any(info.flag_bits & 1 for info in infos):
                raise Unusable(["文件设有打开密码，无法读取；请取消密码后再上传"])
            if len({info.filename for info in infos}) != len(infos):
                raise Unusable([_DAMAGED])
            for info in infos:
                _check_part(info.filename, archive.read(info))
    except (zipfile.BadZipFile, EOFError, OSError, ValueError, NotImplementedError, KeyError):
        raise Unusable([_DAMAGED]) from None
    except Exception as error:
        # zlib.error and its like in the other methods share no ancestor.
        if type(error).__module__ in ("zlib", "_lzma", "lzma", "struct"):
            raise Unusable([_DAMAGED]) from None
        raise


def _check_part(name: str, data: bytes) -> None:
    low = name.lower()
    if low.startswith(("word/embeddings/", "word/activex/")) or low.endswith(".bin"):
        raise Unusable(["文件里嵌有其他文件或控件，不能作为模板；请删除后再上传"])
    if not low.endswith((".xml", ".rels")):
        return
    if len(data) > MOST_XML:
        raise Unusable(["文件里的文字和格式过多，不能作为模板；请只保留文书的版式"])
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data or data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise Unusable([_DAMAGED])
    if low.endswith(".rels"):
        for found in re.finditer(rb"<Relationship\b[^>]*>", data):
            if b'TargetMode="External"' in found[0] and b"/hyperlink" not in found[0]:
                raise Unusable(["文件引用了外部的图片或模板，打开时会连接外网；请改为嵌入后再上传"])


def _parts(data: bytes) -> dict[str, Any]:
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    found = {}
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            for name in archive.namelist():
                if name.endswith(".xml") and not name.startswith("customXml/"):
                    found[name] = etree.fromstring(archive.read(name), parser)
    except etree.XMLSyntaxError:
        raise Unusable([_DAMAGED]) from None
    if "word/document.xml" not in found:
        raise Unusable([_DAMAGED])
    return found


# -- its fields --------------------------------------------------------------------------------


def _paragraphs(name: str, root: Any) -> Iterator[_Paragraph]:
    """The paragraphs of a part in which something is to be filled in, and where each stands, as an
    office would count them."""
    room, count = _room(name), 0
    for paragraph in root.iter(f"{_W}p"):
        in_table = next(paragraph.iterancestors(f"{_W}tc"), None) is not None
        count += not in_table
        words = "".join(
            text.text or ""
            for text in paragraph.iter(f"{_W}t")
            if next(text.iterancestors(f"{_W}p")) is paragraph
        )
        if "{" in words or "}" in words:
            where = _cell(root, paragraph) if in_table else f"第{count}段"
            yield _Paragraph(f"{room}{where}", words)


def _cell(root: Any, paragraph: Any) -> str:
    cell = next(paragraph.iterancestors(f"{_W}tc"))
    row = next(cell.iterancestors(f"{_W}tr"), None)
    table = next(cell.iterancestors(f"{_W}tbl"), None)
    if row is None or table is None:
        return "表格"
    place, down, across = (
        list(within.iter(f"{_W}{kind}")).index(one) + 1
        for within, kind, one in ((root, "tbl", table), (table, "tr", row), (row, "tc", cell))
    )
    return f"第{place}个表格第{down}行第{across}格"


def _room(name: str) -> str:
    stem = re.sub(r"\d+$", "", name.removeprefix("word/").removesuffix(".xml"))
    return _PLACES.get(stem, _ELSEWHERE)


def _check_fields(paragraphs: Iterator[_Paragraph], paper: Paper) -> list[str]:
    problems: list[str] = []
    opened: list[tuple[str, str]] = []
    """What was begun and not ended: for or if, and where."""
    for paragraph in paragraphs:
        place = paragraph.place
        if place.startswith(_ELSEWHERE):
            problems.append(f"{place}：这里的字段不会填写，请移到正文、页眉或页脚")
            continue
        problems += _check_paragraph(paragraph, paper, opened)
    problems += [f"{place}：“{_WORDS[kind]}”没有结束" for kind, place in opened]
    return problems


_WORDS: Final = {"for": "{%tr for … %}", "if": "{%p if … %}"}


def _check_paragraph(
    paragraph: _Paragraph, paper: Paper, opened: list[tuple[str, str]]
) -> list[str]:
    place, problems = paragraph.place, []
    rest = _TAG.sub("", paragraph.words)
    if "{" in rest or "}" in rest:
        problems.append(
            f"{place}：花括号没有成对（“{_brief(paragraph.words)}”），字段应写在同一段里"
        )
    for found in _TAG.finditer(paragraph.words):
        in_list = any(kind == "for" for kind, _ in opened)
        if found[1] is not None:
            why = _check_name(found[1].strip(), paper, in_list)
        else:
            why = _check_block(found[2], paper, opened, place)
        if why:
            problems.append(f"{place}：{why}")
    return problems


def _check_name(name: str, paper: Paper, in_list: bool) -> str:
    if name.startswith(f"{ITEM}."):
        if not in_list:
            return f"字段“{name}”只能写在清单的行里（{{%tr for {ITEM} in … %}}之后）"
        known: Collection[str] = paper.item_fields
        name = name.removeprefix(f"{ITEM}.")
    else:
        known = paper.fields
    if not _NAME.fullmatch(name):
        return f"“{_brief(name)}”不是字段，这里只能写字段名"
    return "" if name in known else f"没有“{_brief(name)}”这个字段（{paper.name}）"


def _check_block(words: str, paper: Paper, opened: list[tuple[str, str]], place: str) -> str:
    words = words.rstrip()
    if found := _FOR.fullmatch(words):
        if found[1] != ITEM or found[2] != paper.items or not paper.items:
            return f"没有“{_brief(found[2])}”这个清单（{paper.name}）"
        if any(kind == "for" for kind, _ in opened):
            return "清单里不能再套清单"
        opened.append(("for", place))
        return ""
    if found := _IF.fullmatch(words):
        opened.append(("if", place))
        return _check_name(found[1], paper, False)
    if found := _END.fullmatch(words):
        if not opened or opened[-1][0] != found[1]:
            return f"“{{%{_brief(words)} %}}”没有对应的开头"
        opened.pop()
        return ""
    return f"不能使用“{{%{_brief(words)}%}}”"


def _brief(words: str) -> str:
    return words if len(words) <= 30 else f"{words[:30]}…"


def _check_rest(data: bytes, parts: dict[str, Any]) -> None:
    """What the paragraphs do not show (attributes, properties, instructions) names no field."""
    from docxtpl import DocxTemplate
    from jinja2 import TemplateError, nodes

    template = DocxTemplate(BytesIO(data))
    fine = (
        nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Getattr, nodes.For,
        nodes.If,
    )  # fmt: skip
    for name, root in parts.items():
        text = template.xml_to_string(root)
        if not any(mark in text for mark in ("{{", "{%", "{#")):
            continue
        if not _FILLED.fullmatch(name):
            raise Unusable([f"“{name}”里写有字段，不会填写，请移到正文、页眉或页脚"])
        for element in root.iter():
            if element.tag != f"{_W}t" and _holds_mark(element):
                raise Unusable(["图形、超链接或域代码里写有字段，不会填写；请移到正文的文字里"])
        try:
            tree = environment().parse(template.patch_xml(text))
        except TemplateError as error:
            raise Unusable([f"{_room(name)}：字段的写法有误，请对照字段说明检查"]) from error
        if any(not isinstance(node, fine) for node in tree.find_all(nodes.Node)):
            raise Unusable([f"{_room(name)}：只能写字段名，不能写算式或命令"])


def _holds_mark(element: Any) -> bool:
    held = [element.text or "", element.tail or "", *element.attrib.values()]
    return any("{" in one and re.search(r"\{[{%#]", one) for one in held)


def _try(data: bytes, paper: Paper) -> None:
    """Filled in once with words of every field, it must open again with nothing left to fill."""
    from docx import Document

    try:
        filled = fill(data, sample(paper), "https://example.org/")
        Document(BytesIO(filled))
        left = [
            one.place
            for name, root in _parts(filled).items()
            for one in _paragraphs(name, root)
            if "{{" in one.words or "{%" in one.words
        ]
    except Unusable:
        raise
    except Exception as error:
        # Whatever the libraries stumble over: no office can mend more than it is told here.
        raise Unusable(
            [f"按模板试填失败（{type(error).__name__}），请用Word或WPS另存后重试"]
        ) from error
    if left:
        raise Unusable([f"{left[0]}：字段没有填上，请把字段写在同一段里"])


def sample(paper: Paper) -> Sheet:
    """The paper with the name of each field in its place."""
    values = {name: f"〔{name}〕" for name in paper.fields if name != QR}
    item = {name: f"〔{name}〕" for name in paper.item_fields}
    return Sheet(paper, values, [item, item] if paper.items else [])
