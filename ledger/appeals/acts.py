"""What can be done on an appeal's page: one table of acts, each a form and the verbs it runs.

Whether somebody may is asked of the lifecycle alone; here stands only how it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from wtforms.fields.core import UnboundField

from ..catalogue.queries import catalogue
from ..config import SHANGHAI
from ..deadlines.calendar import end_of
from ..firms import names, phones
from ..people import queries as people
from ..people.actor import Actor
from ..people.models import Unit
from ..web import LongText, Text, Tick
from . import act_forms as forms
from . import (
    asked,
    assist_acts,
    behalf_acts,
    behalf_forms,
    confer_acts,
    confer_forms,
    copy_acts,
    instruct_acts,
    join_acts,
    join_forms,
    judging_acts,
    lifecycle,
    order_acts,
    outcome_acts,
    outcome_forms,
    outside_acts,
    outside_forms,
    plates,
    reckoning,
    return_acts,
    sign_acts,
    sign_forms,
    sub_unit_acts,
    sub_unit_forms,
    unit_choices,
)
from .attachment_views import Taken, to_rows
from .instruct_forms import InstructForm, ReplyInstructionForm
from .intake import CORRECTABLE
from .leaf import Leaf
from .lifecycle import Facts, Verdict
from .models import Appeal, Attachment
from .queries import find, numbers_meant
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

    @cached_property
    def facts(self) -> Facts:
        """What the table of acts knows for whoever is going to fill it in."""
        return self.appeal.facts(self.at, self.actor)


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


def _nothing_said(_drawing: Drawing) -> Sequence[str]:
    return ()


def _no_others(_form: Any, _appeal: Appeal) -> Sequence[str]:
    return ()


def _whoever_may(_appeal: Appeal | Leaf, _actor: Actor) -> str:
    return ""


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

    about: Callable[[Drawing], Sequence[str]] = _nothing_said
    """What somebody ought to know of this appeal before he fills in the form."""

    warns: Callable[[Drawing], Sequence[str]] = _nothing_said
    none_for: Callable[[Appeal | Leaf, Actor], str] = _whoever_may
    """Of a verb that several acts do: why this one is not for him; '' where it is."""

    done: str = ""
    hint: str = ""
    tone: str = "primary"
    fold: frozenset[str] = frozenset()
    """Fields that most never need: folded away, or for 签收 prefilled and out of the way."""

    fold_words: str = ""
    """What is folded away, in a word; without one the fields are named."""

    at_once: bool = False
    """Needs no words: done by one click."""

    on_behalf: bool = False
    """For a unit that works offline, and not in one's own right."""

    names: Callable[[Any, Appeal], Sequence[str]] = _no_others
    """Numbers of the further appeals that a form which was sent names: locked with the first."""

    @property
    def url(self) -> str:
        return self.code.replace("_", "-")

    @property
    def is_note(self) -> bool:
        return all(lifecycle.BY_CODE[verb].note for verb in self.verbs)

    @cached_property
    def keeps_drafts(self) -> bool:
        """Whether there is anything to write in its form."""
        fields = (getattr(self.form, name) for name in dir(self.form))
        kinds = [f.field_class for f in fields if isinstance(f, UnboundField)]
        return any(issubclass(kind, LongText) for kind in kinds)

    @property
    def done_words(self) -> str:
        return self.done or f"已{self.label}"


# -- who may -----------------------------------------------------------------------------------

AFTERWARDS: Mapping[str, str] = {"accept": "accepted", "review": "reviewed"}
"""Where a first verb leads, so that the table can be asked about the second beforehand."""


def may(
    act: Act, appeal: Appeal | Leaf, facts: Facts, actor: Actor, hand: int | None = None
) -> Verdict:
    """The table's answer for all the verbs of an act, one after the other; for the assignment
    `hand` where one is chosen."""
    verdict = Verdict(200)
    for verb in act.verbs:
        verdict = lifecycle.may(verb, facts, actor, hand, on_behalf=act.on_behalf)
        if not verdict:
            return verdict
        facts = replace(facts, state=AFTERWARDS.get(verb, facts.state))
    if none := act.none_for(appeal, actor):
        return Verdict(403, none)
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
    allowed = {
        (verb.code, on_behalf)
        for on_behalf in (False, True)
        for verb in lifecycle.verbs_open_to(facts, actor, _FIRST, on_behalf=on_behalf)
    }
    return [
        act
        for act in ACTS.values()
        if (act.verbs[0], act.on_behalf) in allowed
        and not act.none_for(appeal, actor)
        and (len(act.verbs) == 1 or may(act, appeal, facts, actor))
    ]


