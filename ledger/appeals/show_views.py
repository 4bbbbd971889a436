"""One appeal's page: its facts, its clocks, its trail, and the acts that its reader may do now."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple, cast

from flask import Response, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import generate_csrf
from markupsafe import escape

from ledger import access

from ..catalogue.queries import Catalogue, catalogue
from ..catalogue.words import APPELLANT_TYPES, KINDS, SATISFACTION, SOLVED, URGENCIES
from ..config import SHANGHAI
from ..db import db, keyring, now, writing
from ..deadlines import clocks
from ..deadlines.limits import STAGES
from ..deadlines.queries import load_calendar
from ..deadlines.rhythm import ONCE, RHYTHMS
from ..firms.phones import mask
from ..people import drafts
from ..people.acting import current_actor
from ..people.actor import Actor
from ..people.directory import directory
from ..people.regions import region_name
from ..trail.models import ERASED
from ..web import NotFound, Refused, wants_fragment
from . import (
    acts,
    asked,
    beyond,
    cells,
    conflict,
    copy_acts,
    holding,
    instructions,
    lifecycle,
    outcomes,
    show_queries,
    sign_acts,
    signing,
    story,
    urging,
)
from . import leaf as leaves
from .act_forms import ActForm, RevealForm
from .acts import ACTS, Act, Drawing
from .assist_acts import PARTS
from .attachment_views import Taken
from .closing import WAYS
from .confer_forms import POINTS
from .instructed import told as told_instructions
from .intake import CORRECTABLE
from .joined_panel import joined_panel
from .leaf import Leaf, drafts_of, leaf
from .lifecycle import PATH, Facts
from .lines import time_words
from .models import Appeal
from .pages import blueprint
from .queries import find
from .standing import ANSWERS

HIDDEN = "保密"
SHORT_TRAIL = 8
"""Entries that stand open; older ones are folded away."""


# -- one appeal --------------------------------------------------------------------------------


def found(number: str, actor: Actor, at: datetime, *, lock: bool = False) -> Appeal:
    """The appeal, to be changed, through the reader's eyes. Raises NotFound, which never tells
    why."""
    appeal = find(number, actor, at, lock=lock) if _is_sane(number) else None
    if appeal is None:
        raise NotFound
    return appeal


def read(number: str, actor: Actor, at: datetime) -> Leaf:
    """The same, to be looked at."""
    appeal = leaf(number, actor, at) if _is_sane(number) else None
    if appeal is None:
        raise NotFound
    return appeal


def _is_sane(number: str) -> bool:
    """What no number can look like is not asked of the database: PostgreSQL refuses a NUL."""
    return number.isascii() and number.isprintable() and len(number) <= 40


@blueprint.get("/<number>")
def show(number: str) -> ResponseReturnValue:
    at, actor = now(), current_actor()
    appeal = read(number, actor, at)
    drawn = drawn_article(appeal, actor, at)
    return make_response(drawn) if wants_fragment() else _page(appeal, drawn)


class Drawn(str):
    """HTML that a template drew, words put in escaped."""

    __slots__ = ()

    def __html__(self) -> str:
        return str(self)


def _page(appeal: Leaf, drawn: Drawn) -> Response:
    return make_response(render_template("appeals/show.html", appeal=appeal, drawn=drawn))


@dataclass(frozen=True)
class Panel:
    """An act's form as it stands on the page."""

    act: Act
    form: ActForm | None
    """None where `body` is drawn already."""
    body: Drawn | str = ""
    version: int = 0
    is_open: bool = False
    """May be done now; what may not is shown only to give back what was typed."""
    refusal: str = ""
    changes: Sequence[str] = ()
    changed: Sequence[conflict.Changed] = ()
    """After a conflict: who did what since the form was drawn, and what differs by it."""
    note: str = ""
    """What keeps the words as a note is called; '' where none may be made."""
    taken: Sequence[Taken] = ()
    hints: Sequence[tuple[str, str]] = ()
    about: Sequence[str] = ()
    notes: Sequence[str] = ()
    """Sentences above the form: what one ought to know, and what one is warned of."""
    gives_back: bool = False
    """May not be done, but holds what was typed."""
    draft_at: datetime | None = None
    """When what stands in it was kept as a draft."""
    said: str = ""
    """What has just been done with what is typed."""
    preserved: bool = False
    """The browser has it already, with what is typed there, and keeps it."""

    @property
    def sizes(self) -> dict[str, str]:
        return SIZES

    @property
    def seen(self) -> str:
        """The version that the form was drawn from."""
        return str(self.version) if self.form is None else self.form.seen.data or ""

    @property
    def fields(self) -> list[Any]:
        return [] if self.form is None else list(self.form.shown())

    @property
    def main(self) -> list[Any]:
        aside = {*self.act.fold, *outcomes.PARTICULARS}
        return [f for f in self.fields if f.name not in aside]

    @property
    def particulars(self) -> list[tuple[outcomes.Group, list[Any]]]:
        """What the outcomes ask for, group by group."""
        there = {f.name: f for f in self.fields}
        return [
            (group, [there[one.name] for one in group.particulars])
            for group in outcomes.GROUPS
            if group.particulars[0].name in there
        ]

    @property
    def brings_account(self) -> bool:
        """Whether the reply may be begun with the account."""
        names = {f.name for f in self.fields}
        return {"account", "public_reply"} <= names

    @property
    def folded(self) -> list[Any]:
        return [f for f in self.fields if f.name in self.act.fold]

    @property
    def fold_open(self) -> bool:
        return any(f.errors for f in self.folded)


