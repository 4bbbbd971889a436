"""What can be done on an appeal's page: one table of acts, each a form and the verbs it runs.

Whether somebody may is asked of the lifecycle alone; here stands only how it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from ..catalogue.queries import catalogue
from ..config import SHANGHAI
from ..deadlines.calendar import DAY
from ..firms import names, phones
from ..people import queries as people
from ..people.actor import Actor
from ..people.directory import directory
from ..people.models import Unit
from ..web import Text, Tick
from . import act_forms as forms
from . import lifecycle, plates, reckoning
from .attachment_views import Taken, to_rows
from .intake import CORRECTABLE
from .leaf import Leaf
from .lifecycle import Facts, Verdict
from .models import Appeal, Attachment
from .queries import find
from .record import Invalid
from .show_queries import same_appellant_open


@dataclass
class Doing:
    """One act under way. `others` are further appeals that it names, loaded and locked."""

    appeal: Appeal
    form: Any
    by: Actor
    at: datetime
    seen: int | None = None
    taken: list[Taken] = field(default_factory=list)
    others: Mapping[str, Appeal] = field(default_factory=dict)

    def files(self) -> list[Attachment]:
        return to_rows(self.taken, self.by, self.at)

    @property
    def hand(self) -> dict[str, Any]:
        """Who and when, as every verb takes them."""
        return {"by": self.by, "at": self.at}

    @property
    def hand_seen(self) -> dict[str, Any]:
        return {**self.hand, "seen": self.seen}


@dataclass
class Drawing:
    """What a form is drawn from: the appeal, and whoever is going to fill it in."""

    appeal: Appeal | Leaf
    actor: Actor
    at: datetime
    chosen: Mapping[str, str] = field(default_factory=dict)
    """What is chosen already on the form that is being drawn anew."""


Run = Callable[[Doing], None]
Draw = Callable[[Any, Drawing], None]


def _nothing(_form: Any, _drawing: Drawing) -> None:
    return


Depends = Callable[[Drawing], tuple[Any, ...] | None]


def _on_nothing(_drawing: Drawing) -> tuple[Any, ...]:
    return ()


def _on_its_words(_drawing: Drawing) -> None:
    return None


def _no_words(_drawing: Drawing) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True)
class Act:
    """A row of the table.

    `offer` fills in the choices of a form, drawn or sent; `prefill` what stands in a fresh one.
    `verbs` are run in one commit. `hint` is a sentence above the form.
    """

    code: str
    label: str
    verbs: tuple[str, ...]
    form: type[forms.ActForm]
    run: Run
    offer: Draw = _nothing
    prefill: Draw = _nothing
    depends: Depends = _on_nothing
    """What of the appeal a fresh form shows, beside catalogue and directory: drawn once for all
    that are alike. None where it holds words in many fields."""

    words: Callable[[Drawing], Mapping[str, str]] = _no_words
    """The words in a fresh form that is drawn once: they are put in afterwards, and not kept."""

    done: str = ""
    hint: str = ""
    tone: str = "primary"
    fold: frozenset[str] = frozenset()
    """Fields that most never need: folded away, or for 签收 prefilled and out of the way."""

    at_once: bool = False
    """Needs no words: done by one click."""

    @property
    def url(self) -> str:
        return self.code.replace("_", "-")

    @property
    def is_note(self) -> bool:
        return all(lifecycle.BY_CODE[verb].note for verb in self.verbs)

    @property
    def done_words(self) -> str:
        return self.done or f"已{self.label}"


# -- who may -----------------------------------------------------------------------------------

AFTERWARDS: Mapping[str, str] = {"accept": "accepted", "review": "reviewed"}
"""Where a first verb leads, so that the table can be asked about the second beforehand."""


def may(act: Act, appeal: Appeal | Leaf, facts: Facts, actor: Actor) -> Verdict:
    """The table's answer for all the verbs of an act, one after the other."""
    verdict = Verdict(200)
    for verb in act.verbs:
        verdict = lifecycle.may(verb, facts, actor)
        if not verdict:
            return verdict
        facts = replace(facts, state=AFTERWARDS.get(verb, facts.state))
    if len(act.verbs) > 1 and "review" in act.verbs and not _goes_to_call_back(appeal):
        return Verdict(409, "本件审核后不进入回访，请使用“审核通过”。")
    return verdict


