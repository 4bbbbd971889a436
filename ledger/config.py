"""Configuration: the LEDGER_* variables, read once into one frozen object.

Nothing else in the program reads the environment. A value that makes no sense stops the
start with the name of the variable and what it should look like; nothing is guessed.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")
"""The zone in which everything is shown; a moment given without a zone is meant in it."""

Mode = Literal["production", "demo", "test"]


class ConfigError(ValueError):
    """A LEDGER_* variable is missing or makes no sense. The message names it."""


@dataclass(frozen=True)
class SmsGateway:
    """A text-message gateway by HTTP: the one address that messages are handed to."""

    url: str
    method: Literal["POST", "GET"]
    kind: Literal["json", "form"]
    body: str
    """With {phone}, {text} and {id}, each filled in as `kind` writes it; of a GET, its query."""
    header: tuple[str, str] | None = field(default=None, repr=False)
    """Name and value; the value is a secret."""
    accepted: str = ""
    """What stands in the answer to a message that was taken; '' where the status says it."""
    private: bool = False
    """Whether the gateway stands in the office's own network."""


@dataclass(frozen=True)
class Config:
    """What one running ledger needs to know about its surroundings."""

    mode: Mode
    database_url: str
    data_dir: Path
    secret_key: str
    field_keys: tuple[bytes, ...]
    """32 bytes each; the first encrypts, all decrypt."""
    region: str
    """GB/T 2260, six digits: whose office this ledger is laid for."""
    lock_after: int
    """Failed sign-ins in a row after which an account is locked."""
    lock_minutes: int
    idle_minutes: int
    secure_cookies: bool
    trust_proxy: int
    """How many reverse proxies stand in front; 0 where none does."""
    workers: int
    blocking_threads: int
    strict_home_unit: bool
    """Whether a home unit alone bars from closing (design §3, 回避 c)."""
    public_url: str = ""
    """Where people reach the ledger, for the links in notices; '' where nobody said."""
    sms: SmsGateway | None = None

    @property
    def is_sqlite(self) -> bool:
        return self.database_url.startswith("sqlite")

    @property
    def attachments_dir(self) -> Path:
        return self.data_dir / "attachments"