SIZES = {
    "category_id": "half",
    "unit_id": "half",
    "assist_due_at": "half",
    "urgency": "third",
    "kind": "third",
    "appellant_type": "third",
    "due_at": "half",
    "letter_number": "half",
    "planned_at": "half",
    "happened_at": "half",
    "handler_name": "half",
    "handler_phone": "half",
    "approver": "half",
    "signed_on": "half",
    "counterpart": "half",
    "counterpart_phone": "half",
    "reason_code": "",
    "hold_review_on": "half",
    "source": "half",
    "dated_on": "half",
    "leader_id": "half",
    "leader_name": "half",
    "reply_by": "half",
    "until": "half",
    **dict.fromkeys(
        ("document", "document_number", "checked_by", "checked_at", "referred_to", "referred_way",
         "referred_on", "next_review_on"),
        "half",
    ),
    "contact_name": "half",
    "phone": "half",
    "spot_name": "half",
    "spot_phone": "half",
    "route_from": "half",
    "route_to": "half",
    "goods": "half",
    "plates": "half",
    "uscc": "half",
    "place": "half",
    "industry": "half",
    "chain": "half",
    "complained_unit": "half",
    "confidential": "half",
    "cross_region": "half",
    "reached": "half",
    "contacted": "half",
    "solved": "half",
    "satisfaction": "half",
    "direction": "",
    "party": "half",
    "paper": "half",
    "sent_on": "half",
    "follow_on": "half",
    "replied_on": "half",
    "reply_number": "half",
    "leader": "half",
    "held_at": "half",
    "venue": "half",
    "done_on": "half",
    **{f"{name}_{place}": "half" for name in ("unit", "until") for place in range(1, POINTS + 1)},
}
"""How much of a row each field takes; all of it where none is named."""


def panel(
    act: Act,
    appeal: Appeal | Leaf,
    actor: Actor,
    at: datetime,
    *,
    form: ActForm | None = None,
    chosen: Mapping[str, str] | None = None,
    **more: Any,
) -> Panel:
    """The act's panel, with a fresh form where none is handed in; with what is `chosen` on it
    already."""
    drawing = Drawing(appeal, actor, at, chosen or {})
    more |= {"notes": act.warns(drawing), "about": act.about(drawing)}
    if form is None and not chosen and (draft := _draft(act, appeal, actor)) is not None:
        form = acts.form_of(act, drawing, typed=False, draft=draft.fields)
        more |= {"draft_at": draft.at}
    if form is None:
        like = None if chosen else act.depends(drawing)
        if like is not None:
            body = _kept_body(act, like, drawing)
            version = appeal.version
            return Panel(act, None, body=body, version=version, **more)
        form = acts.form_of(act, drawing, typed=False)
    return _filled(act, form, address(appeal.number), **more)


def _draft(act: Act, appeal: Appeal | Leaf, actor: Actor) -> drafts.Kept | None:
    if not isinstance(appeal, Leaf) or not appeal.has_drafts:
        return None
    return drafts.kept(actor.id, drafts_of(appeal.number, act.url))


ANY_NUMBER = "/appeals/-"
"""Stands for an appeal's address in what is drawn for all that are alike."""
MOST_BODIES = 200


def _kept_body(act: Act, like: tuple[Any, ...], drawing: Drawing) -> Drawn:
    """The fields of a fresh form: drawing them takes longer than all the rest of the page."""
    words = {name: said for name, said in act.words(drawing).items() if said}
    bodies: dict[Any, str] = directory().keep("bodies of forms", dict)
    key = (catalogue().mark, act.code, like, *words)
    found = bodies.get(key)
    if found is None:
        if len(bodies) >= MOST_BODIES:
            bodies.clear()
        form = acts.form_of(act, drawing, typed=False)
        for name in words:
            form[name].data = _PLACE.format(name)
        shown = _filled(act, form, ANY_NUMBER)
        found = bodies[key] = render_template("appeals/show/fields.html", opened=shown)
    found = found.replace(f'"{ANY_NUMBER}/', f'"{address(drawing.appeal.number)}/')
    parts = _PLACES.split(found)
    parts[1::2] = [escape(words[name]) for name in parts[1::2]]
    return Drawn("".join(parts))


_PLACE = "\x02{}\x03"
_PLACES = re.compile("\x02([a-z_]+)\x03")
"""Where the words of one appeal go; characters that no choice of a catalogue can hold."""