def _goes_to_call_back(appeal: Appeal | Leaf) -> bool:
    outcome = catalogue().outcomes.get(appeal.outcome)
    if outcome is not None and outcome.holds:
        return False
    return appeal.kind != "consult" or appeal.is_drawn


def open_to(appeal: Appeal | Leaf, facts: Facts, actor: Actor) -> list[Act]:
    """The acts this actor may do now, in the order of ACTS."""
    allowed = {verb.code for verb in lifecycle.verbs_open_to(facts, actor, _FIRST)}
    return [
        act
        for act in ACTS.values()
        if act.verbs[0] in allowed and (len(act.verbs) == 1 or may(act, appeal, facts, actor))
    ]


def next_of(acts: list[Act], appeal: Appeal | Leaf) -> Act | None:
    """The one that moves the appeal on; None where nothing waits for this actor."""
    codes = {act.code: act for act in acts}
    lead = appeal.lead
    wanted = list(NEXT)
    if lead is not None and lead.contacted_at is not None:
        wanted.remove("contact")
    if appeal.details_asked:
        wanted.append("supplement")
    if appeal.told_at is None:
        wanted.append("tell")
    if appeal.recurred_at is not None:
        wanted.append("reopen")
    return next((codes[code] for code in wanted if code in codes), None)


# -- forms -------------------------------------------------------------------------------------


def form_of(act: Act, drawing: Drawing, *, typed: bool) -> forms.ActForm:
    """The act's form: as sent where `typed`, else drawn afresh from the appeal.

    Several may stand on one page, so their fields' ids begin with the act's code.
    """
    form = act.form() if typed else act.form(formdata=None)
    for one in form:
        one.id = f"{act.code}-{one.name}"
        one.label.field_id = one.id
    act.offer(form, drawing)
    if not typed:
        act.prefill(form, drawing)
        form.seen.data = str(drawing.appeal.version)
    return form


def _offer_categories(form: Any, _drawing: Drawing) -> None:
    form.category_id.choices = dict(catalogue().category_choices())


def _prefill_acceptance(form: Any, drawing: Drawing) -> None:
    appeal = drawing.appeal
    form.category_id.data = str(appeal.category_id or "")
    form.urgency.data = appeal.urgency
    form.kind.data = appeal.kind
    offered = {str(choice.value) for choice in form.appellant_type.iter_choices()}
    form.appellant_type.data = appeal.appellant_type if appeal.appellant_type in offered else ""


def _offer_units(form: Any, drawing: Drawing) -> None:
    region = directory().units[drawing.appeal.office_id].region_code
    day = drawing.at.astimezone(SHANGHAI).date()
    form.unit_id.choices = directory().keep(
        ("units offered", region, day), lambda: _units_offered(region, day)
    )


def _units_offered(region: str, day: date) -> dict[str, list[tuple[str, str]]]:
    """Those of the owner's region that handle, who has somebody to sign first."""
    handles = lifecycle.BY_CODE["sign_for"]
    roles = {who.role for who in handles.by}
    staffed = people.staffed_units(day, roles)
    ready: list[tuple[str, str]] = []
    others: list[tuple[str, str]] = []
    for unit in directory().within([region], active_only=True):
        if unit.is_office and unit.region_code == region:
            continue
        row = (str(unit.id), unit.name)
        (ready if unit.id in staffed else others).append(row)
    return {"有经办人的单位": ready, "其他单位（尚无经办人）": others}


