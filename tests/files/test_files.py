"""Attachments: what is taken, what is refused, under which names the bytes lie."""

from __future__ import annotations

import io
import os
import stat
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import IO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.files.check import (
    CheckedFile,
    FileProblem,
    check,
    check_all,
    discard,
    keep,
    path_of,
    sha256_of,
    sweep,
)
from ledger.files.naming import LONGEST, safe_name

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 504
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + b"\x00" * 100


@dataclass
class Sent:
    filename: str | None
    stream: IO[bytes]


def sent(name: str | None, data: bytes) -> Sent:
    return Sent(name, io.BytesIO(data))


def zipped(*names: str, mimetype: str = "") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        if mimetype:
            archive.writestr("mimetype", mimetype)
        for name in names:
            archive.writestr(name, "x")
    return out.getvalue()


def compound(stream: str) -> bytes:
    return OLE + stream.encode("utf-16-le") + b"\x00" * 64


def film(brand: str, *others: str) -> bytes:
    brands = b"".join(other.encode() for other in others)
    head = b"ftyp" + brand.encode() + b"\x00" * 4 + brands
    return (len(head) + 4).to_bytes(4, "big") + head + b"\x00" * 32


def riff(kind: bytes) -> bytes:
    return b"RIFF\x10\x00\x00\x00" + kind + b"\x00" * 32


ODF = "application/vnd.oasis.opendocument."


