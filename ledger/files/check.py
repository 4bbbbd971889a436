"""Taking a file in, before anything is written to the database.

`check` reads the upload into a temporary file and looks at it; `keep` gives it its final
random name just before the commit; what no row names after a day, `sweep` takes away.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Protocol

from .naming import safe_name
from .sniff import Unfit, sniff

MOST_BYTES = 20 * 1024 * 1024
"""Of one file."""
CHUNK = 256 * 1024
INCOMING = "incoming"

_STORED = re.compile(r"([0-9a-f]{2})/([0-9a-f]{2})/\1\2[0-9a-f]{28}")


class Upload(Protocol):
    """What a web framework gives for one file of a form."""

    filename: str | None
    stream: IO[bytes]


@dataclass(frozen=True)
class CheckedFile:
    """A file that may be kept; its bytes are on disk, under a temporary name."""

    name: str
    media_type: str
    size: int
    sha256: str
    path: Path


@dataclass(frozen=True)
class FileProblem:
    """A file that is not taken, and why, in Chinese."""

    name: str
    message: str


def check(upload: Upload, directory: Path) -> CheckedFile | FileProblem:
    """Read one upload to its end into `directory`, hashed and durable, and judge it."""
    name = safe_name(upload.filename)
    incoming = directory / INCOMING
    incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, temporary = tempfile.mkstemp(dir=incoming)
    path = Path(temporary)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            size, digest = _copy(upload.stream, file)
            if size > MOST_BYTES:
                raise Unfit(
                    f"有{size / 1024 / 1024:.1f}MB，超过每个{MOST_BYTES // 1024 // 1024}MB的上限；"
                    "请压缩、截取后再上传"
                )
            if not size:
                raise Unfit("是空的，没有内容；请检查原文件后重新选择")
            media_type = sniff(file, name)
            os.fsync(file.fileno())
    except Unfit as problem:
        path.unlink(missing_ok=True)
        return FileProblem(name, f"文件“{name}”{problem}")
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return CheckedFile(name, media_type, size, digest, path)


def check_all(uploads: Iterable[Upload], directory: Path) -> list[CheckedFile | FileProblem]:
    """Each upload by itself, so that one bad file costs no other; fields left empty are none."""
    return [check(upload, directory) for upload in uploads if upload.filename]


def _copy(source: IO[bytes], target: IO[bytes]) -> tuple[int, str]:
    """Size and SHA-256. Beyond the limit it only counts, so that the message can name the size."""
    size = 0
    digest = hashlib.sha256()
    while chunk := source.read(CHUNK):
        size += len(chunk)
        if size <= MOST_BYTES:
            digest.update(chunk)
            target.write(chunk)
    target.flush()
    return size, digest.hexdigest()


def keep(checked: CheckedFile, directory: Path) -> str:
    """Give the file its final name, durably; to be called before the commit that names it."""
    token = secrets.token_hex(16)
    stored_name = f"{token[:2]}/{token[2:4]}/{token}"
    target = path_of(stored_name, directory)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    checked.path.rename(target)
    # The name is durable only when every folder above it is.
    for folder in (target.parent, target.parent.parent, directory):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    return stored_name


def discard(checked: CheckedFile | FileProblem) -> None:
    """Forget a file that was checked and is not wanted after all."""
    if isinstance(checked, CheckedFile):
        checked.path.unlink(missing_ok=True)


def path_of(stored_name: str, directory: Path) -> Path:
    """Where the bytes lie. Raises ValueError for anything but a name that `keep` made."""
    if not _STORED.fullmatch(stored_name):
        raise ValueError("not the stored name of an attachment")
    return directory / stored_name


def sha256_of(stored_name: str, directory: Path) -> str | None:
    """The hash of the bytes as they are on disk now; None where the file is gone."""
    try:
        with path_of(stored_name, directory).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def sweep(
    directory: Path, known: Callable[[list[str]], Iterable[str]], older_than: datetime
) -> list[str]:
    """Delete what no row names: stored files and temporary ones last written before `older_than`.

    `known` answers which of the given stored names have a row; it is asked by folder, so that
    a million rows are never in memory at once. Returns what was deleted, relative to
    `directory`. Files that are not of our naming are left alone.
    """
    limit = older_than.timestamp()
    gone = []
    for folder in sorted(directory.glob("[0-9a-f][0-9a-f]/[0-9a-f][0-9a-f]")):
        names = [
            name
            for path in sorted(folder.iterdir())
            if _STORED.fullmatch(name := path.relative_to(directory).as_posix())
            and _is_older(path, limit)
        ]
        if names:
            gone += sorted(set(names) - set(known(names)))
    gone += [
        path.relative_to(directory).as_posix()
        for path in sorted((directory / INCOMING).glob("*"))
        if _is_older(path, limit)
    ]
    for name in gone:
        (directory / name).unlink(missing_ok=True)
    return gone


def _is_older(path: Path, limit: float) -> bool:
    with suppress(FileNotFoundError):
        return path.is_file() and path.stat().st_mtime < limit
    return False
