"""打印与文书: an appeal's papers as print pages and as Word files."""

from __future__ import annotations

from datetime import datetime
from io import BytesIO

from flask import Blueprint, Flask, Response, render_template
from flask.typing import ResponseReturnValue
from jinja2 import TemplateError

from .. import access
from ..appeals.leaf import Leaf
from ..appeals.show_views import read
from ..db import config, db, now, writing
from ..people.acting import current_actor
from ..people.directory import UnitRow
from ..supervision.views import paper_address
from ..web import Conflict, NotFound, as_download, see_other, wants_fragment
from . import paper_docx, paper_facts
from .paper_facts import Offered, Sheet
from .paper_kinds import PAPERS
from .paper_models import Letterhead

blueprint = Blueprint("papers", __name__, url_prefix="/reports/papers")
HOME = "/reports/papers/"
CODES = ", ".join(code for code, paper in PAPERS.items() if paper.subject != "list")

_NO_PAPER = "没有这份文书，或您无权查看。"


def init_app(app: Flask) -> None:
    app.register_blueprint(blueprint)


def address(number: str) -> str:
    return f"{HOME}appeals/{number}"


# -- of one appeal -----------------------------------------------------------------------------


@blueprint.get("/appeals/<number>")
def of_appeal(number: str) -> ResponseReturnValue:
    """The panel on an appeal's page; a page of its own without JavaScript."""
    at, actor = now(), current_actor()
    appeal = read(number, actor, at)
    issued = paper_facts.issued_of(appeal)
    listed = [
        office
        for office in paper_facts.listed_offices(actor)
        if office.id == appeal.office_id and appeal.state == "confirmed"
    ]
    context = {
        "appeal": appeal,
        "address": address(number),
        "papers": [(one, _print_url(appeal, one)) for one in paper_facts.offered(appeal, issued)],
        "lists": [(office, _list_url(office)) for office in listed],
        "hidden": appeal.confidential,
    }
    name = "_papers.html" if wants_fragment() else "papers.html"
    return render_template(f"reports/{name}", **context)


def _print_url(appeal: Leaf, one: Offered) -> str:
    if one.paper.subject == "supervision":
        return f"{paper_address(one.subject)}/print"
    return f"{address(appeal.number)}/{one.key}"


@blueprint.get(f"/appeals/<number>/<any({CODES}):code>/<int:subject>")
def printed(number: str, code: str, subject: int) -> ResponseReturnValue:
    at = now()
    appeal, one, made = _drawn_up(number, code, subject, at)
    if one.paper.subject == "supervision":
        return see_other(_print_url(appeal, one))
    _note(made, number)
    return _page(made, back=f"/appeals/{number}", here=f"{address(number)}/{one.key}", of=appeal)


@blueprint.get(f"/appeals/<number>/<any({CODES}):code>/<int:subject>/docx")
def as_word(number: str, code: str, subject: int) -> ResponseReturnValue:
    at = now()
    appeal, _, made = _drawn_up(number, code, subject, at)
    response = _word(made, qr_target(appeal.number))
    _note(made, number, "Word文档")
    return response


def _drawn_up(number: str, code: str, subject: int, at: datetime) -> tuple[Leaf, Offered, Sheet]:
    appeal = read(number, current_actor(), at)
    issued = paper_facts.issued_of(appeal)
    wanted = f"{code}/{subject}"
    one = next((o for o in paper_facts.offered(appeal, issued) if o.key == wanted), None)
    if one is None:
        raise NotFound(_NO_PAPER)
    return appeal, one, paper_facts.sheet(appeal, one, issued, at)


@blueprint.get("/appeals/<number>/qr.svg")
def qr(number: str) -> Response:
    """The code that opens the appeal; the paper that shows it is for whoever sees that."""
    appeal = read(number, current_actor(), now())
    target = qr_target(appeal.number)
    if not target:
        raise NotFound("没有配置系统网址，不生成二维码。")
    return Response(paper_docx.qr_svg(target), mimetype="image/svg+xml")


def qr_target(number: str) -> str:
    """'' where nobody has said by which address the ledger is reached."""
    base = config().public_url
    return f"{base}/appeals/{number}" if base else ""


def _page(made: Sheet, *, back: str, here: str, of: Leaf | None) -> str:
    shown = bool(of is not None and config().public_url)
    return render_template(
        "reports/paper.html",
        sheet=made,
        back=back,
        word=f"{here}/docx",
        qr=f"{address(of.number)}/qr.svg" if shown and of is not None else "",
    )


def _word(made: Sheet, target: str) -> Response:
    office = made.signing_unit
    own = Letterhead.of(office.id, made.paper.head) if office is not None else None
    letterhead = own.content if own else paper_docx.built_in(made.paper, made.is_dense)
    try:
        content = paper_docx.fill(letterhead, made, target)
    except TemplateError as error:
        raise Conflict(
            f"{made.paper.name}的模板里有已经不用的字段，请由交办员或系统管理员重新上传模板。"
        ) from error
    name = f"{made.paper.name}-{made.label}.docx"
    return as_download(BytesIO(content), name=name, mimetype=paper_docx.MEDIA_TYPE)


def _note(made: Sheet, subject: str, how: str = "打印页") -> None:
    """Into the access log, where somebody is named on it."""
    if not made.names_persons:
        return
    with writing() as at:
        access.record("paper_printed", f"{subject} {made.paper.name}", how, at=at)
        db.session.commit()


# -- 拟销号清单 ---------------------------------------------------------------------------------


def _list_url(office: UnitRow) -> str:
    return f"{HOME}closing-list/{office.id}"


@blueprint.get("/closing-list/<int:office_id>")
def closing_list(office_id: int) -> ResponseReturnValue:
    made, office = _listed(office_id)
    _note(made, office.code)
    back = f"/appeals/?state=confirmed&office_id={office_id}"
    return _page(made, back=back, here=_list_url(office), of=None)


@blueprint.get("/closing-list/<int:office_id>/docx")
def closing_list_word(office_id: int) -> ResponseReturnValue:
    made, office = _listed(office_id)
    response = _word(made, "")
    _note(made, office.code, "Word文档")
    return response


def _listed(office_id: int) -> tuple[Sheet, UnitRow]:
    actor, at = current_actor(), now()
    office = next((o for o in paper_facts.listed_offices(actor) if o.id == office_id), None)
    if office is None:
        raise NotFound("没有这个牵头办公室，或您无权查看它的拟销号清单。")
    return paper_facts.closing_list(actor, office, at), office