@pytest.mark.parametrize(
    ("name", "data", "media_type"),
    [
        ("现场.jpg", JPEG, "image/jpeg"),
        ("现场.JPEG", JPEG, "image/jpeg"),
        ("a.png", b"\x89PNG\r\n\x1a\n" + b"\x00" * 9, "image/png"),
        ("a.gif", b"GIF89a\x01", "image/gif"),
        ("a.webp", riff(b"WEBP"), "image/webp"),
        ("IMG_1.HEIC", film("heic"), "image/heic"),
        ("IMG_1.heic", film("mif1", "heic"), "image/heic"),
        ("a.pdf", b"%PDF-1.7\n", "application/pdf"),
        ("a.doc", compound("WordDocument"), "application/msword"),
        ("a.wps", compound("WordDocument"), "application/msword"),
        ("a.xls", compound("Workbook"), "application/vnd.ms-excel"),
        ("a.et", compound("Workbook"), "application/vnd.ms-excel"),
        ("a.ppt", compound("PowerPoint Document"), "application/vnd.ms-powerpoint"),
        ("a.dps", compound("PowerPoint Document"), "application/vnd.ms-powerpoint"),
        ("a.docx", zipped("[Content_Types].xml", "word/document.xml"), ".wordprocessingml."),
        ("a.xlsx", zipped("[Content_Types].xml", "xl/workbook.xml"), ".spreadsheetml."),
        ("a.pptx", zipped("[Content_Types].xml", "ppt/presentation.xml"), ".presentationml."),
        ("a.ofd", zipped("OFD.xml"), "application/ofd"),
        ("a.odt", zipped("content.xml", mimetype=ODF + "text"), ODF + "text"),
        ("a.ods", zipped("content.xml", mimetype=ODF + "spreadsheet"), ODF + "spreadsheet"),
        ("a.txt", "现场情况".encode(), "text/plain"),
        ("a.txt", "现场情况\r\n".encode("gbk"), "text/plain"),
        ("a.txt", "现场情况".encode("utf-16"), "text/plain"),
        ("a.csv", "甲,乙".encode("utf-8-sig"), "text/csv"),
        ("a.mp3", b"ID3\x03" + b"\x00" * 20, "audio/mpeg"),
        ("a.mp3", b"\xff\xfb\x90\x64" + b"\x00" * 20, "audio/mpeg"),
        ("a.wav", riff(b"WAVE"), "audio/wav"),
        ("a.amr", b"#!AMR\n\x3c", "audio/amr"),
        ("a.m4a", film("M4A "), "audio/mp4"),
        ("a.m4a", film("mp42", "isom"), "audio/mp4"),
        ("a.aac", b"\xff\xf1\x50\x80" + b"\x00" * 20, "audio/aac"),
        ("a.ogg", b"OggS\x00" + b"\x00" * 20, "audio/ogg"),
        ("a.mp4", film("isom"), "video/mp4"),
        ("a.mp4", film("3gp4"), "video/3gpp"),
        ("a.MOV", film("qt  "), "video/quicktime"),
        ("a.3gp", film("3gp5"), "video/3gpp"),
        ("a.avi", riff(b"AVI "), "video/x-msvideo"),
        ("a.webm", b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm" + b"\x00" * 20, "video/webm"),
    ],
)
def test_taken_by_its_content(name: str, data: bytes, media_type: str, tmp_path: Path) -> None:
    got = check(sent(name, data), tmp_path)
    assert isinstance(got, CheckedFile), got
    assert media_type in got.media_type
    assert (got.name, got.size, got.sha256) == (name, len(data), sha256(data).hexdigest())


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("a.exe", b"MZ\x90\x00\x03", "不是允许上传的类型"),
        ("发票.jpg", b"MZ\x90\x00\x03", "文件“发票.jpg”不是允许上传的类型"),
        ("a.elf", b"\x7fELF\x02", "不是允许"),
        ("a.svg", b'<svg xmlns="http://www.w3.org/2000/svg">', "不是允许"),
        ("a.txt", b"<!DOCTYPE html><p>", "不是允许"),
        ("a.txt", b"hello <script>alert(1)</script>", "不是允许"),
        ("a.txt", "<script>".encode("utf-16"), "不是允许"),
        ("a.txt", b"#!/bin/sh\n", "不是允许"),
        ("a.txt", b"a\x00b", "不是允许"),
        ("run.bat", b"@echo off", "与扩展名“.bat”不符"),
        ("a.zip", zipped("a.txt"), "不是允许"),
        ("a.docx", zipped("word/document.xml"), "不是允许"),
        ("a.apk", zipped("AndroidManifest.xml", "classes.dex"), "不是允许"),
        ("a.docm", zipped("[Content_Types].xml", "word/vbaProject.bin"), "含有宏"),
        ("a.docx", zipped("[Content_Types].xml", "word/a.xml")[:-10], "已损坏"),
        ("a.msi", OLE + b"\x00" * 64, "不是允许"),
        ("a.docx", compound("EncryptedPackage"), "打开密码"),
        ("a.png", JPEG, "内容是JPEG图片，与扩展名“.png”不符；请改为.jpg"),
        ("a.doc", compound("Workbook"), "与扩展名“.doc”不符"),
        ("照片", JPEG, "没有扩展名；内容是JPEG图片"),
        ("a.mkv", b"\x1a\x45\xdf\xa3\x9f\x42\x82\x88matroska", "不是允许"),
        ("a.jpg", b"", "是空的"),
    ],
)
def test_refused_with_its_name_and_a_reason(
    name: str, data: bytes, says: str, tmp_path: Path
) -> None:
    got = check(sent(name, data), tmp_path)
    assert isinstance(got, FileProblem), got
    assert got.message.startswith(f"文件“{name}”")
    assert says in got.message
    assert not list((tmp_path / "incoming").iterdir()), "nothing half-written stays"


def test_too_large_is_told_with_its_size_and_costs_no_other_file(tmp_path: Path) -> None:
    large = JPEG + b"\x00" * (25 * 1024 * 1024 + 300_000)
    empty_field = sent("", b"")
    got = check_all([sent("x.jpg", large), empty_field, sent("y.jpg", JPEG)], tmp_path)
    problem, fine = got
    assert isinstance(problem, FileProblem)
    assert problem.message.startswith("文件“x.jpg”有25.3MB，超过每个20MB的上限")
    assert isinstance(fine, CheckedFile)
    assert len(list((tmp_path / "incoming").iterdir())) == 1