def _filled(act: Act, form: ActForm, at_address: str, **more: Any) -> Panel:
    if "category_id" in form and "unit_id" in form:
        # A category brings its usual lead along; without JavaScript the lead is chosen by hand.
        unit, assists = f"#{form['unit_id'].id}", f"#{form['assist_ids'].id}"
        form["category_id"].render_kw = {
            "hx-get": f"{at_address}/{act.url}",
            "hx-include": f"{unit}, {assists}",
            "hx-target": unit,
            "hx-select": unit,
            "hx-select-oob": assists,
            "hx-swap": "outerHTML",
            "hx-trigger": "change",
        }
    hints: list[tuple[str, str]] = []
    if "outcome" in form:
        hints = [(row.name, row.evidence) for row in catalogue().outcomes.values() if row.evidence
                 and not outcomes.proves_itself(row.code)]
    return Panel(act, form, hints=hints, **more)


def article(
    appeal: Leaf,
    actor: Actor,
    at: datetime,
    *,
    opened: Panel | None = None,
    keep: Sequence[str] = (),
    said: str = "",
    shown_numbers: dict[str, str] | None = None,
    reveal_form: RevealForm | None = None,
    around: Around | None = None,
    said_later: bool = False,
) -> dict[str, Any]:
    """What `_appeal.html` shows. `opened` is the panel that stands open in place of the next
    step's; `keep` are codes of panels that the browser keeps, with whatever is typed there.
    `said_later`: with a hole for each of what `_Article` puts in."""
    facts = appeal.facts(at)
    knows = appeal.knows
    book = catalogue()
    around = around or Around.of(appeal, actor, at)
    may_now = acts.open_to(appeal, facts, actor)
    first = acts.next_of(may_now, Drawing(appeal, actor, at))
    kept = [code for code in keep if opened is None or code != opened.act.code]
    if opened is None and first is not None:
        opened = panel(first, appeal, actor, at, is_open=True, preserved=first.code in kept)
    clock = appeal.main_clock()
    limits = [Limit.of(d) for d in appeal.deadlines if d.ended_at is None]
    times = _times(appeal, clock.sentence if clock else "", limits, at)
    if said_later:
        times = {name: _hole(name) for name in times}
        if opened is not None and opened.form is None:
            opened = replace(opened, body=_hole("body"))
    clocks_told = {d.id: _clock(d, times) for d in appeal.deadlines}
    phones = _phones(appeal, facts, actor, shown_numbers or {})
    persons = (appeal.registrar_id, appeal.caller_id, appeal.upholder_id, appeal.closer_id)
    names = show_queries.names_of_persons(persons)
    return {
        "appeal": appeal,
        "number": appeal.number,
        "address": address(appeal.number),
        "seen_at": at,
        "knows": knows,
        "hidden": HIDDEN,
        "tone": _tone(appeal),
        "time": times["time"],
        "due_sentence": clock.sentence if clock else "",
        "due_provisional": bool(clock and clock.provisional),
        "steps": steps_of(appeal),
        "urgency": URGENCIES[appeal.urgency],
        "urgency_tone": URGENCY_TONES.get(appeal.urgency, ""),
        "no_phone": "电话保密" if appeal.phone_given == "withheld" else "未留电话",
        "registrar": names.get(appeal.registrar_id, ""),
        "appellant_type": APPELLANT_TYPES[appeal.appellant_type],
        "sides": _facts(appeal, knows, book),
        "phones": phones,
        "reveal_form": reveal_form or _reveal_form(phones),
        "reveal_asked": reveal_form is not None,
        "assignments": _assignments(appeal, actor, clocks_told, book),
        "files": signing.files_of(appeal, actor),
        "holders": _holders(appeal, at),
        "copied_to": copy_acts.told(appeal),
        "clocks": _clocks(appeal, clocks_told),
        "supervision": urging.summed_up(appeal.urged, appeal.supervised, appeal.awaited),
        "calling": _calling(appeal, book, names),
        "letters": beyond.letters(appeal, at.astimezone(SHANGHAI).date()),
        "conferences": beyond.conferences(appeal, at.astimezone(SHANGHAI).date()),
        "coordination": beyond.coordination(appeal),
        "held": beyond.held(appeal, book),
        "raised_by": beyond.raised_by(appeal),
        "instructions": told_instructions(appeal) if appeal.readable else (),
        "trail": _hole("trail") if said_later else _drawn_trail(appeal, actor, book),
        "masters": around.masters,
        "merged": around.merged,
        "panel": joined_panel(appeal, around.joined, facts, actor),
        "linked": around.linked,
        "direct": _direct(appeal, book),
        "order_hint": _order_hint(appeal, facts, actor, at),
        "opened": opened,
        "others": [act for act in may_now if opened is None or act.code != opened.act.code],
        "first": first,
        "keep": kept,
        "barred": _barred(appeal, facts, actor, at),
        "waiting": _waiting(appeal, facts, actor) or sign_acts.waiting(appeal, facts, actor, at),
        "said": said,
    }


class Around(NamedTuple):
    """Other appeals that are named on its page."""

    masters: tuple[Any, ...]
    merged: tuple[Any, ...]
    joined: tuple[Any, ...]
    linked: tuple[Any, ...]

    @classmethod
    def of(cls, appeal: Leaf, actor: Actor, at: datetime) -> Around:
        return cls(
            tuple(show_queries.master_of(appeal, actor, at)),
            tuple(show_queries.merged_into(appeal, actor, at)),
            tuple(show_queries.joined_to(appeal, actor, at)),
            tuple(show_queries.linked_with(appeal, actor, at)),
        )


