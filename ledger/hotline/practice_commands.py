"""`ledger demo-hotline`: a hotline's platform to practise with, over real HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

import click
from flask.cli import ScriptInfo

from ..db import config, now
from . import practice_office, practice_setup
from .commands import office_named
from .practice import Key, Line, Play, Tally, Unreachable, missing
from .practice_orders import Mix, plan
from .practice_receiver import Answers, Manner, Receiver

QUIET: Final = 5.0
"""Seconds without an answer after which no more is waited for."""
SLOW: Final = 120.0
"""So many where the ledger has some on their way: it pauses between attempts."""
SHARE: Final = click.FloatRange(0, 1)


@dataclass(frozen=True)
class Summary:
    """What came of a play."""

    orders: int
    tally: Tally
    answers: Answers
    missing: list[str]
    worked_on: int

    @property
    def out_of_order(self) -> int:
        return self.answers.out_of_order + self.answers.late_starts(self.tally.fresh)

    @property
    def is_sound(self) -> bool:
        answers = self.answers
        wrong = answers.forged + answers.changed + answers.unreadable + self.out_of_order
        return not (wrong or self.missing or self.tally.unexpected)

    def as_dict(self) -> dict[str, Any]:
        tally, answers = self.tally, self.answers
        return {
            "orders": self.orders,
            "pushed": tally.pushed,
            "created": tally.created,
            "repeated": tally.repeated,
            "suggested": tally.suggested,
            "conflicts": tally.conflicts,
            "refused": tally.refused,
            "refusals": tally.refusals,
            "retried": tally.retried,
            "updates": asdict(tally.updates),
            "acknowledged": len(tally.acknowledged),
            "missing": len(self.missing),
            "unexpected": tally.unexpected,
            "seconds": round(tally.seconds, 2),
            "pushes_per_second": _rate(tally.pushed, tally.seconds),
            "worked_on": self.worked_on,
            "answers": {
                "delivered": len(answers.events),
                "acknowledged": len(answers.acknowledged),
                "received": answers.received,
                "repeated": answers.repeated,
                "failed": answers.failed,
                "out_of_order": self.out_of_order,
                "changed": answers.changed,
                "forged": answers.forged,
                "unreadable": answers.unreadable,
            },
            "sound": self.is_sound,
        }

    def in_words(self) -> str:
        tally, answers, updates = self.tally, self.answers, self.tally.updates
        lines = [
            f"工单{self.orders}件，推送{tally.pushed}次"
            f"（{_rate(tally.pushed, tally.seconds)}次/秒，重试{tally.retried}次）",
            f"  新登记{tally.created}件，重复{tally.repeated}次，重办建议{tally.suggested}件，"
            f"内容不一致{tally.conflicts}次，被拒{tally.refused}次",
            f"  补充、催办、撤单：收下{updates.taken}，重复{updates.repeated}，"
            f"先于工单到达{updates.early}，内容不一致{updates.conflicts}，被拒{updates.refused}",
            f"  已确认的工单{len(tally.acknowledged)}件，查询不到的{len(self.missing)}件",
            f"回告：收到{len(answers.events)}条（含重复共{answers.received}次，重复{answers.repeated}次，"
            f"故意失败{answers.failed}次），次序错误{self.out_of_order}条，"
            f"内容前后不一{answers.changed}条，签名无效{answers.forged}次",
        ]
        lines += [f"  不应有的答复：{words}" for words in tally.unexpected]
        lines += [f"  被拒：{name} {count}次" for name, count in sorted(tally.refusals.items())]
        return "\n".join([*lines, "演练通过。" if self.is_sound else "演练发现问题，见上。"])


def _rate(count: int, seconds: float) -> float:
    return round(count / seconds, 1) if seconds else 0.0


def settle(receiver: Receiver, quiet: float, on_the_way: Callable[[], int]) -> None:
    """Wait until nothing has come for so long."""
    began = time.monotonic()
    while True:
        idle = time.monotonic() - max(receiver.answers.last_at, began)
        if idle > quiet and (idle > SLOW or not on_the_way()):
            return
        time.sleep(0.2)


@click.command("demo-hotline")
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="台账的网址")
@click.option("--orders", default=100, show_default=True, type=click.IntRange(0, 1_000_000),
              help="工单数")  # fmt: skip
@click.option("--repeat", default=0.2, show_default=True, type=SHARE, help="重复推送的比例")
@click.option("--conflict", default=0.05, show_default=True, type=SHARE,
              help="同一单号推送不同内容的比例")  # fmt: skip
@click.option("--updates", default=0.1, show_default=True, type=SHARE,
              help="有补充、催办、撤单的比例，含早到、乱序、重复和内容不一致的")  # fmt: skip
@click.option("--clients", default=8, show_default=True, type=click.IntRange(1, 64),
              help="同时推送的连接数")  # fmt: skip
@click.option("--fail", default=0.0, show_default=True, type=SHARE, help="接收回告时失败的比例")
@click.option("--delay", default=0.0, show_default=True, type=click.FloatRange(0, 60),
              help="接收每条回告前停几秒")  # fmt: skip
@click.option("--die-after", default=0, show_default=True, type=click.IntRange(0),
              help="收到几条回告后停止接收，0为不停")  # fmt: skip
@click.option("--dead-for", default=5.0, show_default=True, type=click.FloatRange(0, 3600),
              help="停止接收几秒后恢复，0为不再恢复")  # fmt: skip
@click.option("--work", default=0, show_default=True, type=click.IntRange(0),
              help="同时扮演办公室，把多少件办到销号，以便收到回告（只限演示台账）")  # fmt: skip
@click.option("--wait", default=QUIET, show_default=True, type=click.FloatRange(0, 3600),
              help="连续几秒没有回告、也没有待推送的，即结束")  # fmt: skip
@click.option("--patience", default=120.0, show_default=True, type=click.FloatRange(1, 3600),
              help="一次推送最多重试几秒")  # fmt: skip
@click.option("--source", default="12345", show_default=True, help="扮演哪条热线：12345 或 12328")
@click.option("--office", "office_code", help="牵头办公室编码，默认为本地区的牵头办公室")
@click.option("--key-id", help="已有的密钥号；不给的，在本机台账中自建一个接入方")
@click.option("--secret", help="已有密钥号的密钥")
@click.option("--listen", default="127.0.0.1:0", show_default=True,
              help="接收回告的地址和端口，端口0为任意")  # fmt: skip
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0, 9999),
              help="随机种子：同一种子推送同样的工单")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="以JSON输出")
@click.pass_context
def demo_hotline(
    context: click.Context,
    url: str,
    orders: int,
    repeat: float,
    conflict: float,
    updates: float,
    clients: int,
    fail: float,
    delay: float,
    die_after: int,
    dead_for: float,
    work: int,
    wait: float,
    patience: float,
    source: str,
    office_code: str | None,
    key_id: str | None,
    secret: str | None,
    listen: str,
    seed: int,
    as_json: bool,
) -> None:
    """扮演12345、12328热线平台：推送工单，接收回告，核对结果。

    不给密钥的，在本机台账（LEDGER_*环境变量所指）中自建接入方“演练平台”，并把该热线的回告方式设为接口推送；
    给出密钥的，可以推送到任何一台，回告网址由对方设为 --listen 的地址加 /answers。
    推送的都是真的登记，请勿对正在使用的台账演练。
    """
    if bool(key_id) != bool(secret):
        raise click.UsageError("--key-id 和 --secret 须同时给出")
    if work and key_id:
        raise click.UsageError("--work 只能用于本机台账，不能与 --key-id 同用")
    mix = Mix(orders, repeat, conflict, updates, seed)
    receiver = _receiver(listen, Manner(fail, delay, die_after, dead_for, seed))
    try:
        if key_id and secret:
            receiver.trust(key_id, Key(key_id, secret).bytes)
            summary = _play(url, [Key(key_id, secret)], mix, clients, patience, receiver, wait)
        else:
            with context.ensure_object(ScriptInfo).load_app().app_context():
                summary = _play_here(
                    url, source, office_code, mix, clients, patience, receiver, wait, work
                )
    except (Unreachable, practice_setup.CannotSetUp, practice_office.NobodyThere) as error:
        raise click.ClickException(str(error)) from error
    finally:
        receiver.stop()
    click.echo(json.dumps(summary.as_dict(), ensure_ascii=False) if as_json else summary.in_words())
    if not summary.is_sound:
        context.exit(1)


def _receiver(listen: str, manner: Manner) -> Receiver:
    host, colon, port = listen.rpartition(":")
    if not (colon and host and port.isdecimal() and int(port) < 65536):
        raise click.UsageError("--listen 应为 地址:端口，如 127.0.0.1:9000")
    try:
        return Receiver(host.strip("[]"), int(port), {}, manner)
    except OSError as error:
        raise click.ClickException(f"{listen} 不能监听：{error.strerror}") from error


def _play_here(
    url: str,
    source: str,
    office_code: str | None,
    mix: Mix,
    clients: int,
    patience: float,
    receiver: Receiver,
    quiet: float,
    work: int,
) -> Summary:
    """On this machine's ledger, by a client of its own."""
    office_id = office_named(office_code).id
    in_use = config().mode == "production"
    if work and in_use:
        raise practice_setup.CannotSetUp("--work 会替办公室办理诉求，只能用于演示台账")
    for name in practice_setup.rivals(source, office_id):
        if in_use:
            raise practice_setup.CannotSetUp(
                f"本办公室已接入{source}的“{name}”，不能在正式台账上扮演它；"
                "请在演示台账演练，或用 --key-id 和 --secret 给出密钥"
            )
        click.echo(f"“{name}”也是{source}的平台，回告可能推送给它。", err=True)
    hands = practice_office.office_of(office_id, now()) if work else None
    client = practice_setup.client(source, office_id, receiver.url)
    receiver.trust(client.key.key_id, client.key.bytes)
    return _play(
        url,
        [client.key],
        mix,
        clients,
        patience,
        receiver,
        quiet,
        work=lambda numbers: practice_office.work(numbers[:work], hands) if hands else 0,
        on_the_way=client.undelivered,
    )


def _play(
    url: str,
    keys: list[Key],
    mix: Mix,
    clients: int,
    patience: float,
    receiver: Receiver,
    quiet: float,
    work: Callable[[list[str]], int] = lambda numbers: 0,
    on_the_way: Callable[[], int] = lambda: 0,
) -> Summary:
    asking = Line(url, keys[0], patience=10)
    try:
        answer = asking.ask("/orders", limit="1")
        if answer.status != 200:
            raise Unreachable(
                f"台账没有接受密钥（{answer.status} {answer.said.get('detail', '')}）"
            )
        tally = Play(url, keys, plan(mix, now()), clients, patience).push()
        worked_on = work(sorted(tally.acknowledged[number] for number in tally.fresh))
        settle(receiver, quiet, on_the_way)
        return Summary(
            mix.orders, tally, receiver.answers, missing(asking, tally.acknowledged), worked_on
        )
    finally:
        asking.close()
