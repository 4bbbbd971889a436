"""An erasure ordered by law takes the words away and leaves the chain whole."""

from __future__ import annotations

import pytest
from click.testing import Result
from sqlalchemy import select, text

from cast import Cast
from ledger.appeals.models import Appeal
from ledger.audit.erase import erase_command
from ledger.db import db, keyring
from ledger.trail.models import ERASED, Entry, EntryText
from ledger_damage import damage, problems, sql

OLD, NEW = "13807970001", "13907970009"


@pytest.fixture
def number(cast: Cast) -> str:
    """Phone corrected once, plates and an answer given."""
    number = cast.register(plates="赣B12345 赣B6789挂", spot_phone=OLD)
    cast.do(
        number,
        lambda a, at: a.correct({"phone": NEW}, "号码记错", by=cast.actor("lin"), at=at),
    )
    cast.accept(number)
    cast.assign(number)
    cast.answer(number)
    return number


def erase(cast: Cast, number: str, seq: int, *places: str, basis: str = "某法第一条") -> Result:
    arguments = [number, "--seq", str(seq), "--basis", basis]
    for place in places:
        arguments += ["--place", place]
    return cast.app.test_cli_runner().invoke(erase_command, arguments)


def row(cast: Cast, number: str) -> Appeal:
    appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
    _ = appeal.plate_rows, appeal.assignments
    return appeal


def erased_places(number: str) -> set[tuple[int, str]]:
    rows = db.session.execute(
        select(Entry.seq, EntryText.place)
        .join(Entry.texts)
        .where(Entry.stream == f"appeal/{number}", EntryText.erased_by.is_not(None))
    )
    return {(seq, place) for seq, place in rows}


def test_the_phone_that_stands_is_erased_with_its_index_and_its_twin(
    cast: Cast, number: str
) -> None:
    result = erase(cast, number, 2, "appeal.phone")
    assert result.exit_code == 0, result.output
    with cast.app.app_context():
        appeal = row(cast, number)
        assert appeal.phone == ERASED
        assert appeal.phone_index is None
        assert appeal.phone_tail_index is None
        assert appeal.spot_phone == OLD
        assert appeal.spot_phone_index is not None
        assert erased_places(number) == {(2, "appeal.phone"), (2, "new:phone")}
    assert problems(cast.app) == []


def test_an_earlier_phone_goes_wherever_it_stands_and_the_later_one_stays(
    cast: Cast, number: str
) -> None:
    assert erase(cast, number, 2, "old:phone").exit_code == 0
    with cast.app.app_context():
        appeal = row(cast, number)
        assert appeal.phone == NEW
        assert appeal.spot_phone == ERASED
        assert appeal.spot_phone_index is None
        assert erased_places(number) == {
            (1, "appeal.phone"), (1, "appeal.spot_phone"), (2, "old:phone"),
        }  # fmt: skip
    assert problems(cast.app) == []


def test_no_row_and_no_text_keeps_an_erased_phone(cast: Cast, number: str) -> None:
    erase(cast, number, 1, "appeal.phone")
    erase(cast, number, 2, "appeal.phone")
    with cast.app.app_context(), db.engine.connect() as connection:
        found: list[str] = []
        for (payload,) in connection.execute(text("SELECT payload FROM entry")):
            found.append(payload)
        for salt, body, sealed, place in connection.execute(
            text("SELECT salt, body, sealed, place FROM entry_text")
        ):
            found += [salt, body or ""]
            if sealed:
                found.append(keyring().decrypt(sealed, f"entry_text.{place}"))
        ring = keyring()
        appeal = row(cast, number)
        found += [appeal.phone or "", appeal.spot_phone or ""]
        blinds = [ring.blind(phone, "phone") for phone in (OLD, NEW)]
        assert not [words for words in found if OLD in words or NEW in words]
        assert appeal.phone_index not in blinds
        assert appeal.spot_phone_index not in blinds
    assert problems(cast.app) == []


def test_an_answer_is_erased_in_the_appeal_and_in_its_assignment(cast: Cast, number: str) -> None:
    assert erase(cast, number, 5, "appeal.public_reply").exit_code == 0
    with cast.app.app_context():
        appeal = row(cast, number)
        assert appeal.public_reply == ERASED
        assert appeal.assignments[0].public_reply == ERASED
        assert appeal.account != ERASED
    assert problems(cast.app) == []


def test_erased_plates_are_found_by_nothing(cast: Cast, number: str) -> None:
    assert erase(cast, number, 1, "appeal.plates").exit_code == 0
    with cast.app.app_context():
        appeal = row(cast, number)
        assert appeal.plates == ERASED
        assert appeal.plate_rows == []
    assert problems(cast.app) == []


def test_life_goes_on_after_an_erasure(cast: Cast, number: str) -> None:
    erase(cast, number, 2, "appeal.phone")
    cast.review(number)
    cast.call_back(number)
    cast.close(number)
    assert problems(cast.app) == []


def test_a_corrected_field_is_erased_where_it_was_and_stands_as_it_is(
    cast: Cast, number: str
) -> None:
    def say(question: str) -> None:
        cast.do(number, lambda a, at: a.ask_details(question, by=cast.actor("zhou"), at=at))

    say("哪个收费站？")
    cast.do(number, lambda a, at: a.supplement("澄江", by=cast.actor("tang"), at=at))
    assert erase(cast, number, 6, "appeal.details_question").exit_code == 0
    with cast.app.app_context():
        assert row(cast, number).details_question == ""
    assert problems(cast.app) == []


def test_what_does_not_stand_cannot_be_erased(cast: Cast, number: str) -> None:
    result = erase(cast, number, 1, "appeal.wish")
    assert result.exit_code == 1
    assert "第1条办理记录中没有“appeal.wish”" in result.output
    assert "appeal.phone" in result.output
    assert erase(cast, number, 99, "appeal.phone").exit_code == 1
    assert erase(cast, "360734-2026-999999", 1, "appeal.phone").exit_code == 1
    assert "依据" in erase(cast, number, 1, "appeal.phone", basis=" ").output
    assert erase(cast, number, 2, "appeal.phone").exit_code == 0
    assert erase(cast, number, 2, "appeal.phone").exit_code == 1
    assert problems(cast.app) == []


def test_an_erasure_that_left_the_text_is_a_problem(cast: Cast, number: str) -> None:
    erase(cast, number, 1, "appeal.content")
    sql(
        cast.app,
        "UPDATE entry_text SET body = '又写回来', salt = '00' WHERE place = 'appeal.content'",
    )
    found = problems(cast.app)
    assert (number, 1, "“appeal.content”已由第6条依法删除，文字却还在") in found
    assert (number, 1, "“appeal.content”的文字被改动：与记录中的承诺值不符") in found


def test_a_row_that_still_reads_what_was_erased_is_a_problem(cast: Cast, number: str) -> None:
    erase(cast, number, 1, "appeal.content")
    damage(cast.app, "UPDATE appeal SET content = '又写回来'")
    assert problems(cast.app) == [(number, 6, "诉求的“content”与办理记录不一致")]