class Limit(NamedTuple):
    """A limit that runs."""

    id: int
    due_at: datetime
    warn_at: datetime
    spec: str
    sentence: str
    stage: str

    @classmethod
    def of(cls, deadline: leaves.Clock) -> Limit:
        given = deadline
        return cls(
            given.id, given.due_at, given.warn_at, given.spec, given.sentence, given.stage
        )


class _Article(NamedTuple):
    """An article with holes for what does not last: its time left and those of its limits, the
    fields of its form, the token that its forms are sent with, and the trail, which has a reader
    of its own for every order."""

    parts: list[str]
    """HTML, and at every other place the name of a hole."""
    opened: Act | None
    like: tuple[Any, ...]
    """What the form depends on."""
    due_sentence: str
    limits: list[Limit]


_SECRET = secrets.token_hex(8)
"""So that nobody can have typed the mark of a hole."""
_HOLES = re.compile(f"\x02{_SECRET} ([a-z0-9 ]+)\x03")


def _hole(name: str) -> Drawn:
    return Drawn(f"\x02{_SECRET} {name}\x03")


def drawn_article(appeal: Leaf, actor: Actor, at: datetime) -> Drawn:
    """The article as nobody has typed anything in it. An edition of an appeal looks the same to
    the same reader all day, but for its holes, for what is named around it, and for what turns
    on the hour."""
    day, around = at.astimezone(SHANGHAI).date(), Around.of(appeal, actor, at)
    book = catalogue()
    if appeal.has_drafts:
        context = article(appeal, actor, at, around=around)
        return Drawn(render_template("appeals/_appeal.html", **context))
    key = (actor, day, appeal.turning(at), around, directory().mark, book.mark)
    found = appeal.keep("articles", key, lambda: _article(appeal, actor, at, around))
    said: dict[str, str] = _times(appeal, found.due_sentence, found.limits, at)
    said["token"] = generate_csrf()
    said["trail"] = _drawn_trail(appeal, actor, book)
    if found.opened is not None:
        said["body"] = _kept_body(found.opened, found.like, Drawing(appeal, actor, at))
    parts = found.parts.copy()
    parts[1::2] = [said[name] for name in parts[1::2]]
    return Drawn("".join(parts))


def _article(appeal: Leaf, actor: Actor, at: datetime, around: Around) -> tuple[_Article, bool]:
    """Whether it lasts: a form with words of its own in it does not."""
    context = article(appeal, actor, at, around=around, said_later=True)
    opened: Panel | None = context["opened"]
    whole = opened is not None and opened.form is not None
    html = render_template("appeals/_appeal.html", **context)
    html = html.replace(generate_csrf(), _hole("token"))
    act = None if opened is None or whole else opened.act
    like = None if act is None else act.depends(Drawing(appeal, actor, at))
    limits = [Limit.of(d) for d in appeal.deadlines if d.ended_at is None]
    parts = _HOLES.split(html)
    return _Article(parts, act, like or (), context["due_sentence"], limits), not whole


def _times(
    appeal: Leaf, due_sentence: str, limits: Sequence[Limit], at: datetime
) -> dict[str, str]:
    """Every time left on the page: of the appeal, and of each limit in its list and beside its
    assignment."""
    calendar = load_calendar()
    words, light, _ = time_words(cast(Any, appeal), at, calendar)
    left = cells.time_left(words, light, due_sentence, whole=True) if words else ""
    said: dict[str, str] = {"time": Drawn(left)}
    for limit in limits:
        words = clocks.words(at, limit.due_at, limit.spec, calendar)
        light = clocks.light_of(at, limit.warn_at, limit.due_at)
        if light == "red" and limit.stage == "report":
            words = f"应报未报（{words}）"
        said[f"left {limit.id}"] = Drawn(cells.time_left(words, light, ""))
        said[f"left beside {limit.id}"] = Drawn(
            cells.time_left(words, light, limit.sentence, whole=True)
        )
    return said


URGENCY_TONES = {"urgent": "now", "critical": "bad"}


def _tone(appeal: Leaf) -> str:
    if appeal.undetermined:
        return "bad"
    if appeal.is_open:
        return "now"
    return "good" if appeal.closed_at is not None else "end"


def steps_of(appeal: Leaf) -> list[tuple[str, str]]:
    """The straight way, and how far along it the appeal is. A state is named for the last verb
    done, so the step after it is the one that is waited for."""
    order = [state for state, _ in PATH]
    stands = appeal.held_from or lifecycle.ON_PATH.get(appeal.state, appeal.state)
    if stands not in order:
        # An end beside the way: what was reached before it.
        reached = [appeal.registered_at, appeal.accepted_at, appeal.assigned_at,
                   appeal.answered_at, appeal.reviewed_at, appeal.confirmed_at]  # fmt: skip
        far = max(i for i, moment in enumerate(reached) if moment is not None)
        waiting = -1
    else:
        far = order.index(stands)
        waiting = far + 1
    return [
        (label, "done" if i <= far else "current" if i == waiting else "todo")
        for i, (_, label) in enumerate(PATH)
    ]


