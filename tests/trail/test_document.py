"""docs/trail.md is enough to check an export: its example adds up, and its checker finds faults.

Nothing of the program is used on the example: hashlib and json alone.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from cast import Cast
from ledger.appeals.models import Appeal
from ledger.db import db, keyring
from ledger.people.actor import system
from ledger.trail.canonical import FIELDS, entry_hash, moment_text
from ledger.trail.models import Entry, ledger_id
from ledger.trail.replay import replay

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "trail.md"


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(blocks("json")[0])
    return found


@pytest.fixture(scope="module")
def check() -> Any:
    space: dict[str, Any] = {"__name__": "checker"}
    exec(blocks("python")[0], space)
    return space["check"]


def test_the_example_adds_up_by_hand(example: dict[str, Any]) -> None:
    def sha256(words: str) -> str:
        return hashlib.sha256(words.encode()).hexdigest()

    words = DOCUMENT.read_text("utf-8")
    stream = example["entries"][0]["stream"]
    prev = sha256(example["ledger_id"] + stream)
    assert prev in words
    for entry in example["entries"]:
        fields = {name: value for name, value in entry.items() if name != "hash"}
        assert len(fields) == 20
        text = json.dumps(fields, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        assert entry["prev"] == prev
        prev = entry["hash"]
        assert sha256(text) == prev
        if entry["seq"] == 1:
            assert blocks("text") == [text + "\n"]
    content = example["texts"][0]
    commitment = hashlib.sha256(bytes.fromhex(content["salt"]) + content["text"].encode())
    assert commitment.hexdigest() in example["entries"][0]["payload"]
    assert f"= {commitment.hexdigest()}" in words


def test_the_checker_replays_the_example(example: dict[str, Any], check: Any) -> None:
    wrong, rows = check(example)
    assert wrong == []
    assert rows == json.loads(blocks("json")[1])


def test_the_program_says_the_same_of_the_example(example: dict[str, Any]) -> None:
    erased = {(1, "appeal.phone"): "〔已依法删除〕"}
    texts = {(t["seq"], t["place"]): t["text"] for t in example["texts"]} | erased
    told = []
    for entry in example["entries"]:
        assert set(entry) == {*FIELDS, "hash"}
        assert entry_hash(entry) == entry["hash"]
        mine = {place: words for (seq, place), words in texts.items() if seq == entry["seq"]}
        told.append((entry["form"], entry["payload"], mine))
    [rows] = json.loads(blocks("json")[1]).values()
    assert replay(told) == rows


@pytest.mark.parametrize(
    ("change", "seq", "words"),
    [
        (lambda e: e["entries"][1].update(actor_name="某某"), 2, "edited"),
        (lambda e: e["entries"].pop(1), 2, "missing"),
        (lambda e: e["entries"][2].update(prev="00"), 3, "does not follow the entry before it"),
        (lambda e: e["texts"][0].update(text="别的"), 1, "appeal.content is not what was"),
        (lambda e: e["texts"].pop(0), 1, "appeal.content is withheld or missing"),
    ],
)
def test_the_checker_finds_faults(
    example: dict[str, Any], check: Any, change: Any, seq: int, words: str
) -> None:
    copy = json.loads(json.dumps(example))
    change(copy)
    wrong, _ = check(copy)
    assert any(s == seq and w.startswith(words) for _, s, w in wrong), wrong


def test_the_checker_finds_nothing_wrong_with_a_real_ledger(cast: Cast, check: Any) -> None:
    number = cast.reach("closed")
    cast.do(number, lambda a, at: a.erase({1: ["appeal.phone"]}, "某法", by=system(), at=at))
    with cast.app.app_context():
        export = exported()
        wrong, rows = check(export)
        assert wrong == []
        appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
        told = rows[f"appeal/{number}"]
        assert told["appeal"][""]["state"] == appeal.state == "closed"
        assert told["appeal"][""]["content"] == appeal.content
        assert told["appeal"][""]["phone"] == appeal.phone == "〔已依法删除〕"
        assert set(told["deadline"]) == {str(deadline.id) for deadline in appeal.deadlines}


def exported() -> dict[str, Any]:
    """As the document says: the columns as they are, texts opened."""
    entries, texts = [], []
    for entry in db.session.scalars(select(Entry).options(selectinload(Entry.texts))):
        row = {name: getattr(entry, name) for name in (*FIELDS, "hash")}
        row["at"], row["happened_at"] = moment_text(entry.at), moment_text(entry.happened_at)
        entries.append(row)
        for text in entry.texts:
            if text.erased_by is not None:
                continue
            words, salt = text.body, text.salt
            if text.sealed is not None:
                words = keyring().decrypt(text.sealed, f"entry_text.{text.place}")
                salt = keyring().decrypt(text.salt, f"entry_text.{text.place}.salt")
            texts.append(
                {
                    "stream": entry.stream,
                    "seq": entry.seq,
                    "place": text.place,
                    "salt": salt,
                    "text": words,
                }
            )
    found = {"ledger_id": ledger_id(db.session()), "entries": entries, "texts": texts}
    copy: dict[str, Any] = json.loads(json.dumps(found))
    return copy