def next_of(acts: list[Act], drawing: Drawing) -> Act | None:
    """The one that moves the appeal on; None where nothing waits for this actor."""
    codes = {act.code: act for act in acts}
    appeal = drawing.appeal
    wanted = list(NEXT)
    mine = assist_acts.hand_of("contact", drawing) if "contact" in codes else None
    if mine is not None and mine.contacted_at is not None:
        wanted.remove("contact")
    if appeal.details_asked:
        wanted.append("supplement")
    if appeal.told_at is None:
        wanted.append("tell")
    if appeal.rework_suggested_at is not None:
        wanted.append("answer_suggestion")
    if appeal.recurred_at is not None:
        wanted.append("reopen")
    return next((codes[code] for code in wanted if code in codes), None)


# -- forms -------------------------------------------------------------------------------------


def form_of(
    act: Act, drawing: Drawing, *, typed: bool, draft: Mapping[str, str] | None = None
) -> forms.ActForm:
    """The act's form: as sent where `typed`, as kept where there is a `draft`, else drawn afresh
    from the appeal.

    Several may stand on one page, so their fields' ids begin with the act's code.
    """
    form = act.form() if typed else act.form(formdata=draft)
    for one in form:
        one.id = f"{act.code}-{one.name}"
        one.label.field_id = one.id
    act.offer(form, drawing)
    if not typed:
        if draft is None:
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


def _offer_successors(form: Any, drawing: Drawing) -> None:
    """Whoever may be handed it, but for the unit that wants to be rid of it."""
    unit_choices.offer_units(form, drawing)
    asking = {str(one.unit_id) for one in drawing.appeal.assignments if one.state == "contested"}
    offered: dict[str, list[tuple[str, str]]] = form.unit_id.choices
    form.unit_id.choices = {
        name: [row for row in rows if row[0] not in asking] for name, rows in offered.items()
    }
    confer_acts.offer_conferences(form, drawing)


def _on_kind(drawing: Drawing) -> tuple[Any, ...]:
    appeal = drawing.appeal
    return (appeal.category_id, appeal.urgency, appeal.kind, appeal.appellant_type)


def _on_successors(drawing: Drawing) -> tuple[Any, ...]:
    asking = tuple(one.id for one in drawing.appeal.assignments if one.state == "contested")
    studied = confer_acts.on_conferences(drawing)
    return (drawing.appeal.lead_unit_id, asking, studied, *unit_choices.on_units(drawing))


def _on_both(drawing: Drawing) -> tuple[Any, ...]:
    return _on_kind(drawing) + _on_hand_off(drawing)


def _offer_both(form: Any, drawing: Drawing) -> None:
    _offer_categories(form, drawing)
    _offer_hand_off(form, drawing)


def _offer_hand_off(form: Any, drawing: Drawing) -> None:
    unit_choices.offer_units(form, drawing)
    copy_acts.offer_readers_along(form, drawing)


def _on_hand_off(drawing: Drawing) -> tuple[Any, ...]:
    return unit_choices.on_units(drawing) + copy_acts.on_readers(drawing)


def _prefill_both(form: Any, drawing: Drawing) -> None:
    _prefill_acceptance(form, drawing)
    unit_choices.prefill_unit(form, drawing)


def _offer_reasons(kind: str) -> Draw:
    def offer(form: Any, _drawing: Drawing) -> None:
        form.reason_code.choices = dict(catalogue().reason_choices(kind))

    return offer


def _offer_asking(kind: str) -> Draw:
    reasons, hand = _offer_reasons(kind), assist_acts.offer_hand(f"ask_{kind}")

    def offer(form: Any, drawing: Drawing) -> None:
        reasons(form, drawing)
        hand(form, drawing)

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


def _about_relay(drawing: Drawing) -> Sequence[str]:
    asked = drawing.appeal.details_question if drawing.appeal.details_asked else ""
    return [f"需要向诉求人了解：{asked}"] if asked else []


def _warn_before_contact(drawing: Drawing) -> Sequence[str]:
    mine = assist_acts.hand_of("answer", drawing)
    if mine is None or mine.contacted_at is not None:
        return ()
    if not lifecycle.knows_appellant(drawing.facts, drawing.actor):
        return ("热线或办公室尚未代为联系诉求人；需要了解的，请用“请补充”提出。",)
    return ("尚未记录联系企业的情况，请先联系企业并登记“联系企业”。",)


def _about_review(drawing: Drawing) -> Sequence[str]:
    return [*outcome_acts.about_remainder(drawing), *join_acts.about_review(drawing)]