# -- facts -------------------------------------------------------------------------------------


Fact = tuple[str, Any]


def _facts(appeal: Leaf, knows: bool, book: Catalogue) -> list[Fact]:
    """What is known of the matter; only lines that say something, beside the few always wanted."""
    orders = "、".join(
        f"{order.source_system} {order.full_number}"
        for order in appeal.external_orders
        if order.is_theirs
    )
    before = "、".join(
        order.order_number
        for order in appeal.external_orders
        if order.source_system.startswith("opening:") and "无编号" not in order.order_number
    )
    route = " → ".join(part for part in (appeal.route_from, appeal.route_to) if part)
    stranded = ""
    if appeal.stranded:
        since = appeal.stranded_since
        stranded = f"是，自{clocks.shown(since)}起" if since else "是"
    always: list[Fact] = [
        ("诉求类别", book.category_name(appeal.category_id) or "未定"),
        ("诉求类型", KINDS[appeal.kind]),
        ("来源渠道", book.channel_name(appeal.channel)),
        ("所属地区", region_name(appeal.region_code) or region_name(appeal.office.region_code)),
    ]
    maybe: list[Fact] = [
        ("外部工单", orders),
        ("原台账编号", before),
        ("地点", appeal.place),
        ("车牌号", (appeal.plates if knows else HIDDEN) if appeal.plates else ""),
        ("起止地", route),
        ("货物", appeal.goods),
        ("车辆滞留", stranded),
        ("被反映单位", appeal.complained_unit),
        ("跨区域事项", "是" if appeal.cross_region else ""),
        ("所属行业", appeal.industry),
        ("所属产业链", appeal.chain),
        ("白名单企业", "是" if appeal.white_list else ""),
        ("统一代码", (appeal.uscc if knows else HIDDEN) if appeal.uscc else ""),
    ]
    return [*always, *(pair for pair in maybe if pair[1])]


@dataclass(frozen=True)
class Number:
    """A telephone number on the page. `how`: '' cannot be shown, 'once' by one click, 'reason'."""

    key: str
    which: str
    label: str
    name: str
    masked: str
    how: str
    whole: str = ""
    assignment: int | None = None


def reveals(facts: Facts, actor: Actor) -> str:
    """By what right a number is shown. Whoever deals with the appellant shows it at once: those
    who may put something to an open appeal, and those with an assignment in hand."""
    opened = replace(facts, state=ANY_OPEN)
    deals = lifecycle.may("contact", facts, actor) or lifecycle.may("supplement", opened, actor)
    if not deals and facts.state in lifecycle.ON_PATH:
        # What is handled with its master is in the hands of the master's units.
        shared = replace(facts, state=lifecycle.ON_PATH[facts.state], assignments=facts.shared)
        deals = lifecycle.may("contact", shared, actor)
    return "once" if deals else "reason"


ANY_OPEN = min(lifecycle.BY_CODE["supplement"].frm)


def _phones(appeal: Leaf, facts: Facts, actor: Actor, shown: dict[str, str]) -> dict[str, Number]:
    """The numbers on the page; those of the appellant only for whoever may know him."""
    found: dict[str, Number] = {}
    right = reveals(facts, actor)

    def add(which: str, label: str, name: str, number: str | None, held: int | None = None) -> None:
        key = which if held is None else f"{which}-{held}"
        how = right if number and number != ERASED else ""
        masked = ERASED if number == ERASED else mask(number or "")
        found[key] = Number(key, which, label, name, masked, how, shown.get(key, ""), held)

    if appeal.knows:
        add("contact", "联系电话", appeal.contact_name, appeal.phone)
        add("spot", "现场联系电话", appeal.spot_name, appeal.spot_phone)
    for one in appeal.assignments:
        add("handler", "经办人电话", one.handler_name, one.handler_phone, one.id)
    return found


def _reveal_form(phones: dict[str, Number]) -> RevealForm | None:
    asked = any(number.how == "reason" for number in phones.values())
    return RevealForm(formdata=None) if asked else None


def whole_number(appeal: Leaf, number: Number) -> str:
    if number.which == "contact":
        return appeal.phone
    if number.which == "spot":
        return appeal.spot_phone
    return next(a for a in appeal.assignments if a.id == number.assignment).handler_phone


# -- assignments and clocks --------------------------------------------------------------------


class Clock(NamedTuple):
    """A limit in words."""

    label: str
    unit: str
    due_at: datetime
    words: str
    """How it ended."""
    left: str
    left_beside: str
    """HTML: in the list of limits, and beside an assignment while it runs."""
    sentence: str
    provisional: bool
    running: bool

    original_due_at: datetime

    @property
    def due(self) -> str:
        return clocks.shown_end(self.due_at)

    @property
    def original_due(self) -> str:
        """Where it was moved since."""
        moved = self.original_due_at != self.due_at
        return clocks.shown_end(self.original_due_at) if moved else ""


