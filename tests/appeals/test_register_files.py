"""Photographs that come with an appeal, and what becomes of them when the form is refused."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from sqlalchemy import select

from appeals.register_hand import PDF, PNG, how_many, number_of, send, words_of
from cast import Cast
from ledger.appeals.models import Appeal
from ledger.db import config, db
from ledger.files import check


def a_file(content: bytes, name: str) -> tuple[io.BytesIO, str]:
    return io.BytesIO(content), name


def kept_in(words: str) -> list[str]:
    return re.findall(r'name="files-kept" value="([^"]+)"', words)


def attachments_of(cast: Cast, number: str) -> list[tuple[str, str, bytes]]:
    with cast.app.app_context():
        appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
        folder = config().attachments_dir
        return [
            (a.name, a.caption, check.path_of(a.stored_name, folder).read_bytes())
            for a in appeal.attachments
        ]


def test_files_are_kept_with_their_captions(cast: Cast) -> None:
    response = send(
        cast.client("lin"),
        files=[a_file(PNG, "入口.png"), a_file(PDF, "告知书.pdf")],
        **{"files-caption": ["现场照片", ""]},
    )
    assert attachments_of(cast, number_of(response)) == [
        ("入口.png", "现场照片", PNG),
        ("告知书.pdf", "", PDF),
    ]
    with cast.app.app_context():
        left = list((config().attachments_dir / check.INCOMING).iterdir())
    assert left == []


def test_sound_files_outlive_a_refused_form(cast: Cast) -> None:
    client = cast.client("lin")
    refused = send(
        client,
        content="",
        files=[a_file(PNG, "入口.png"), a_file(PDF, "告知书.pdf")],
        **{"files-caption": ["现场照片", "处罚告知书"]},
    )
    words = words_of(refused)
    assert refused.status_code == 422
    assert "入口.png" in words and "处罚告知书" in words
    kept = kept_in(words)
    assert len(kept) == 2
    carried: dict[str, Any] = {
        "files-kept": kept,
        "files-kept-caption": ["入口的照片", "处罚告知书"],
    }
    response = send(client, **carried, files=a_file(PNG, "又一张.png"))
    assert attachments_of(cast, number_of(response)) == [
        ("入口.png", "入口的照片", PNG),
        ("告知书.pdf", "处罚告知书", PDF),
        ("又一张.png", "", PNG),
    ]


def test_a_carried_file_may_be_left_out(cast: Cast) -> None:
    client = cast.client("lin")
    refused = send(client, content="", files=[a_file(PNG, "一.png"), a_file(PNG, "二.png")])
    carried: dict[str, Any] = {
        "files-kept": kept_in(words_of(refused)),
        "files-kept-caption": ["", ""],
        "files-unwanted": "0",
    }
    response = send(client, **carried)
    assert [name for name, *_ in attachments_of(cast, number_of(response))] == ["二.png"]


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (b"0" * (25 * 1024 * 1024), "录像.mp4", "文件“录像.mp4”有25.0MB，超过每个20MB的上限"),
        (b"", "空.pdf", "文件“空.pdf”是空的"),
        (b"MZ\x90\x00" + b"\x00" * 200, "照片.jpg", "文件“照片.jpg”"),
    ],
)
def test_a_bad_file_costs_no_other(cast: Cast, content: bytes, name: str, said: str) -> None:
    client = cast.client("lin")
    refused = send(client, files=[a_file(content, name), a_file(PNG, "入口.png")])
    words = words_of(refused)
    assert refused.status_code == 422
    assert said in words
    assert how_many(cast) == 0
    carried: dict[str, Any] = {"files-kept": kept_in(words)}
    response = send(client, **carried)
    assert [name for name, *_ in attachments_of(cast, number_of(response))] == ["入口.png"]


@pytest.mark.parametrize("token", ["", "x", "WzEsImEiXQ.aaaa.bbbb", "../../etc/passwd"])
def test_a_forged_token_brings_no_file(cast: Cast, token: str) -> None:
    response = send(cast.client("lin"), **{"files-kept": token})
    assert response.status_code == 422
    assert "请重新选择" in words_of(response)


def test_what_one_carries_is_no_other_persons(cast: Cast) -> None:
    refused = send(cast.client("lin"), content="", files=a_file(PNG, "入口.png"))
    carried: dict[str, Any] = {"files-kept": kept_in(words_of(refused))}
    assert send(cast.client("tang"), **carried).status_code == 422


def test_a_long_caption_loses_no_file(cast: Cast) -> None:
    refused = send(
        cast.client("lin"), files=a_file(PNG, "入口.png"), **{"files-caption": "照" * 200}
    )
    words = words_of(refused)
    assert refused.status_code == 422
    assert len(kept_in(words)) == 1
    assert "照" * 200 in words


def test_a_double_click_with_files_makes_one_appeal(cast: Cast) -> None:
    client = cast.client("lin")
    first = send(client, token="token-with-files", files=a_file(PNG, "入口.png"))
    again = send(client, token="token-with-files", files=a_file(PNG, "入口.png"))
    assert number_of(first) == number_of(again)
    assert len(attachments_of(cast, number_of(first))) == 1