def usual_lead(drawing: Drawing) -> str:
    """The id of the unit that usually leads in the chosen category, '' for none."""
    named = drawing.chosen.get("category_id", "")
    wanted = int(named) if named.isdecimal() and len(named) < 18 else drawing.appeal.category_id
    found = catalogue().categories.get(wanted or 0)
    return str(found.default_lead_id or "") if found else ""


def _prefill_unit(form: Any, drawing: Drawing) -> None:
    """The category's usual lead; without one, whoever is chosen already."""
    offered = {str(choice.value) for choice in form.unit_id.iter_choices()}
    leads = (usual_lead(drawing), drawing.chosen.get("unit_id", ""))
    form.unit_id.data = next((lead for lead in leads if lead in offered), "")


def _on_kind(drawing: Drawing) -> tuple[Any, ...]:
    appeal = drawing.appeal
    return (appeal.category_id, appeal.urgency, appeal.kind, appeal.appellant_type)


def _on_units(drawing: Drawing) -> tuple[Any, ...]:
    appeal = drawing.appeal
    day = drawing.at.astimezone(SHANGHAI).date()
    return (appeal.category_id, appeal.office_id, day)


def _on_both(drawing: Drawing) -> tuple[Any, ...]:
    return _on_kind(drawing) + _on_units(drawing)


def _offer_both(form: Any, drawing: Drawing) -> None:
    _offer_categories(form, drawing)
    _offer_units(form, drawing)


def _prefill_both(form: Any, drawing: Drawing) -> None:
    _prefill_acceptance(form, drawing)
    _prefill_unit(form, drawing)


def _offer_reasons(kind: str) -> Draw:
    def offer(form: Any, _drawing: Drawing) -> None:
        form.reason_code.choices = dict(catalogue().reason_choices(kind))

    return offer


def _offer_versions(form: Any, drawing: Drawing) -> None:
    """Each with what it would come to: nobody reckons again without having seen it."""
    form.version.choices = reckoning.versions_offered(drawing.at)
    form.version.description = reckoning.effects(drawing.appeal, drawing.at)


def _offer_masters(form: Any, drawing: Drawing) -> None:
    found = same_appellant_open(drawing.appeal, drawing.actor, drawing.at)
    form.master_id.choices = {row.number: f"{row.label} {row.title}" for row in found}
    if not found:
        del form.master_id


def _prefill_signing(form: Any, drawing: Drawing) -> None:
    for name, words in _words_of_signing(drawing).items():
        form[name].data = words


def _words_of_signing(drawing: Drawing) -> Mapping[str, str]:
    phone = people.phone_of(drawing.actor.id)
    return {"handler_name": drawing.actor.name, "handler_phone": phone}


def _offer_outcomes(form: Any, _drawing: Drawing) -> None:
    form.outcome.choices = dict(catalogue().outcome_choices())


def _prefill_answer(form: Any, drawing: Drawing) -> None:
    """What was sent back is mended, not written anew."""
    lead = drawing.appeal.lead
    if lead is not None:
        form.outcome.data = lead.outcome
        form.account.data = lead.account
        form.public_reply.data = lead.public_reply
        form.evidence.data = lead.evidence


def _on_answer(drawing: Drawing) -> tuple[Any, ...] | None:
    lead = drawing.appeal.lead
    return () if lead is None or (lead.answered_at is None and not lead.account) else None


def _offer_review(form: Any, drawing: Drawing) -> None:
    outcome = catalogue().outcomes.get(drawing.appeal.outcome)
    if (outcome is None or not outcome.holds) and "hold_review_on" in form:
        del form.hold_review_on


def _on_review(drawing: Drawing) -> tuple[Any, ...]:
    outcome = catalogue().outcomes.get(drawing.appeal.outcome)
    holds = outcome is not None and outcome.holds
    return (holds, *_on_day(drawing))


def _words_of_review(drawing: Drawing) -> Mapping[str, str]:
    return {"public_reply": drawing.appeal.public_reply}