def _clock(deadline: leaves.Clock, times: Mapping[str, str]) -> Clock:
    words = ""
    if deadline.ended_at is None:
        left, beside = times[f"left {deadline.id}"], times[f"left beside {deadline.id}"]
    else:
        late = deadline.ended_as == "met" and deadline.ended_at > deadline.due_at
        words = "超期完成" if late else ENDED.get(deadline.ended_as, "已终止")
        left, beside = Drawn(cells.time_left(words, "red" if late else "paused", "")), ""
    unit = deadline.assignment.unit.label if deadline.assignment is not None else ""
    return Clock(
        label=CLOCKS.get(deadline.stage, deadline.stage),
        unit=unit,
        due_at=deadline.due_at,
        words=words,
        left=left,
        left_beside=beside,
        sentence=deadline.sentence,
        provisional=deadline.provisional,
        running=deadline.ended_at is None,
        original_due_at=deadline.original_due_at,
    )


ENDED = {"met": "按时完成", "paused": "已暂停", "resumed": "已恢复另计", "lapsed": "已终止",
         "extended": "已延期另计"}  # fmt: skip
CLOCKS = {
    **STAGES,
    "hold_review": "挂账复核",
    "rule_return": "退单裁定",
    "rule_extension": "延期审批",
    "child": "转办反馈",
    "rule_child_return": "下级退单裁定",
    "rule_child_extension": "下级延期审批",
    "rule_hold": "挂账审批",
}


def _clocks(appeal: Leaf, told: Mapping[int, Clock]) -> dict[str, list[Clock]]:
    ordered = sorted(appeal.deadlines, key=lambda d: (d.due_at, d.id))
    return {
        "running": [told[d.id] for d in ordered if d.ended_at is None],
        "ended": [told[d.id] for d in ordered if d.ended_at is not None],
    }


class Handed(NamedTuple):
    """An assignment in words."""

    row: leaves.Handing
    part: str
    state: str
    tone: str
    answered: str
    due: str
    note: str
    """What its answer, the due time of that, and the words it was handed off with are called."""
    answer_clock: Clock | None
    outcome: str
    is_past: bool
    depth: int
    """How far below a lead or an assist it was passed on."""
    passed_on_by: str
    rhythm: str
    report: Clock | None
    """The next report that is due."""
    asked: Sequence[asked.Asked]
    tells: bool
    """Whether its answer is there to be read."""
    particulars: Sequence[Fact]


RELEASES = {
    "recalled": "收回",
    "merged": "合并",
    "withdrawn": "撤回",
    "return_upheld": "同意退单",
    "changed": "变更主办",
    "joined": "并案",
    "raised": "提请上级",
    "above": "上级交办件终止",
    "handed_back": "交回下级",
}


def _assignments(
    appeal: Leaf, actor: Actor, told: Mapping[int, Clock], book: Catalogue
) -> list[Handed]:
    """The lead first, then the assists; what is released, or of an earlier round, comes last and
    is folded away."""

    def is_past(row: leaves.Handing) -> bool:
        return row.state == "released" or (row.round < appeal.round and not row.is_open)

    rows = sorted(
        appeal.assignments,
        key=lambda a: (is_past(a), -a.round if is_past(a) else 0, a.part != "lead", a.id),
    )
    if any(row.parent_id is not None for row in rows):
        rows = _as_tree(rows, is_past)
    requests = asked.told(appeal, book)
    kept_back = signing.unread(appeal, actor)
    handed = []
    for row in rows:
        mine = [d for d in appeal.deadlines if d.assignment_id == row.id and d.stage in ANSWERS]
        last = max(mine, key=lambda d: (d.started_at, d.id), default=None)
        state = lifecycle.ASSIGNMENT_STATES[row.state]
        if released_for := RELEASES.get(row.release_reason):
            state = f"{state}（{released_for}）"
        handed.append(
            Handed(
                row=row,
                part=PARTS.get(row.part, row.part),
                depth=len(above := _above(appeal, row)),
                passed_on_by=above[0].unit.label if above else "",
                rhythm=RHYTHMS[row.rhythm] if row.rhythm != ONCE else "",
                report=next(
                    (told[d.id] for d in appeal.running("report") if d.assignment_id == row.id),
                    None,
                ),
                state=state,
                tone="now" if row.is_open else "end" if row.released_at else "good",
                answered={"assist": "协办反馈", "child": "转办反馈"}.get(row.part, "办结反馈"),
                due="应办结" if row.part == "lead" else "应反馈",
                note="重办原因"
                if any(d.stage == "rework" for d in mine)
                else {"child": "转办意见"}.get(row.part, "交办意见"),
                answer_clock=told[last.id] if last else None,
                outcome=book.outcome_name(row.outcome) if row.outcome else "",
                is_past=is_past(row),
                asked=requests.get(row.id, ()),
                tells=signing.tells_answer(row, kept_back),
                particulars=outcomes.told(row.particulars),
            )
        )
    return handed


def _as_tree(
    rows: list[leaves.Handing], is_past: Callable[[leaves.Handing], bool]
) -> list[leaves.Handing]:
    """What was passed on stands below what it was passed on from, where both still count."""
    below: dict[int, list[leaves.Handing]] = {}
    present = {row.id for row in rows if not is_past(row)}
    tops = []
    for row in rows:
        if row.parent_id in present and not is_past(row):
            below.setdefault(row.parent_id or 0, []).append(row)
        else:
            tops.append(row)

    def down(row: leaves.Handing) -> list[leaves.Handing]:
        return [row, *(one for child in below.get(row.id, ()) for one in down(child))]

    return [one for row in tops for one in down(row)]


