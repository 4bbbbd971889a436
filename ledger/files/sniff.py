"""What a file is, by its content. A list of what is taken; everything else is refused."""

from __future__ import annotations

import codecs
import re
import zipfile
from dataclasses import dataclass
from typing import IO

from .naming import extension_of

HEAD = 4096


class Unfit(ValueError):
    """The file is not taken. The message is Chinese and follows the file's name."""


@dataclass(frozen=True)
class Type:
    """One kind of content, and the extensions it may go by (the first is the usual one)."""

    media_type: str
    label: str
    extensions: tuple[str, ...]


JPEG = Type("image/jpeg", "JPEG图片", ("jpg", "jpeg", "jfif", "jpe"))
PNG = Type("image/png", "PNG图片", ("png",))
GIF = Type("image/gif", "GIF图片", ("gif",))
WEBP = Type("image/webp", "WebP图片", ("webp",))
HEIC = Type("image/heic", "HEIC图片", ("heic", "heif"))
PDF = Type("application/pdf", "PDF文件", ("pdf",))
DOC = Type("application/msword", "Word 97-2003或WPS文字", ("doc", "wps", "dot", "wpt"))
XLS = Type("application/vnd.ms-excel", "Excel 97-2003或WPS表格", ("xls", "et", "xlt", "ett"))
PPT = Type("application/vnd.ms-powerpoint", "PPT 97-2003或WPS演示", ("ppt", "dps", "pps"))
_OPEN = "application/vnd.openxmlformats-officedocument."
DOCX = Type(_OPEN + "wordprocessingml.document", "Word文档", ("docx", "wps"))
XLSX = Type(_OPEN + "spreadsheetml.sheet", "Excel工作簿", ("xlsx", "et"))
PPTX = Type(_OPEN + "presentationml.presentation", "PPT演示文稿", ("pptx", "ppsx", "dps"))
OFD = Type("application/ofd", "OFD版式文件", ("ofd",))
ODT = Type("application/vnd.oasis.opendocument.text", "开放文档文字", ("odt",))
ODS = Type("application/vnd.oasis.opendocument.spreadsheet", "开放文档表格", ("ods",))
ODP = Type("application/vnd.oasis.opendocument.presentation", "开放文档演示", ("odp",))
TEXT = Type("text/plain", "文本", ("txt", "csv"))
MP3 = Type("audio/mpeg", "MP3录音", ("mp3",))
WAV = Type("audio/wav", "WAV录音", ("wav",))
AMR = Type("audio/amr", "AMR录音", ("amr",))
M4A = Type("audio/mp4", "M4A录音", ("m4a",))
AAC = Type("audio/aac", "AAC录音", ("aac",))
OGG = Type("audio/ogg", "OGG录音", ("ogg", "oga", "opus"))
MP4 = Type("video/mp4", "MP4视频", ("mp4", "m4v"))
MOV = Type("video/quicktime", "MOV视频", ("mov",))
GP3 = Type("video/3gpp", "3GP视频", ("3gp", "3gpp", "3g2", "mp4"))
AVI = Type("video/x-msvideo", "AVI视频", ("avi",))
WEBM = Type("video/webm", "WebM视频", ("webm",))

TAKEN = (
    "图片（jpg、png、gif、webp、heic）、PDF、OFD、Office和WPS文件、文本（txt、csv）、"
    "录音（mp3、wav、amr、m4a、aac、ogg）、视频（mp4、mov、3gp、avi、webm）"
)
_REFUSED = f"不是允许上传的类型；可以上传：{TAKEN}"

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_BRANDS = {
    b"M4A ": M4A,
    b"M4B ": M4A,
    b"qt  ": MOV,
    b"3gp": GP3,
    b"3g2": GP3,
    b"heic": HEIC,
    b"heix": HEIC,
    b"heim": HEIC,
    b"heis": HEIC,
    b"hevc": HEIC,
    b"mif1": HEIC,
    b"msf1": HEIC,
    b"isom": MP4,
    b"iso": MP4,
    b"mp4": MP4,
    b"avc1": MP4,
    b"M4V": MP4,
    b"MSNV": MP4,
    b"f4v": MP4,
    b"dash": MP4,
}


def sniff(content: IO[bytes], filename: str) -> str:
    """The media type of the content. Raises Unfit, also where the extension does not fit.

    The extension never makes a file acceptable; it only tells apart what the content leaves
    open (a recording from a film without picture) and must agree with the rest.
    """
    extension = extension_of(filename)
    found = _type_of(content, extension)
    if found is None:
        raise Unfit(_REFUSED)
    if not extension:
        raise Unfit(f"没有扩展名；内容是{found.label}，请改名为.{found.extensions[0]}后再上传")
    if extension not in found.extensions:
        raise Unfit(
            f"的内容是{found.label}，与扩展名“.{extension[:12]}”不符；"
            f"请改为.{found.extensions[0]}后再上传"
        )
    if found is TEXT and extension == "csv":
        return "text/csv"
    return found.media_type