def _about_answer(drawing: Drawing) -> Sequence[str]:
    return [*sign_acts.about_answer(drawing), *sub_unit_acts.tell_answers(drawing)]


def _offer_review(form: Any, drawing: Drawing) -> None:
    outcome = catalogue().outcomes.get(drawing.appeal.outcome)
    if (outcome is None or not outcome.holds) and "hold_review_on" in form:
        del form.hold_review_on
    if not outcome_acts.about_remainder(drawing):
        del form.remainder


def _on_review(drawing: Drawing) -> tuple[Any, ...]:
    outcome = catalogue().outcomes.get(drawing.appeal.outcome)
    holds = outcome is not None and outcome.holds
    left = bool(outcome_acts.about_remainder(drawing))
    return (holds, left, outcome_acts.review_day(drawing) if holds else None)


def _words_of_review(drawing: Drawing) -> Mapping[str, str]:
    return {"public_reply": drawing.appeal.public_reply}


def _prefill_review(form: Any, drawing: Drawing) -> None:
    form.public_reply.data = drawing.appeal.public_reply
    if "remainder" in form:
        form.remainder.data = True
    if "hold_review_on" in form:
        form.hold_review_on.data = outcome_acts.review_day(drawing)


def _offer_resume(form: Any, drawing: Drawing) -> None:
    # Only what review itself put on hold can be settled from outside (design §3, resume).
    if drawing.appeal.held_from != "answered":
        del form.settled


def _on_hold(drawing: Drawing) -> tuple[Any, ...]:
    return (drawing.appeal.held_from,)


def _on_day(drawing: Drawing) -> tuple[Any, ...]:
    return (drawing.at.astimezone(SHANGHAI).date(),)


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
        assists=assist_acts.units_of(form),
        assist_due_at=form.assist_due_at.data,
        rhythm=form.rhythm.data,
        readers=copy_acts.readers_of(form),
        **do.hand_seen,
    )