def _above(appeal: Leaf, row: leaves.Handing) -> list[leaves.Handing]:
    """Whoever passed it on, and whoever passed it on to them."""
    found = []
    parent = appeal.parent_of(row) if row.parent_id is not None else None
    while parent is not None:
        found.append(parent)
        parent = appeal.parent_of(parent) if parent.parent_id is not None else None
    return found


def _direct(appeal: Leaf, book: Catalogue) -> list[Fact]:
    """The office's own answer, while it stands."""
    if not appeal.answered_directly or appeal.state == "accepted":
        return []
    answered = clocks.shown(appeal.answered_at) if appeal.answered_at else ""
    return [
        ("直接答复", answered),
        ("办理结果", book.outcome_name(appeal.outcome)),
        *outcomes.told(appeal.particulars),
        ("内部情况", appeal.account),
        ("对企业答复", appeal.public_reply),
        *([("佐证", appeal.evidence)] if appeal.evidence else []),
    ]


def _order_hint(appeal: Leaf, facts: Facts, actor: Actor, at: datetime) -> str:
    """For whoever could issue one: so many reworks call for a supervision order (design §5)."""
    if not appeal.suggests_order(at) or not lifecycle.may("order", facts, actor):
        return ""
    return f"本件已重办{appeal.reworks}次，建议发督办单。"


class Holder(NamedTuple):
    """Who has had it in hand, and how long, in words."""

    label: str
    words: str
    now: bool


def _holders(appeal: Leaf, at: datetime) -> list[Holder]:
    units = directory().units
    found = []
    for one in holding.holdings(appeal, ANSWERS, at):
        part = f"（{PARTS[one.part]}）" if one.part else ""
        found.append(Holder(f"{units[one.unit_id].label}{part}", one.words, one.now))
    return found


def _calling(appeal: Leaf, book: Catalogue, names: dict[int | None, str]) -> list[Fact]:
    """How the call-back went, and the second key."""
    # An earlier round's moment stays on the row when its result has been set aside.
    called = clocks.shown(appeal.called_at) if appeal.satisfaction and appeal.called_at else ""
    pairs: list[Fact] = [
        ("回访时间", called),
        ("回访人", names.get(appeal.caller_id, "")),
        ("承办单位是否联系", {True: "是", False: "否"}.get(cast(bool, appeal.contacted), "")),
        ("是否解决", SOLVED.get(appeal.solved, "")),
        ("是否满意", SATISFACTION.get(appeal.satisfaction, "")),
        ("未接通次数", f"{appeal.attempts}次" if appeal.attempts else ""),
        ("回访", "免回访（咨询件未抽中）" if appeal.call_exempt else ""),
        ("认定", book.reason_name("uphold", appeal.upheld_for) if appeal.upheld_for else ""),
        ("认定人", names.get(appeal.upholder_id, "")),
        ("告知企业", clocks.shown(appeal.told_at) if appeal.told_at else ""),
        ("销号时间", clocks.shown(appeal.closed_at) if appeal.closed_at else ""),
        ("销号人", names.get(appeal.closer_id, "")),
        ("注意", "销号人人事关系在承办单位" if appeal.closer_in_unit and appeal.closed_at else ""),
    ]
    return [pair for pair in pairs if pair[1]]


# -- the trail ---------------------------------------------------------------------------------


def _drawn_trail(appeal: Leaf, actor: Actor, book: Catalogue) -> Drawn:
    oldest_first = request.args.get("order") == "oldest"
    unread = signing.unread(appeal, actor)

    def draw() -> tuple[Drawn, bool]:
        told = trail(appeal, book, unread)
        html = render_template(
            "appeals/show/_trail.html",
            lines=told if oldest_first else told[::-1],
            oldest_first=oldest_first,
            short_trail=SHORT_TRAIL,
            address=address(appeal.number),
        )
        return Drawn(html), True

    key = (oldest_first, unread, directory().mark, book.mark, appeal.withheld)
    return appeal.keep("trails", key, draw)


def trail(appeal: Leaf, book: Catalogue, unread: frozenset[int]) -> list[story.Line]:
    """Its lines, first to last, as far as the reader may know; but for answers `unread` that are
    not signed."""
    return story.tell(_inks(appeal), _reader(appeal, book, unread))


def changed_since(appeal: Leaf, seen: int, book: Catalogue) -> list[conflict.Changed]:
    """What differs from the version that a form was drawn from, as far as the reader may know."""
    units = directory().units
    reader = _reader(appeal, book, frozenset())
    return conflict.changed(_inks(appeal), seen, reader, lambda unit_id: units[unit_id].name)


def _inks(appeal: Leaf) -> list[story.Ink]:
    return [
        # Of what he may not read not even a text is opened.
        _ink(entry, () if entry.seq in appeal.withheld else texts, appeal.knows)
        for entry, texts in appeal.entries
    ]