def _type_of(content: IO[bytes], extension: str) -> Type | None:
    content.seek(0)
    head = content.read(HEAD)
    for magic, plain in (
        (b"\xff\xd8\xff", JPEG),
        (b"\x89PNG\r\n\x1a\n", PNG),
        (b"GIF87a", GIF),
        (b"GIF89a", GIF),
        (b"#!AMR", AMR),
        (b"OggS", OGG),
        (b"ID3", MP3),
    ):
        if head.startswith(magic):
            return plain
    if head[:4] == b"RIFF":
        return {b"WEBP": WEBP, b"WAVE": WAV, b"AVI ": AVI}.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _film(head, extension)
    if head[4:8] in (b"moov", b"mdat", b"wide") and extension == "mov":
        return MOV
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return WEBM if b"webm" in head[:64] else None
    if head.startswith(_OLE):
        return _compound(content)
    if head.startswith(b"PK\x03\x04"):
        return _archive(content)
    if b"%PDF-" in head[:1024] and head.lstrip(b"\xef\xbb\xbf\r\n\t \x00").startswith(b"%PDF-"):
        return PDF
    if len(head) > 2 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[:2] != b"\xff\xfe":
        return _frames(head)
    return TEXT if _is_text(content) else None


def _film(head: bytes, extension: str) -> Type | None:
    """ISO media: the major brand, or where it is unknown the compatible ones."""
    size = min(int.from_bytes(head[:4], "big"), 256)
    brands = [head[8:12]] + [head[at : at + 4] for at in range(16, max(size, 16), 4)]
    for brand in brands:
        found = _BRANDS.get(brand) or _BRANDS.get(brand[:3])
        if found is MP4 and extension == "m4a":
            return M4A  # many recorders write a plain film without a picture
        if found:
            return found
    return None


def _frames(head: bytes) -> Type | None:
    """MPEG audio without a tag: version, layer, rate and sampling must all be real ones."""
    if head[1] & 0xF6 == 0xF0:
        return AAC if (head[2] >> 2) & 0xF < 13 else None
    version, layer = (head[1] >> 3) & 3, (head[1] >> 1) & 3
    rate, sampling = head[2] >> 4, (head[2] >> 2) & 3
    return MP3 if version != 1 and layer == 1 and 0 < rate < 15 and sampling != 3 else None


def _compound(content: IO[bytes]) -> Type | None:
    """Microsoft's container; installers and mails use it too."""
    content.seek(0)
    data = content.read()

    def has(stream: str) -> bool:
        return stream.encode("utf-16-le") + b"\x00\x00" in data

    if has("EncryptedPackage"):
        raise Unfit("设有打开密码，别人无法查看；请取消密码后再上传")
    if has("WordDocument"):
        return DOC
    if has("PowerPoint Document"):
        return PPT
    if has("Workbook") or has("Book"):
        return XLS
    return None


def _archive(content: IO[bytes]) -> Type | None:
    """A zip, if it is one of the documents that are kept in a zip; nothing is unpacked."""
    content.seek(0)
    try:
        with zipfile.ZipFile(content) as archive:
            names = {info.filename for info in archive.infolist()}
            mimetype = ""
            if "mimetype" in names and archive.getinfo("mimetype").file_size < 200:
                mimetype = archive.read("mimetype").decode("ascii", "replace").strip()
    except Exception as error:  # damaged in any way: many errors without a common ancestor
        raise Unfit("已损坏，无法打开；请检查原文件后重新上传") from error
    if any(name.rsplit("/", 1)[-1].lower().startswith("vbaproject") for name in names):
        raise Unfit("含有宏，不能上传；请另存为不含宏的文件")
    if "OFD.xml" in names:
        return OFD
    if "[Content_Types].xml" in names:
        for folder, found in (("word/", DOCX), ("xl/", XLSX), ("ppt/", PPTX)):
            if any(name.startswith(folder) for name in names):
                return found
        return None
    for found in (ODT, ODS, ODP):
        if mimetype == found.media_type and "content.xml" in names:
            return found
    return None


_MARKUP = re.compile(rb"^\s*<[!?a-z]|<(script|svg|html|iframe|\?php)\b|^\s*#!", re.IGNORECASE)


def _is_text(content: IO[bytes]) -> bool:
    """Plain text in UTF-8, UTF-16 with its mark, or GB 18030; no markup, no script."""
    content.seek(0)
    data = content.read()
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            data = data.decode("utf-16").encode("utf-8", "replace")
        except UnicodeDecodeError:
            return False
    data = data.removeprefix(codecs.BOM_UTF8)
    if _MARKUP.search(data) or re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]", data):
        return False
    for codec in ("utf-8", "gb18030"):
        try:
            data.decode(codec)
        except UnicodeDecodeError:
            continue
        return True
    return False
