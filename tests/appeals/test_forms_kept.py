"""A fresh form is drawn once for all appeals that are alike: each must get its very own."""

from __future__ import annotations

from typing import Any

from flask import render_template
from sqlalchemy import event

from cast import Cast
from ledger.appeals.acts import ACTS, Drawing, form_of
from ledger.appeals.leaf import leaf
from ledger.appeals.show_views import panel
from ledger.db import db, now

SAID = "<b>已协调\x02public_reply\x03</b>"


def _appeals(cast: Cast) -> list[str]:
    answered = cast.reach("answered")
    other = cast.register(kind="consult", urgency="urgent", appellant_type="sole_trader")
    states = ("registered", "accepted", "assigned", "reviewed", "held", "closed")
    return [answered, cast.reach("answered"), other, *(cast.reach(state) for state in states)]


def test_what_is_kept_is_what_would_be_drawn(cast: Cast) -> None:
    numbers = _appeals(cast)
    kept = set()
    for who in ("zhou", "chen"):
        with cast.app.test_request_context():
            at, actor = now(), cast.actor(who)
            for number in numbers:
                appeal = leaf(number, actor, at)
                if appeal is None:
                    continue
                if appeal.public_reply:
                    appeal.public_reply += f"（{SAID}{number}）"
                for act in ACTS.values():
                    shown = panel(act, appeal, actor, at)
                    if shown.form is not None:
                        continue
                    kept.add(act.code)
                    form = form_of(act, Drawing(appeal, actor, at), typed=False)
                    drawn = panel(act, appeal, actor, at, form=form)
                    assert shown.body == render_template(
                        "appeals/show/fields.html", opened=drawn
                    ), (act.code, number)
                    assert (shown.seen, shown.notes) == (drawn.seen, drawn.notes)
    assert {"accept_and_assign", "assign", "review", "sign_for", "answer", "tell"} <= kept


def test_a_changed_unit_is_offered_at_once(cast: Cast) -> None:
    number = cast.reach("accepted")
    client = cast.client("zhou")
    assert "寻乌县公安局交管大队" in client.get(f"/appeals/{number}/assign").get_data(as_text=True)
    with cast.app.app_context():
        cast.unit("police").name = "寻乌县公安局交通警察大队"
        db.session.commit()
    html = client.get(f"/appeals/{number}/assign").get_data(as_text=True)
    assert "寻乌县公安局交通警察大队" in html
    assert "寻乌县公安局交管大队" not in html


def test_a_page_takes_few_statements(cast: Cast) -> None:
    number, client = cast.reach("closed"), cast.client("zhou")
    path = f"/appeals/{number}"
    assert client.get(path).status_code == 200
    seen: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith("BEGIN"):
            seen.append(statement)

    with cast.app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        assert client.get(path).status_code == 200
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert len(seen) <= 7, seen