def _change_lead(do: Doing) -> None:
    form = do.form
    do.appeal.change_lead(
        _unit(form),
        form.reason.data,
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
    form = do.form
    assist = assist_acts.clock_of(form)
    do.appeal.set_due(form.due_at.data, form.reason.data, assist=assist, **do.hand_seen)


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


def _names_master(form: Any, _appeal: Appeal) -> Sequence[str]:
    return [master_named(form)]


def another(number: str, actor: Actor, at: datetime) -> Appeal | None:
    """A further appeal that an act names, by its whole number or as it is read aloud, if this
    actor may see it."""
    sane = number.isascii() and number.isprintable() and len(number) <= 40
    found = find(number, actor, at) if sane else None
    if found is None and len(meant := numbers_meant(number, actor, at)) == 1:
        found = find(meant[0][0], actor, at)
    return found


def _by_reason(verb: str) -> Run:
    def run(do: Doing) -> None:
        getattr(do.appeal, verb)(do.form.reason.data, **do.hand_seen)

    return run


def _reopen(do: Doing) -> None:
    form = do.form
    do.appeal.reopen(form.reason.data, reason_code=form.reason_code.data, **do.hand_seen)


def _sign_for(do: Doing) -> None:
    form = do.form
    do.appeal.sign_for(
        handler_name=form.handler_name.data or "",
        handler_phone=phones.normalise(form.handler_phone.data or "") or None,
        hand=assist_acts.hand(form),
        **do.hand_seen,
    )


def _contact(do: Doing) -> None:
    form = do.form
    do.appeal.contact(
        form.way.data,
        form.words.data,
        happened_at=_happened(form),
        hand=assist_acts.hand(form),
        **do.hand,
    )


def _relay(do: Doing) -> None:
    form = do.form
    do.appeal.relay(form.way.data, form.words.data, happened_at=_happened(form), **do.hand)


def _progress(do: Doing) -> None:
    form = do.form
    do.appeal.progress(
        form.words.data,
        planned_at=form.planned_at.data,
        attachments=do.files(),
        happened_at=_happened(form),
        hand=assist_acts.hand(form),
        **do.hand,
    )


def _ask_return(do: Doing) -> None:
    form = do.form
    do.appeal.ask_return(
        form.reason_code.data, form.basis.data, hand=assist_acts.hand(form), **do.hand_seen
    )


def _rule_return(do: Doing) -> None:
    form = do.form
    do.appeal.rule_return(
        form.granted.data == "granted",
        form.ruling.data or "",
        unit=_unit(form) if form.unit_id.data else None,
        due_at=form.due_at.data,
        letter_number=form.letter_number.data or "",
        conference_id=confer_acts.conference_of(form),
        **do.hand_seen,
    )


def _ask_extension(do: Doing) -> None:
    form = do.form
    do.appeal.ask_extension(
        end_of(form.until.data),
        form.reason_code.data,
        form.basis.data,
        firm_told=bool(form.firm_told.data),
        hand=assist_acts.hand(form),
        **do.hand_seen,
    )


def _rule_extension(do: Doing) -> None:
    form = do.form
    do.appeal.rule_extension(
        form.granted.data == "granted",
        form.ruling.data or "",
        until=end_of(form.until.data) if form.until.data else None,
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
        receipt_meant=form.receipt_meant,
        **do.hand_seen,
    )
    if "remainder" in form and form.remainder.data:
        do.appeal.link_remainder(**do.hand)


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
    form = do.form
    do.appeal.refuse_closing(
        form.to.data, form.reason.data, reason_code=form.reason_code.data, **do.hand_seen
    )


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

_FOLDED = frozenset({"due_at", "assist_due_at", "rhythm", "letter_number", "reader_ids"})

def _on_behalf() -> Iterator[Act]:
    """代签收、代录, for units that work offline."""

    def act(verb: str, form: type[forms.ActForm], run: Run, **more: Any) -> Act:
        more = {
            "offer": behalf_acts.offer_unit(verb),
            "depends": behalf_acts.on_units(verb),
            "about": behalf_acts.about(verb),
            "fold": frozenset({"happened_at"}),
            **more,
        }
        label = lifecycle.ON_BEHALF[verb]
        return Act(f"{verb}_on_behalf", label, (verb,), form, run, on_behalf=True, **more)

    yield act("sign_for", behalf_forms.SignOnBehalfForm, behalf_acts.sign_for,
              fold=frozenset({"handler_name", "handler_phone"}))
    yield act("contact", behalf_forms.ContactOnBehalfForm, behalf_acts.contact)
    yield act("progress", behalf_forms.ProgressOnBehalfForm, behalf_acts.progress)
    yield act("answer", behalf_forms.AnswerOnBehalfForm, behalf_acts.answer,
              offer=behalf_acts.offer_answer, prefill=behalf_acts.prefill_answer,
              depends=behalf_acts.on_answer,
              hint="代录反馈的人即为反馈人，按回避规定不能回访、认定、销号本件。")
    yield act("ask_return", behalf_forms.ReturnOnBehalfForm, behalf_acts.ask_return,
              offer=behalf_acts.offer_reasons("ask_return", "return"), tone="danger")
    yield act("ask_extension", behalf_forms.ExtensionOnBehalfForm, behalf_acts.ask_extension,
              offer=behalf_acts.offer_reasons("ask_extension", "extension"))


_ROWS: tuple[Act, ...] = (
    Act("sign_for", "签收", ("sign_for",), forms.SignForm, _sign_for,
        offer=assist_acts.offer_hand("sign_for"), depends=assist_acts.on_hand("sign_for"),
        prefill=_prefill_signing, words=_words_of_signing,
        fold=frozenset({"handler_name", "handler_phone"}), at_once=True),
    Act("accept_and_assign", "受理并交办", ("accept", "assign"), forms.AcceptAndAssignForm,
        _accept_and_assign, offer=_offer_both, prefill=_prefill_both, depends=_on_both,
        fold=_FOLDED),
    Act("accept", "受理", ("accept",), forms.AcceptForm, _accept,
        offer=_offer_categories, prefill=_prefill_acceptance, depends=_on_kind),
    Act("assign", "交办", ("assign",), forms.AssignForm, _assign,
        offer=_offer_hand_off, prefill=unit_choices.prefill_unit, depends=_on_hand_off,
        fold=_FOLDED),
    Act("endorse", "追认", ("endorse",), forms.EndorseForm, _endorse,
        hint="值班员受理并交办的特急诉求，由办公室追认；交办不当的，请收回后另行交办。",
        fold=frozenset({"note"}), at_once=True),
    Act("contact", "联系企业", ("contact",), forms.ContactForm, _contact,
        offer=assist_acts.offer_hand("contact"), depends=assist_acts.on_hand("contact"),
        done="已记录联系情况"),
    Act("relay", "代为联系", ("relay",), forms.RelayForm, _relay, about=_about_relay,
        done="已记录联系情况",
        hint="为诉求人保密的诉求由热线或办公室联系诉求人，联系情况转达承办单位，并结束其首次联系时限。"),
    Act("progress", "阶段反馈", ("progress",), forms.ProgressForm, _progress,
        offer=assist_acts.offer_hand("progress"), depends=assist_acts.on_hand("progress"),
        done="已提交阶段反馈", fold=frozenset({"happened_at"})),
    Act("answer", "办结反馈", ("answer",), outcome_forms.AnswerForm, outcome_acts.answer,
        offer=assist_acts.offer_answer, prefill=sub_unit_acts.prefill_answer,
        depends=sub_unit_acts.on_answer, about=_about_answer,
        warns=_warn_before_contact, done="已提交反馈"),
    Act("sign_off", "审签", ("sign_off",), sign_forms.SignOffForm, sign_acts.sign_off,
        offer=assist_acts.offer_hand("sign_off"), depends=assist_acts.on_hand("sign_off"),
        about=sign_acts.about, warns=sign_acts.warn, done="已审签",
        hint="请先看过下列反馈内容和附件。同意的报送牵头办公室，对外即为本单位的意见。"),
    Act("rule_child_return", "下级退单裁定", ("rule_child_return",),
        sub_unit_forms.RuleChildReturnForm, sub_unit_acts.rule_child_return,
        offer=sub_unit_acts.offer_children_of("rule_child_return"),
        prefill=assist_acts.prefill_assist,
        depends=sub_unit_acts.on_children_of("rule_child_return"),
        about=sub_unit_acts.about_rulings("rule_child_return"), done="已裁定下级退单",
        hint="裁定为该单位本轮的最终意见。不同意的继续办理，时限不变；同意的，由本单位自办或另行转办。"),
    Act("rule_child_extension", "下级延期审批", ("rule_child_extension",),
        sub_unit_forms.RuleChildExtensionForm, sub_unit_acts.rule_child_extension,
        offer=sub_unit_acts.offer_children_of("rule_child_extension"),
        prefill=sub_unit_acts.prefill_extension, depends=sub_unit_acts.on_proposed,
        about=sub_unit_acts.about_rulings("rule_child_extension"), done="已审批下级延期"),
    Act("pass_on", "转办", ("pass_on",), sub_unit_forms.PassOnForm, sub_unit_acts.pass_on,
        offer=sub_unit_acts.offer_sub_units, depends=sub_unit_acts.on_sub_units,
        about=sub_unit_acts.limit_of_children, fold=frozenset({"rhythm", "letter_number"}),
        hint="转办后仍由本单位负责：下级反馈后，由本单位汇总反馈。"),
    Act("waive_child", "免予下级反馈", ("waive_child",), sub_unit_forms.OfChildForm,
        sub_unit_acts.waive_child, offer=sub_unit_acts.offer_children_of("waive_child"),
        prefill=assist_acts.prefill_assist, depends=sub_unit_acts.on_children_of("waive_child"),
        done="已免予下级反馈"),
    Act("send_back_child", "退回下级重报", ("send_back_child",), sub_unit_forms.SendBackChildForm,
        sub_unit_acts.send_back_child, offer=sub_unit_acts.offer_children_of("send_back_child"),
        prefill=assist_acts.prefill_assist,
        depends=sub_unit_acts.on_children_of("send_back_child"), tone="danger"),
    Act("release_child", "解除转办", ("release_child",), sub_unit_forms.OfChildForm,
        sub_unit_acts.release_child, offer=sub_unit_acts.offer_children_of("release_child"),
        prefill=assist_acts.prefill_assist, depends=sub_unit_acts.on_children_of("release_child"),
        tone="danger", hint="该单位再往下转办的，一并解除。"),
    Act("answer_directly", "直接答复", ("answer_directly",), outcome_forms.DirectForm,
        outcome_acts.answer_directly, offer=outcome_acts.offer_direct,
        prefill=outcome_acts.prefill_direct, depends=outcome_acts.on_direct,
        done="已直接答复，待审核", hint="由办公室直接答复企业，不再交办；销号须由他人办理。"),
    Act("rule_return", "退单裁定", ("rule_return",), forms.RuleReturnForm, _rule_return,
        offer=_offer_successors, depends=_on_successors, about=asked.about_return,
        warns=asked.warn_joint_study, done="已裁定退单",
        hint="裁定为本单位本轮的最终意见。不同意的，原单位继续办理，时限不变；同意并改派的，新单位重新计时。",
        fold=frozenset({"due_at", "letter_number"})),
    Act("rule_extension", "延期审批", ("rule_extension",), forms.RuleExtensionForm,
        _rule_extension, prefill=asked.prefill_ruling, depends=asked.on_proposed,
        about=asked.about_extension, done="已审批延期"),
    Act("rule_hold", "挂账审批", ("rule_hold",), outside_forms.RuleHoldForm,
        outside_acts.rule_hold, prefill=outside_acts.prefill_rule_hold,
        depends=outside_acts.on_asked_hold, about=asked.about_hold, done="已审批挂账申请",
        hint="同意的，即转入挂账跟踪，各项时限暂停；不同意的，原单位继续办理。"),
    Act("ask_return", "退单申请", ("ask_return",), forms.AskReturnForm, _ask_return,
        offer=_offer_asking("return"), depends=assist_acts.on_hand("ask_return"),
        about=asked.limit_of_return,
        done="已提交退单申请，待办公室裁定", tone="danger",
        hint="裁定前各项时限照常计算；每单位每轮只能申请一次，不同意的请继续办理。"),
    Act("ask_extension", "延期申请", ("ask_extension",), forms.AskExtensionForm,
        _ask_extension, offer=_offer_asking("extension"),
        depends=assist_acts.on_hand("ask_extension"), about=asked.limit_of_extension,
        done="已提交延期申请", hint="批准前原时限照常计算。"),
    *_on_behalf(),
    Act("ask_hold", "申请挂账", ("ask_hold",), outside_forms.AskHoldForm, outside_acts.ask_hold,
        offer=outside_acts.offer_ask_hold, prefill=outside_acts.prefill_hold,
        depends=outside_acts.on_ask_hold, done="已提交挂账申请，待办公室审批",
        hint="须等待上级、外省外市或政策的，申请挂账；批准前各项时限照常计算。"),
    Act("review", "审核通过", ("review",), forms.ReviewForm, _review,
        offer=_offer_review, prefill=_prefill_review, depends=_on_review,
        words=_words_of_review, about=_about_review),
    Act("review_and_call_back", "审核通过并回访", ("review", "call_back"),
        forms.ReviewAndCallBackForm, _review_and_call_back, offer=_offer_review,
        prefill=_prefill_review, depends=_on_review, words=_words_of_review,
        about=outcome_acts.about_remainder, done="已审核并回访",
        fold=frozenset({"public_reply", "note"})),
    Act("link_remainder", "登记遗留问题", ("link_remainder",), forms.ActForm,
        outcome_acts.link_remainder, about=outcome_acts.about_remainder,
        done="已将遗留问题登记为关联诉求",
        hint="诉求主体、联系人等与本件相同，登记后待受理。", at_once=True),
    Act("send_back", "退回重报", ("send_back",), forms.SendBackForm, _send_back,
        offer=_offer_reasons("send_back"), tone="danger"),
    Act("call_back", "回访", ("call_back",), forms.CallBackForm, _call_back,
        prefill=return_acts.prefill_result, depends=return_acts.on_results,
        about=return_acts.about_results, done="已登记回访情况"),
    Act("attempt", "回访未接通", ("attempt",), forms.AttemptForm, _attempt,
        done="已登记回访未接通"),
    Act("uphold", "认定", ("uphold",), forms.UpholdForm, _uphold,
        offer=_offer_reasons("uphold")),
    Act("close", "销号", ("close",), forms.CloseForm, _close,
        hint="请核对办理结果、对企业的答复和回访情况后销号。",
        fold=frozenset({"note"}), at_once=True, warns=outside_acts.warn_no_reply),
    Act("close_on_paper", lifecycle.ON_BEHALF["close"], ("close",), behalf_forms.PaperKeyForm,
        behalf_acts.close_on_paper, offer=behalf_acts.offer_approvers, depends=_on_its_words,
        on_behalf=True, done="已销号",
        hint="销号审批人已在纸上签批的，由另一人代录，须附签批件照片；签批人须符合回避规定。"),
    Act("refuse_closing", "不予销号", ("refuse_closing",), forms.RefuseForm, _refuse_closing,
        offer=_offer_reasons("refuse"), done="已退回，不予销号", tone="danger"),
    Act("tell", "告知企业", ("tell",), forms.TellForm, _tell, done="已记录告知情况"),
    Act("review_hold", "挂账复核", ("review_hold",), outside_forms.ReviewHoldForm,
        outside_acts.review_hold, prefill=outside_acts.prefill_hold, depends=_on_day,
        done="已复核，继续挂账", hint="复核后继续挂账的填下次复核日期；不再等待的请用“恢复办理”。"),
    Act("resume", "恢复办理", ("resume",), forms.ResumeForm, _resume, offer=_offer_resume,
        depends=_on_hold),
    Act("reopen", "撤销销号", ("reopen",), forms.ReopenForm, _reopen,
        offer=_offer_reasons("reopen"), done="已重新受理，待交办", tone="danger"),
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
    Act("add_assist", "增加协办", ("add_assist",), forms.AddAssistForm, assist_acts.add_assist,
        offer=unit_choices.offer_units, depends=unit_choices.on_units,
        fold=frozenset({"assist_due_at", "rhythm", "letter_number"})),
    Act("waive", "免予协办反馈", ("waive",), forms.OfAssistForm, assist_acts.waive,
        offer=assist_acts.offer_assists_of("waive"), prefill=assist_acts.prefill_assist,
        depends=assist_acts.on_assists, done="已免予协办反馈",
        hint="免予反馈后，主办单位不必等该单位反馈即可办结反馈。"),
    Act("send_back_assist", "退回协办重报", ("send_back_assist",), forms.SendBackAssistForm,
        assist_acts.send_back_assist, offer=assist_acts.offer_assists_of("send_back_assist"),
        prefill=assist_acts.prefill_assist, depends=assist_acts.on_assists, tone="danger"),
    Act("release_assist", "解除协办", ("release_assist",), forms.OfAssistForm,
        assist_acts.release_assist, offer=assist_acts.offer_assists_of("release_assist"),
        prefill=assist_acts.prefill_assist, depends=assist_acts.on_assists, tone="danger"),
    Act("change_lead", "变更主办", ("change_lead",), forms.ChangeLeadForm, _change_lead,
        offer=unit_choices.offer_units, depends=unit_choices.on_units, tone="danger",
        hint="原主办单位的交办件解除，新的主办单位重新签收、重新计时；各协办单位继续办理。",
        fold=frozenset({"due_at", "letter_number"})),
    Act("copy", "抄送", ("copy",), copy_acts.CopyForm, copy_acts.copy,
        offer=copy_acts.offer_readers, depends=copy_acts.on_readers,
        hint="抄送的单位、领导可以查阅本件和办理情况，不承担办理；为诉求人保密的，不显示诉求人身份。"),
    Act("uncopy", "取消抄送", ("uncopy",), copy_acts.UncopyForm, copy_acts.uncopy,
        offer=copy_acts.offer_copies, depends=copy_acts.on_copies, tone="danger"),
    Act("write_out", "登记对外联系", ("write_out",), outside_forms.WriteOutForm,
        outside_acts.write_out, prefill=outside_acts.prefill_today, depends=_on_day,
        done="已登记对外联系", fold=frozenset({"handler_name"}),
        hint="报上级的请示、报告，与外省、外市往来的函和电话，商请函的来函，都登记在这里。"),
    Act("note_reply", "登记回复", ("note_reply",), outside_forms.NoteReplyForm,
        outside_acts.note_reply, offer=outside_acts.offer_records,
        prefill=outside_acts.prefill_reply, depends=_on_its_words, done="已登记回复情况"),
    Act("raise", "提请上级协调", ("raise",), outside_forms.RaiseForm, outside_acts.raise_,
        offer=outside_acts.offer_raise, prefill=outside_acts.prefill_raise,
        depends=outside_acts.on_superior, about=outside_acts.about_raise,
        done="已提请上级协调", fold=frozenset({"handler_name"})),
    Act("hand_back", "交回下级", ("hand_back",), outside_forms.HandBackForm,
        outside_acts.hand_back, about=outside_acts.about_hand_back, done="已交回下级办公室"),
    Act("ask_coordination", "提请协调", ("ask_coordination",), confer_forms.AskCoordinationForm,
        confer_acts.ask_coordination, done="已提请领导协调",
        hint="本件照常办理，时限不变；列在领导页面最前，会商、批示或撤回后结束。"),
    Act("drop_coordination", "撤回提请", ("drop_coordination",), forms.ReasonForm,
        _by_reason("drop_coordination"), done="已撤回提请"),
    Act("confer", "会商", ("confer",), confer_forms.ConferForm, confer_acts.confer,
        offer=confer_acts.offer_confer, depends=confer_acts.on_confer,
        names=confer_acts.others_named, done="已登记会商", fold=confer_forms.FOLDED,
        fold_words="更多议定事项",
        hint="会商结论记入所研究的每一件诉求；议定事项由办公室到期回填落实情况。"),
    Act("fulfil", "回填落实情况", ("fulfil",), confer_forms.FulfilForm, confer_acts.fulfil,
        offer=confer_acts.offer_points, prefill=confer_acts.prefill_fulfil,
        depends=_on_its_words, names=confer_acts.fulfilled_with, done="已回填落实情况"),
    Act("set_due", "核定时限", ("set_due",), forms.SetDueForm, _set_due,
        offer=assist_acts.offer_clocks, prefill=assist_acts.prefill_clock,
        depends=assist_acts.on_clocks,
        done="已核定时限", hint="原时限和新时限都留在办理记录中；期初导入的，核定后开始提醒。"),
    Act("recompute", "重算时限", ("recompute",), forms.RecomputeForm, _recompute,
        offer=_offer_versions, depends=_on_its_words, done="已重算时限",
        hint="时限表或工作日历变化后，已经起算的时限不会自动改变；重算后新旧时限都留在办理记录中。"
        "由办公室核定、退回或恢复后续用的时限不重算，需要调整的请用“核定时限”。"),
    Act("count_stated", "认可补录时间", ("count_stated",), judging_acts.CountStatedForm,
        judging_acts.count_stated, offer=judging_acts.offer, prefill=judging_acts.prefill,
        depends=judging_acts.on_stated, done="已认可补录时间",
        hint="是否按期一般以登记时间为准；认可后以补录的发生时间为准，原登记时间留在办理记录中。"),
    Act("unmerge", "撤销合并", ("unmerge",), forms.ReasonForm, _by_reason("unmerge"),
        hint="原已解除的交办不恢复。"),
    Act("hold", "挂账跟踪", ("hold",), forms.HoldForm, outside_acts.hold,
        offer=outside_acts.offer_reasons, prefill=outside_acts.prefill_hold, depends=_on_day,
        done="已转入挂账跟踪", hint="挂账期间各项时限暂停。"),
    Act("recall", "收回", ("recall",), forms.RecallForm, assist_acts.recall,
        offer=assist_acts.offer_recall, depends=assist_acts.on_assists, tone="danger"),
    *order_acts.rows(Act),
    Act("join", "并案办理", ("join",), join_forms.JoinForm, join_acts.join,
        prefill=join_acts.prefill_master,
        offer=join_acts.offer_masters, names=_names_master, depends=_on_its_words,
        hint="不同诉求主体反映同一事项的，并入主件一次办理；本件保留编号，逐户回访、逐户销号。"
        "本件未办结的交办解除，办理时限随主件。"),
    Act("unjoin", "解除并案", ("unjoin",), join_forms.UnjoinForm, join_acts.unjoin,
        offer=join_acts.offer_masters, names=_names_master, depends=_on_its_words, tone="danger",
        hint="解除后转为待交办，重新计算交办时限；填写主件的，同时改并到该件。"),
    Act("word_reply", "逐户答复", ("word_reply",), join_forms.WordReplyForm,
        join_acts.word_reply, prefill=join_acts.prefill_reply, depends=_on_its_words,
        done="已修改对该企业的答复",
        hint="默认采用主件的答复；与该企业情况不完全相符的，在这里改写。"),
    Act("merge", "合并", ("merge",), forms.MergeForm, _merge, offer=_offer_masters,
        prefill=join_acts.prefill_master, depends=_on_its_words, tone="danger", names=_names_master,
        hint="同一诉求主体反映同一事项的，并到主件办理；本件编号仍可查询。"),
    Act("decline", "不予受理", ("decline",), forms.DeclineForm, _decline,
        offer=_offer_reasons("decline"), done="已登记不予受理", tone="danger"),
    Act("withdraw", "撤回", ("withdraw",), forms.WithdrawForm, _withdraw, tone="danger"),
    Act("reply_instruction", "回复批示", ("reply",), ReplyInstructionForm, instruct_acts.reply,
        offer=instruct_acts.offer_named, prefill=instruct_acts.prefill_named,
        depends=_on_its_words, none_for=instruct_acts.not_addressed, done="已回复批示",
        hint="批示办理情况报批示领导和办公室。"),
    Act("instruct", "批示", ("instruct",), InstructForm, instruct_acts.instruct,
        offer=instruct_acts.offer_instruct, prefill=instruct_acts.prefill_instruct,
        depends=instruct_acts.on_instruct, done="已记录批示",
        hint="批示属工作秘密，只有批示领导、办公室和办理单位看得到内容；请勿在其他栏目转录。"),
)  # fmt: skip

ACTS: Mapping[str, Act] = {act.code: act for act in _ROWS}
BY_URL: Mapping[str, Act] = {act.url: act for act in _ROWS}
_FIRST = frozenset(act.verbs[0] for act in _ROWS)

NEXT = (
    "sign_for",
    "sign_off",
    "rule_return",
    "rule_extension",
    "rule_child_return",
    "rule_child_extension",
    "rule_hold",
    "accept_and_assign",
    "accept",
    "assign",
    "contact",
    "answer",
    "review",
    "uphold",
    "call_back",
    "close",
    "review_hold",
    "resume",
    "endorse",
    "sign_for_on_behalf",
)
"""Acts that move an appeal on, in the order in which they are wanted."""