def _number(env: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    raw = env.get(name, "").strip()
    if not raw:
        return default
    if not raw.isdecimal() or not low <= int(raw) <= high:
        raise ConfigError(f"{name} 应为{low}至{high}的整数，现为“{raw}”")
    return int(raw)


def _yes(env: Mapping[str, str], name: str, default: bool) -> bool:
    raw = env.get(name, "").strip().lower()
    if not raw:
        return default
    if raw in {"1", "yes", "true", "on"}:
        return True
    if raw in {"0", "no", "false", "off"}:
        return False
    raise ConfigError(f"{name} 应为 yes 或 no，现为“{raw}”")


def parse_field_keys(raw: str) -> tuple[bytes, ...]:
    """Keys from their comma-separated URL-safe base64.

    Raises ConfigError unless each is exactly 32 bytes.
    """
    keys = []
    for part in (piece.strip() for piece in raw.split(",")):
        if not part:
            continue
        try:
            key = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise ConfigError("LEDGER_FIELD_KEY 应为URL安全的base64文本") from error
        if len(key) != 32:
            raise ConfigError(f"LEDGER_FIELD_KEY 的每个密钥应为32字节，其中一个是{len(key)}字节")
        keys.append(key)
    if not keys:
        raise ConfigError("LEDGER_FIELD_KEY 是空的")
    if len(set(keys)) != len(keys):
        raise ConfigError("LEDGER_FIELD_KEY 里有重复的密钥")
    return tuple(keys)


def parse_database_url(raw: str) -> str:
    """The URL with its driver named: SQLite, or PostgreSQL by psycopg 3.

    Raises ConfigError for any other engine.
    """
    if raw.startswith("sqlite:///"):
        # A relative path is meant from here, not from wherever a library would put it.
        return f"sqlite:///{Path(raw.removeprefix('sqlite:///')).expanduser().absolute()}"
    for prefix in ("postgresql+psycopg://", "postgresql://", "postgres://"):
        if raw.startswith(prefix):
            return "postgresql+psycopg://" + raw.removeprefix(prefix)
    raise ConfigError(
        "LEDGER_DATABASE_URL 应以 sqlite:/// 或 postgresql:// 开头"
        f"（现以“{raw.split(':', 1)[0]}”开头）"
    )


def load(env: Mapping[str, str] | None = None) -> Config:
    """Parse the environment. Raises ConfigError naming the variable that is wrong."""
    env = os.environ if env is None else env
    mode = env.get("LEDGER_ENV", "production").strip() or "production"
    if mode not in ("production", "demo", "test"):
        raise ConfigError(f"LEDGER_ENV 应为 production、demo 或 test，现为“{mode}”")

    data_dir = Path(env.get("LEDGER_DATA_DIR", "").strip() or "var").expanduser().resolve()
    region = env.get("LEDGER_REGION", "").strip() or ("360734" if mode != "production" else "")
    if not re.fullmatch(r"[1-9][0-9]{5}", region):
        raise ConfigError("LEDGER_REGION 应为六位行政区划代码（GB/T 2260），如 360734")

    secret_key = env.get("LEDGER_SECRET_KEY", "").strip()
    field_key = env.get("LEDGER_FIELD_KEY", "").strip()
    if mode == "demo" and not (secret_key and field_key):
        made = demo_secrets(data_dir)
        secret_key = secret_key or made["LEDGER_SECRET_KEY"]
        field_key = field_key or made["LEDGER_FIELD_KEY"]
    if not secret_key:
        raise ConfigError("缺少 LEDGER_SECRET_KEY（至少32个随机字符）")
    if len(secret_key) < 32:
        raise ConfigError("LEDGER_SECRET_KEY 太短，至少32个字符")
    if not field_key:
        raise ConfigError("缺少 LEDGER_FIELD_KEY（32个随机字节的URL安全base64文本）")

    database_url = env.get("LEDGER_DATABASE_URL", "").strip()
    if not database_url:
        if mode == "production":
            raise ConfigError("缺少 LEDGER_DATABASE_URL")
        database_url = f"sqlite:///{data_dir / 'ledger.db'}"

    return Config(
        mode=cast(Mode, mode),
        database_url=parse_database_url(database_url),
        data_dir=data_dir,
        secret_key=secret_key,
        field_keys=parse_field_keys(field_key),
        region=region,
        lock_after=_number(env, "LEDGER_LOCK_AFTER", 5, 3, 100),
        lock_minutes=_number(env, "LEDGER_LOCK_MINUTES", 30, 1, 24 * 60),
        idle_minutes=_number(env, "LEDGER_IDLE_MINUTES", 30, 5, 24 * 60),
        secure_cookies=_yes(env, "LEDGER_SECURE_COOKIES", mode == "production"),
        trust_proxy=_number(env, "LEDGER_TRUST_PROXY", 0, 0, 5),
        workers=_number(env, "LEDGER_WORKERS", 2, 1, 64),
        blocking_threads=_number(env, "LEDGER_BLOCKING_THREADS", 4, 4, 64),
        strict_home_unit=_yes(env, "LEDGER_STRICT_HOME_UNIT", False),
        public_url=_address(env, "LEDGER_PUBLIC_URL").rstrip("/"),
        sms=_sms(env),
    )


def _address(env: Mapping[str, str], name: str) -> str:
    raw = env.get(name, "").strip()
    if not raw:
        return ""
    try:
        parts = urlsplit(raw)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        sound = False
    if not sound or parts.username or parts.fragment or not raw.isascii() or " " in raw:
        raise ConfigError(f"{name} 应为 http:// 或 https:// 开头的网址")
    return raw


def _sms(env: Mapping[str, str]) -> SmsGateway | None:
    url = _address(env, "LEDGER_SMS_URL")
    if not url:
        return None
    method = env.get("LEDGER_SMS_METHOD", "").strip().upper() or "POST"
    if method not in ("POST", "GET"):
        raise ConfigError("LEDGER_SMS_METHOD 应为 POST 或 GET")
    kind = env.get("LEDGER_SMS_TYPE", "").strip().lower() or ("form" if method == "GET" else "json")
    if kind not in ("json", "form") or (method, kind) == ("GET", "json"):
        raise ConfigError("LEDGER_SMS_TYPE 应为 json 或 form（GET 只能用 form）")
    body = env.get("LEDGER_SMS_BODY", "").strip()
    if "{phone}" not in body or "{text}" not in body:
        raise ConfigError("LEDGER_SMS_BODY 应为短信网关要求的内容，其中写明 {phone} 和 {text}")
    header = env.get("LEDGER_SMS_HEADER", "").strip()
    name, colon, value = header.partition(":")
    if header and not (colon and re.fullmatch(r"[A-Za-z0-9-]+", name) and value.strip()):
        raise ConfigError("LEDGER_SMS_HEADER 应为“名称: 值”，如 Authorization: Bearer …")
    if not value.isprintable() or not value.isascii():
        raise ConfigError("LEDGER_SMS_HEADER 只能含可见的英文字符")
    return SmsGateway(
        url=url,
        method=cast(Literal["POST", "GET"], method),
        kind=cast(Literal["json", "form"], kind),
        body=body,
        header=(name, value.strip()) if header else None,
        accepted=env.get("LEDGER_SMS_ACCEPTED", "").strip(),
        private=_yes(env, "LEDGER_SMS_PRIVATE", False),
    )


def demo_secrets(data_dir: Path) -> dict[str, str]:
    """The demo's own secrets: made once, kept beside its database, readable by its owner only."""
    import secrets

    path = data_dir / "demo-secrets.env"
    if not path.exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        text = (
            f"LEDGER_SECRET_KEY={secrets.token_urlsafe(48)}\n"
            f"LEDGER_FIELD_KEY={base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()}\n"
        )
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.touch(mode=0o600)
        fresh.write_text(text)
        try:
            os.link(fresh, path)  # whoever comes first wins; the others read what he wrote
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    pairs = (line.split("=", 1) for line in path.read_text().splitlines() if "=" in line)
    return dict(pairs)
