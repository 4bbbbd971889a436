"""Papers as Word files: the built-in letterheads, and filling in whichever there is.

A built-in letterhead is made when it is wanted, from the row of the table of papers, with the same
marks that an office writes in its own; so one way fills in both.
"""

from __future__ import annotations

import re
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from .paper_kinds import QR, Paper

if TYPE_CHECKING:
    from docx.document import Document
    from jinja2 import Environment

    from .paper_facts import Sheet

SONG, FANG, HEI, LATIN = "方正小标宋简体", "仿宋_GB2312", "黑体", "Times New Roman"
TOP, BOTTOM, LEFT, RIGHT = 37, 35, 28, 26
"""Millimetres: what GB/T 9704 leaves of A4 is 156 × 225."""
WIDTH = 156
LABEL = 30
"""Width of the cell with the words before another."""
QR_SIDE = 20
NEW_PARAGRAPH: Final = "\a"
"""How the filler is told to begin another."""
ITEM: Final = "行"
"""What a letterhead calls one line of a list."""

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def mark(name: str) -> str:
    """How a letterhead asks for a field."""
    return "{{ " + name + " }}"


def qr_png(url: str) -> bytes:
    import segno

    into = BytesIO()
    segno.make(url, error="m").save(into, kind="png", scale=6, border=1)
    return into.getvalue()


def qr_svg(url: str) -> bytes:
    import segno

    into = BytesIO()
    code = segno.make(url, error="m")
    code.save(into, kind="svg", scale=4, border=1, svgclass=None, lineclass=None)
    return into.getvalue()


def fill(letterhead: bytes, made: Sheet, qr_url: str = "") -> bytes:
    """The letterhead with the paper's fields in it. Raises a TemplateError, or whatever the file
    itself makes the libraries raise."""
    from docx.shared import Mm
    from docxtpl import DocxTemplate, InlineImage

    template = DocxTemplate(BytesIO(letterhead))
    context: dict[str, Any] = {name: _lines(words) for name, words in made.values.items()}
    if made.paper.items:
        context[made.paper.items] = [
            {name: _lines(words) for name, words in item.items()} for item in made.items
        ]
    if QR in made.paper.fields:
        image = BytesIO(qr_png(qr_url)) if qr_url else None
        context[QR] = InlineImage(template, image, width=Mm(QR_SIDE)) if image else ""
    template.render(context, jinja_env=environment())
    into = BytesIO()
    template.save(into)
    return into.getvalue()


def environment() -> Environment:
    """Letterheads come from outside: they may name fields and do nothing else."""
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    return ImmutableSandboxedEnvironment(autoescape=True, undefined=StrictUndefined)


def _lines(words: str) -> str:
    """What an XML file can hold, each line as a paragraph of its own."""
    kept = "".join(c for c in words if c == "\n" or c.isprintable() or c == "\u3000")
    return re.sub(r"\n+", NEW_PARAGRAPH, kept.strip())


# -- built in ----------------------------------------------------------------------------------


@lru_cache(maxsize=32)
def built_in(paper: Paper, dense: bool = False) -> bytes:
    """The letterhead of a paper for which its office has none of its own."""
    document = _blank()
    _line(document, mark("落款单位"), SONG, 16, align="center")
    _line(document, paper.name, SONG, 22, align="center", after=6)
    if paper.subject != "list":
        _line(document, mark("文号"), FANG, 14, align="center", after=8)
    if paper.is_letter:
        _line(document, mark("主送") + "：", FANG, 16)
        _line(document, mark("正文"), FANG, 16, indent=True)
        _line(document, mark("要求"), FANG, 16, indent=True, after=8)
    size = 10.5 if dense else 12
    if paper.rows:
        _grid(document, paper, size)
    if paper.items:
        _list(document, paper)
    for words in paper.below.splitlines():
        _line(document, re.sub(r"\{(.*?)\}", lambda one: mark(one[1]), words), FANG, 14)
    _foot(document, paper)
    document.core_properties.title = paper.name
    document.core_properties.author = ""
    document.core_properties.comments = ""
    into = BytesIO()
    document.save(into)
    return into.getvalue()


def _blank() -> Document:
    from docx import Document as new
    from docx.oxml.ns import qn
    from docx.shared import Mm, Pt

    document = new()
    page = document.sections[0]
    page.page_width, page.page_height = Mm(210), Mm(297)
    page.top_margin, page.bottom_margin = Mm(TOP), Mm(BOTTOM)
    page.left_margin, page.right_margin = Mm(LEFT), Mm(RIGHT)
    page.header_distance, page.footer_distance = Mm(15), Mm(28)
    normal = document.styles["Normal"]
    normal.font.name, normal.font.size = LATIN, Pt(16)
    normal.element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), FANG)
    normal.paragraph_format.space_after = Pt(0)
    return document