def _prefill_review(form: Any, drawing: Drawing) -> None:
    form.public_reply.data = drawing.appeal.public_reply
    if "hold_review_on" in form:
        form.hold_review_on.data = drawing.at.astimezone(SHANGHAI).date() + 15 * DAY


def _offer_resume(form: Any, drawing: Drawing) -> None:
    # Only what review itself put on hold can be settled from outside (design §3, resume).
    if drawing.appeal.held_from != "answered":
        del form.settled


def _on_hold(drawing: Drawing) -> tuple[Any, ...]:
    return (drawing.appeal.held_from,)


def _on_day(drawing: Drawing) -> tuple[Any, ...]:
    return (drawing.at.astimezone(SHANGHAI).date(),)


def _prefill_hold(form: Any, drawing: Drawing) -> None:
    form.hold_review_on.data = drawing.at.astimezone(SHANGHAI).date() + 15 * DAY


SECRET = ("phone", "spot_phone")
"""Never drawn: an empty box means that the number stays."""


def _prefill_correction(form: Any, drawing: Drawing) -> None:
    for name in CORRECTABLE:
        if name in SECRET:
            continue
        value = getattr(drawing.appeal, name)
        if not isinstance(form[name], Tick):
            value = "" if value is None else str(value)
        form[name].data = value


# -- what they do ------------------------------------------------------------------------------


def _happened(form: Any) -> datetime | None:
    found: datetime | None = form.happened_at.data
    return found


def _unit(form: Any) -> Unit:
    unit = people.unit(int(form.unit_id.data))
    if unit is None:
        raise Invalid("unit_id", "没有这个单位，请重新选择")
    return unit


def _supplement(do: Doing) -> None:
    do.appeal.supplement(
        do.form.words.data or "",
        attachments=do.files(),
        happened_at=_happened(do.form),
        **do.hand,
    )


def _attach(do: Doing) -> None:
    do.appeal.attach(do.files(), **do.hand)


def _ask_details(do: Doing) -> None:
    do.appeal.ask_details(do.form.question.data, **do.hand_seen)


def _accept(do: Doing) -> None:
    form = do.form
    do.appeal.accept(
        category_id=int(form.category_id.data),
        urgency=form.urgency.data,
        kind=form.kind.data,
        appellant_type=form.appellant_type.data,
        note=(form.note.data or "") if "note" in form else "",
        **do.hand_seen,
    )


def _assign(do: Doing) -> None:
    form = do.form
    do.appeal.assign(
        _unit(form),
        letter_number=form.letter_number.data or "",
        note=form.words.data or "",
        due_at=form.due_at.data,
        **do.hand_seen,
    )


def _accept_and_assign(do: Doing) -> None:
    _accept(do)
    # The form was checked against other hands by the first verb; the second follows our own.
    do.seen = None
    _assign(do)


def _endorse(do: Doing) -> None:
    do.appeal.endorse(note=do.form.note.data or "", **do.hand_seen)


def _set_due(do: Doing) -> None:
    do.appeal.set_due(do.form.due_at.data, do.form.reason.data, **do.hand_seen)


def _recompute(do: Doing) -> None:
    do.appeal.recompute(do.form.version.data, do.form.reason.data, **do.hand_seen)


def _decline(do: Doing) -> None:
    form = do.form
    if form.reason_code.data == "other" and not form.note.data:
        raise Invalid("note", "情形为“其他”的，请在“说明”中写明")
    do.appeal.decline(
        form.reason_code.data, form.told.data, note=form.note.data or "", **do.hand_seen
    )


def _merge(do: Doing) -> None:
    wanted = master_named(do.form)
    if not wanted:
        raise Invalid("master", "请选择主件，或填写主件编号")
    master = do.others.get(wanted)
    if master is None:
        raise Invalid("master", "没有这个编号的诉求，或您无权查看，请核对编号")
    do.appeal.merge(master, do.form.reason.data or "", **do.hand_seen)