def test_an_upload_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise ConnectionError

    with pytest.raises(ConnectionError):
        check(Sent("x.jpg", Broken()), tmp_path)
    assert not list((tmp_path / "incoming").iterdir())


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("C:\\fakepath\\现场.jpg", "现场.jpg"),
        ("../../etc/passwd", "passwd"),
        ("a\x00b\r\n.jpg", "ab.jpg"),
        ("\u202egpj.exe", "gpj.exe"),
        ("  . .jpg", "jpg"),
        ("", "附件"),
        (None, "附件"),
        ("\x00\x00", "附件"),
        ('a"b<c>.jpg', "a_b_c_.jpg"),
        ("\ud800x.jpg", "x.jpg"),
    ],
)
def test_names_are_cleaned(raw: str | None, name: str) -> None:
    assert safe_name(raw) == name


def test_an_overlong_name_keeps_its_extension() -> None:
    name = safe_name("长" * 900 + ".docx")
    assert name == "长" * (LONGEST - 5) + ".docx"


@given(st.text(st.characters()))
def test_any_name_is_safe(raw: str) -> None:
    name = safe_name(raw)
    assert 0 < len(name) <= LONGEST
    assert not set(name) & set('/\\\x00\r\n"<>:|?*')
    assert name not in (".", "..")
    name.encode()
    assert safe_name(name) == name


def test_kept_under_a_random_name_readable_by_its_owner_only(tmp_path: Path) -> None:
    one, two = (check(sent("a.jpg", JPEG), tmp_path) for _ in range(2))
    assert isinstance(one, CheckedFile)
    assert isinstance(two, CheckedFile)
    first, second = keep(one, tmp_path), keep(two, tmp_path)
    assert first != second
    assert first.count("/") == 2
    assert path_of(first, tmp_path).read_bytes() == JPEG
    assert stat.S_IMODE(path_of(first, tmp_path).stat().st_mode) == 0o600
    assert sha256_of(first, tmp_path) == one.sha256
    path_of(first, tmp_path).unlink()
    assert sha256_of(first, tmp_path) is None


def test_what_is_not_wanted_is_discarded(tmp_path: Path) -> None:
    got = check(sent("a.jpg", JPEG), tmp_path)
    discard(got)
    discard(FileProblem("x", "y"))
    assert isinstance(got, CheckedFile)
    assert not got.path.exists()


@pytest.mark.parametrize(
    "name",
    [
        "../secret",
        "/etc/passwd",
        "",
        "ab/cd/../../x",
        "ab/cd/" + "0" * 32,
        "ab/cd/abcd" + "0" * 28 + "\n",
        "incoming/x",
    ],
)
def test_no_other_path_is_served(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="stored name"):
        path_of(name, tmp_path)


def test_the_sweep_takes_what_no_row_names_after_a_day(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    stored = []
    for _ in range(3):
        got = check(sent("a.jpg", JPEG), tmp_path)
        assert isinstance(got, CheckedFile)
        stored.append(keep(got, tmp_path))
    left = check(sent("a.jpg", JPEG), tmp_path)
    assert isinstance(left, CheckedFile)
    named, orphan, fresh = stored
    foreign = tmp_path / "ab" / "cd"
    foreign.mkdir(parents=True, exist_ok=True)
    (foreign / "readme").write_text("x")
    old = (now - timedelta(days=2)).timestamp()
    for path in (
        path_of(named, tmp_path),
        path_of(orphan, tmp_path),
        left.path,
        foreign / "readme",
    ):
        os.utime(path, (old, old))

    gone = sweep(tmp_path, lambda names: {named} & set(names), now - timedelta(days=1))

    assert gone == [orphan, f"incoming/{left.path.name}"]
    assert path_of(named, tmp_path).exists()
    assert path_of(fresh, tmp_path).exists()
    assert (foreign / "readme").exists()