def _reader(appeal: Leaf, book: Catalogue, unread: frozenset[int]) -> story.Reader:
    units = {given.unit_id: given.unit.name for given in appeal.assignments}
    return story.Reader(
        names=book,
        fields=CORRECTABLE,
        ways=WAYS,
        knows_identity=appeal.knows,
        unit_name=lambda unit_id: units.get(unit_id, ""),
        unread=unread,
        withheld=appeal.withheld,
    )


def _ink(entry: Any, texts: Sequence[Any], knows: bool) -> story.Ink:
    return story.Ink(
        seq=entry.seq,
        at=entry.at,
        happened_at=entry.happened_at,
        form=entry.form,
        verb=entry.verb,
        from_state=entry.from_state,
        to_state=entry.to_state,
        round=entry.round,
        assignment_id=entry.assignment_id,
        actor_kind=entry.actor_kind,
        actor_name=entry.actor_name,
        post_unit=entry.post_unit,
        post_role=entry.post_role,
        on_behalf=entry.on_behalf,
        payload=entry.payload,
        texts={kept.place: _text(kept, knows) for kept in texts},
    )


def _text(kept: Any, knows: bool) -> story.Text:
    if kept.erased_by is not None:
        return story.Text(ERASED, erased=True)
    if kept.sealed is None:
        return story.Text(kept.body or "")
    # Not even deciphered for whoever may not know, nor where it is never told.
    place: str = kept.place
    if place.startswith(instructions.PLACES):
        return story.Text(keyring().decrypt(kept.sealed, f"entry_text.{place}"))
    told = knows or place.startswith("assignment.")
    if not told or place.rpartition(".")[2] in story.NEVER_TOLD:
        return story.Text("", personal=True)
    return story.Text(keyring().decrypt(kept.sealed, f"entry_text.{place}"), personal=True)


# -- who else ----------------------------------------------------------------------------------


NAMED = ("uphold", "close")
"""Acts kept for few: where one is waited for and this reader is not among them, the page says
who is (design §3, Two keys)."""


def _barred(appeal: Leaf, facts: Facts, actor: Actor, at: datetime) -> list[dict[str, Any]]:
    told = []
    for code in NAMED:
        verb = lifecycle.BY_CODE[code]
        if appeal.state not in verb.frm or (code == "uphold" and not appeal.undetermined):
            continue
        verdict = lifecycle.may(code, facts, actor)
        if verdict:
            continue
        reason = "" if verdict.reason == lifecycle.NOT_YOURS else verdict.reason
        who = show_queries.persons_who_may(code, facts, at)
        told.append({"label": verb.label, "reason": reason, "who": who})
    return told


def _waiting(appeal: Leaf, facts: Facts, actor: Actor) -> str:
    """Why a unit that is ready to cannot answer yet, since it waits for others; '' for everybody
    else."""
    code = "answer"
    above = {given.parent_id for given in appeal.assignments}
    for given in appeal.assignments:
        waits = given.id in above or (given is appeal.lead and bool(appeal.assists))
        if waits and given.state in lifecycle.BY_CODE[code].assignment:
            verdict = lifecycle.may(code, facts, actor, given.id)
            if verdict.status == 409:
                return verdict.reason
    return ""


# -- a number in full --------------------------------------------------------------------------


@blueprint.post("/<number>/phone")
def phone(number: str) -> ResponseReturnValue:
    """Show one whole number, once; the access log says who saw it and why."""
    at, actor = now(), current_actor()
    appeal = read(number, actor, at)
    numbers = _phones(appeal, appeal.facts(at), actor, {})
    form = RevealForm()
    wanted = form.which.data or ""
    if form.assignment.data:
        wanted = f"{wanted}-{form.assignment.data}"
    asked = numbers.get(wanted)
    if asked is None or not asked.how:
        raise Refused("按规定不能查看这个号码，需要联系诉求人的，请由热线或牵头办公室联系。")
    reason = "办理联系"
    if asked.how == "reason":
        if not form.validate():
            return _phone_again(appeal, actor, at, asked, form, 422)
        reason = form.reason.data or ""
    with writing() as moment:
        access.record("phone_read", f"{number} {asked.label}", reason, at=moment)
        db.session.commit()
    appeal = read(number, actor, at)
    return _phone_again(appeal, actor, at, replace(asked, whole=whole_number(appeal, asked)))


def _phone_again(
    appeal: Leaf,
    actor: Actor,
    at: datetime,
    asked: Number,
    form: RevealForm | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    # No redirect: the number must neither stand in an address nor be shown a second time.
    if wants_fragment():
        body = render_template(
            "appeals/show/number.html",
            phone=asked,
            address=address(appeal.number),
            reveal_form=form or RevealForm(formdata=None),
            reveal_asked=form is not None,
        )
        return body, status
    shown = {asked.key: asked.whole} if asked.whole else {}
    context = article(appeal, actor, at, shown_numbers=shown, reveal_form=form)
    return _page(appeal, Drawn(render_template("appeals/_appeal.html", **context))), status


def address(number: str) -> str:
    """Of its page; what is done there lies below."""
    return f"/appeals/{number}"


def loaded_panels() -> list[str]:
    """The panels that the browser has open and wants to keep."""
    return [code for code in request.form.getlist("loaded")[:40] if code in ACTS]