def master_named(form: Any) -> str:
    """The number of the master that a merge names; a typed one counts before a chosen one."""
    chosen = form.master_id.data if "master_id" in form else ""
    return str(form.master.data or chosen or "")


def another(number: str, actor: Actor, at: datetime) -> Appeal | None:
    """A further appeal that an act names, if this actor may see it."""
    sane = number.isascii() and number.isprintable() and len(number) <= 40
    return find(number, actor, at) if sane else None


def _by_reason(verb: str) -> Run:
    def run(do: Doing) -> None:
        getattr(do.appeal, verb)(do.form.reason.data, **do.hand_seen)

    return run


def _sign_for(do: Doing) -> None:
    form = do.form
    do.appeal.sign_for(
        handler_name=form.handler_name.data or "",
        handler_phone=phones.normalise(form.handler_phone.data or "") or None,
        **do.hand_seen,
    )


def _contact(do: Doing) -> None:
    form = do.form
    do.appeal.contact(
        form.way.data, form.words.data, happened_at=_happened(form), **do.hand
    )


def _progress(do: Doing) -> None:
    form = do.form
    do.appeal.progress(
        form.words.data,
        planned_at=form.planned_at.data,
        attachments=do.files(),
        happened_at=_happened(form),
        **do.hand,
    )


def _answer(do: Doing) -> None:
    form = do.form
    do.appeal.answer(
        form.outcome.data,
        form.account.data,
        form.public_reply.data,
        evidence=form.evidence.data or "",
        attachments=do.files(),
        **do.hand_seen,
    )


def _send_back(do: Doing) -> None:
    form = do.form
    do.appeal.send_back(
        form.reason.data, reason_code=form.reason_code.data or "", **do.hand_seen
    )


def _review(do: Doing) -> None:
    form = do.form
    on = form.hold_review_on.data if "hold_review_on" in form else None
    do.appeal.review(
        note=form.note.data or "",
        public_reply=form.public_reply.data,
        hold_review_at=forms.end_of_day(on),
        **do.hand_seen,
    )


def _call_back(do: Doing) -> None:
    form = do.form
    if form.reached.data != "yes":
        do.appeal.attempt(form.way.data, form.words.data or "", **do.hand)
        return
    do.appeal.call_back(
        contacted=bool(form.contacted.answer),
        solved=form.solved.data,
        satisfaction=form.satisfaction.data,
        words=form.words.data or "",
        way=form.way.data,
        **do.hand_seen,
    )


def _review_and_call_back(do: Doing) -> None:
    if do.form.reached.data != "yes":
        raise Invalid("reached", "未接通的请先“审核通过”，再登记回访未接通")
    _review(do)
    do.seen = None
    _call_back(do)


def _attempt(do: Doing) -> None:
    form = do.form
    do.appeal.attempt(
        form.way.data, form.words.data or "", happened_at=_happened(form), **do.hand
    )


def _uphold(do: Doing) -> None:
    do.appeal.uphold(do.form.reason_code.data, do.form.basis.data, **do.hand_seen)


def _close(do: Doing) -> None:
    do.appeal.close(note=do.form.note.data or "", **do.hand_seen)


def _refuse_closing(do: Doing) -> None:
    do.appeal.refuse_closing(do.form.to.data, do.form.reason.data, **do.hand_seen)


def _tell(do: Doing) -> None:
    form = do.form
    do.appeal.tell(form.way.data, form.words.data or "", happened_at=_happened(form), **do.hand)


def _recur(do: Doing) -> None:
    do.appeal.recur(do.form.words.data, **do.hand)


def _withdraw(do: Doing) -> None:
    form = do.form
    do.appeal.withdraw(
        form.way.data, form.reason.data, said=form.said.data or "", **do.hand_seen
    )