def _line(
    where: Any,
    words: str,
    font: str,
    size: float,
    *,
    align: str = "",
    indent: bool = False,
    after: float = 0,
    paragraph: Any = None,
) -> None:
    from docx.enum.text import WD_PARAGRAPH_ALIGNMENT
    from docx.oxml.ns import qn
    from docx.shared import Pt

    paragraph = where.add_paragraph() if paragraph is None else paragraph
    shape = paragraph.paragraph_format
    shape.space_before, shape.space_after = Pt(0), Pt(after)
    shape.line_spacing = Pt(28) if size == 16 else 1.2
    if align:
        shape.alignment = WD_PARAGRAPH_ALIGNMENT[align.upper()]
    if indent:
        shape.first_line_indent = Pt(size * 2)
    run = paragraph.add_run(words)
    run.font.name, run.font.size = LATIN, Pt(size)
    run._element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), font)


def _table(document: Document, rows: int, widths: list[float], *, ruled: bool = True) -> Any:
    from docx.enum.table import WD_TABLE_ALIGNMENT
    from docx.shared import Mm

    table = document.add_table(rows=rows, cols=len(widths))
    if ruled:
        table.style = "Table Grid"
    table.alignment = WD_TABLE_ALIGNMENT.CENTER
    table.autofit = False
    for row in table.rows:
        for cell, width in zip(row.cells, widths, strict=True):
            cell.width = Mm(width)
    return table


def _grid(document: Document, paper: Paper, size: float) -> None:
    from docx.enum.table import WD_CELL_VERTICAL_ALIGNMENT
    from docx.shared import Mm

    half = WIDTH / 2 - LABEL
    table = _table(document, len(paper.rows), [LABEL, half, LABEL, half])
    for row, cells in zip(table.rows, paper.rows, strict=True):
        row.height = Mm(8 if size > 11 else 7)
        if len(cells) == 1:
            row.cells[1].merge(row.cells[3])
            if not cells[0][1]:
                row.height = Mm(15)
        for place, (words, name) in enumerate(cells):
            before, within = row.cells[place * 2], row.cells[place * 2 + 1]
            _line(None, words, HEI, size, align="center", paragraph=before.paragraphs[0])
            if name:
                _line(None, mark(name), FANG, size, paragraph=within.paragraphs[0])
            before.vertical_alignment = WD_CELL_VERTICAL_ALIGNMENT.CENTER
            within.vertical_alignment = WD_CELL_VERTICAL_ALIGNMENT.CENTER


def _list(document: Document, paper: Paper) -> None:
    size = 10.5
    if paper.rows:
        _line(document, paper.items, HEI, 14, after=2)
    widths = [WIDTH * share / 100 for _, share in paper.columns]
    table = _table(document, 4, widths)
    head, start, line, end = table.rows
    for cell, (name, _) in zip(head.cells, paper.columns, strict=True):
        _line(None, name, HEI, size, align="center", paragraph=cell.paragraphs[0])
    _repeat(head)
    loop = start.cells[0].merge(start.cells[-1])
    _line(None, f"{{%tr for {ITEM} in {paper.items} %}}", FANG, size, paragraph=loop.paragraphs[0])
    for cell, (name, _) in zip(line.cells, paper.columns, strict=True):
        _line(None, mark(f"{ITEM}.{name}"), FANG, size, paragraph=cell.paragraphs[0])
    last = end.cells[0].merge(end.cells[-1])
    _line(None, "{%tr endfor %}", FANG, size, paragraph=last.paragraphs[0])


def _repeat(row: Any) -> None:
    from docx.oxml import OxmlElement

    row._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))


def _foot(document: Document, paper: Paper) -> None:
    """The code on the left, who signs on the right."""
    _line(document, "", FANG, 8)
    if QR not in paper.fields:
        _line(document, mark("落款单位"), FANG, 14, align="right")
        _line(document, mark("日期"), FANG, 14, align="right")
        return
    table = _table(document, 1, [WIDTH - 100, 100], ruled=False)
    code, signs = table.rows[0].cells
    _line(None, mark(QR), FANG, 10.5, paragraph=code.paragraphs[0])
    _line(None, mark("落款单位"), FANG, 14, align="right", paragraph=signs.paragraphs[0])
    _line(signs, mark("日期"), FANG, 14, align="right")