def _hold(do: Doing) -> None:
    form = do.form
    review_at = forms.end_of_day(form.hold_review_on.data)
    do.appeal.hold(form.reason.data, review_at, **do.hand_seen)


def _resume(do: Doing) -> None:
    form = do.form
    settled = bool(form.settled.data) if "settled" in form else False
    do.appeal.resume(form.reason.data, settled=settled, **do.hand_seen)


def _correct(do: Doing) -> None:
    form = do.form
    changes: dict[str, object] = {}
    for name in CORRECTABLE:
        box = form[name]
        drawn = form.seen_version is not None if isinstance(box, Tick) else bool(box.raw_data)
        if not drawn and not box.data:
            continue  # was not on the form that was sent: stays
        changes[name] = _corrected(name, box)
    for name in SECRET:
        if not changes.get(name):
            changes.pop(name, None)
    do.appeal.correct(changes, form.reason.data, **do.hand_seen)


def _corrected(name: str, box: Any) -> object:
    """A field as the column holds it."""
    if isinstance(box, Tick):
        return bool(box.data)
    data = box.data or ""
    if name in SECRET:
        return phones.normalise(data) or None
    if name == "category_id":
        return int(data) if data else None
    if name == "plates":
        return " ".join(plates.read(data))
    if name == "uscc":
        return names.clean_uscc(data) or ""
    return data.strip() if isinstance(box, Text) else data


# -- the table ---------------------------------------------------------------------------------

_ROWS: tuple[Act, ...] = (
    Act("sign_for", "签收", ("sign_for",), forms.SignForm, _sign_for,
        prefill=_prefill_signing, words=_words_of_signing,
        fold=frozenset({"handler_name", "handler_phone"}), at_once=True),
    Act("accept_and_assign", "受理并交办", ("accept", "assign"), forms.AcceptAndAssignForm,
        _accept_and_assign, offer=_offer_both, prefill=_prefill_both, depends=_on_both,
        fold=frozenset({"due_at", "letter_number"})),
    Act("accept", "受理", ("accept",), forms.AcceptForm, _accept,
        offer=_offer_categories, prefill=_prefill_acceptance, depends=_on_kind),
    Act("assign", "交办", ("assign",), forms.AssignForm, _assign,
        offer=_offer_units, prefill=_prefill_unit, depends=_on_units),
    Act("endorse", "追认", ("endorse",), forms.EndorseForm, _endorse,
        hint="值班员受理并交办的特急诉求，由办公室追认；交办不当的，请收回后另行交办。",
        fold=frozenset({"note"}), at_once=True),
    Act("contact", "联系企业", ("contact",), forms.ContactForm, _contact, done="已记录联系情况"),
    Act("progress", "阶段反馈", ("progress",), forms.ProgressForm, _progress,
        done="已提交阶段反馈", fold=frozenset({"happened_at"})),
    Act("answer", "办结反馈", ("answer",), forms.AnswerForm, _answer,
        offer=_offer_outcomes, prefill=_prefill_answer, depends=_on_answer,
        done="已提交办结反馈，待办公室审核"),
    Act("review", "审核通过", ("review",), forms.ReviewForm, _review,
        offer=_offer_review, prefill=_prefill_review, depends=_on_review,
        words=_words_of_review),
    Act("review_and_call_back", "审核通过并回访", ("review", "call_back"),
        forms.ReviewAndCallBackForm, _review_and_call_back,
        prefill=_prefill_review, words=_words_of_review, done="已审核并回访",
        fold=frozenset({"public_reply", "note"})),
    Act("send_back", "退回重报", ("send_back",), forms.SendBackForm, _send_back,
        offer=_offer_reasons("send_back"), tone="danger"),
    Act("call_back", "回访", ("call_back",), forms.CallBackForm, _call_back,
        done="已登记回访情况"),
    Act("attempt", "回访未接通", ("attempt",), forms.AttemptForm, _attempt,
        done="已登记回访未接通"),
    Act("uphold", "认定", ("uphold",), forms.UpholdForm, _uphold,
        offer=_offer_reasons("uphold")),
    Act("close", "销号", ("close",), forms.CloseForm, _close,
        hint="请核对办理结果、对企业的答复和回访情况后销号。",
        fold=frozenset({"note"}), at_once=True),
    Act("refuse_closing", "不予销号", ("refuse_closing",), forms.RefuseForm, _refuse_closing,
        done="已退回，不予销号", tone="danger"),
    Act("tell", "告知企业", ("tell",), forms.TellForm, _tell, done="已记录告知情况"),
    Act("resume", "恢复办理", ("resume",), forms.ResumeForm, _resume, offer=_offer_resume,
        depends=_on_hold),
    Act("reopen", "撤销销号", ("reopen",), forms.ReasonForm, _by_reason("reopen"),
        done="已重新受理，待交办", tone="danger"),
    Act("recur", "再次反映", ("recur",), forms.RecurForm, _recur,
        done="已记录，提请办公室撤销销号"),
    Act("supplement", "补充", ("supplement",), forms.SupplementForm, _supplement,
        fold=frozenset({"happened_at"})),
    Act("attach", "上传附件", ("attach",), forms.AttachForm, _attach),
    Act("ask_details", "请补充", ("ask_details",), forms.AskDetailsForm, _ask_details,
        done="已提出补充要求", hint="提出后列入登记人、联络员的“待我补充”。"),
    Act("correct", "更正", ("correct",), forms.CorrectForm, _correct,
        offer=_offer_categories, prefill=_prefill_correction, depends=_on_its_words,
        hint="只改需要更正的栏目；原内容留在办理记录中。"),
    Act("set_due", "核定时限", ("set_due",), forms.SetDueForm, _set_due,
        done="已核定时限", hint="原时限和新时限都留在办理记录中；期初导入的，核定后开始提醒。"),
    Act("recompute", "重算时限", ("recompute",), forms.RecomputeForm, _recompute,
        offer=_offer_versions, depends=_on_its_words, done="已重算时限",
        hint="时限表或工作日历变化后，已经起算的时限不会自动改变；重算后新旧时限都留在办理记录中。"
        "由办公室核定、退回或恢复后续用的时限不重算，需要调整的请用“核定时限”。"),
    Act("unmerge", "撤销合并", ("unmerge",), forms.ReasonForm, _by_reason("unmerge"),
        hint="原已解除的交办不恢复。"),
    Act("hold", "挂账跟踪", ("hold",), forms.HoldForm, _hold, prefill=_prefill_hold,
        depends=_on_day, done="已转入挂账跟踪", hint="挂账期间各项时限暂停。"),
    Act("recall", "收回", ("recall",), forms.ReasonForm, _by_reason("recall"), tone="danger"),
    Act("merge", "合并", ("merge",), forms.MergeForm, _merge, offer=_offer_masters,
        depends=_on_its_words, tone="danger",
        hint="同一诉求主体反映同一事项的，并到主件办理；本件编号仍可查询。"),
    Act("decline", "不予受理", ("decline",), forms.DeclineForm, _decline,
        offer=_offer_reasons("decline"), done="已登记不予受理", tone="danger"),
    Act("withdraw", "撤回", ("withdraw",), forms.WithdrawForm, _withdraw, tone="danger"),
)  # fmt: skip

ACTS: Mapping[str, Act] = {act.code: act for act in _ROWS}
BY_URL: Mapping[str, Act] = {act.url: act for act in _ROWS}
_FIRST = frozenset(act.verbs[0] for act in _ROWS)

NEXT = (
    "sign_for",
    "accept_and_assign",
    "accept",
    "assign",
    "contact",
    "answer",
    "review",
    "uphold",
    "call_back",
    "close",
    "resume",
    "endorse",
)
"""Acts that move an appeal on, in the order in which they are wanted."""
