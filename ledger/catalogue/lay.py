"""What every ledger begins with: channels, categories, outcomes and reason codes.

Sources: design §2; the lists of 不予受理 of published hotline rules (domain §2.1) and the
reasons for returns seen there (domain §2.5). Laying again adds what is missing and changes
nothing that an office has edited.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import select

from ledger.db import db

from .models import Category, Channel, Outcome, Reason

CHANNELS: Final = (
    # code, name, source system, return way
    ("visit", "联络员走访", "", "none"),
    ("12345", "12345热线", "12345", "manual"),
    ("12328", "12328热线", "12328", "manual"),
    ("duty_line", "值班电话", "", "none"),
    ("portal", "企业自报", "", "none"),
    ("letter", "商请函", "", "manual"),
    ("instruction", "领导交办", "", "manual"),
    ("superior", "上级转办", "", "manual"),
    ("opinion", "网络舆情", "", "none"),
    ("window", "窗口来访", "", "none"),
    ("carried", "期初导入", "", "none"),
)

CATEGORIES: Final = (
    # code, name, policy, children (code, name, policy)
    (
        "passage",
        "通行受阻",
        False,
        (
            ("toll_gate", "收费站服务区关停", False),
            ("checkpoint", "检查点劝返", False),
            ("congestion", "拥堵", False),
            ("restriction", "限行禁行", False),
            ("permit", "通行证", False),
        ),
    ),
    (
        "enforcement",
        "执法监管",
        False,
        (
            ("fine", "乱罚款", False),
            ("inspection", "重复检查", False),
            ("charge", "违规收费", False),
        ),
    ),
    (
        "transport",
        "运输保障",
        False,
        (
            ("stranded", "车辆滞留", False),
            ("capacity", "运力", False),
            ("transfer", "中转接驳", False),
            ("courier", "快递网点", False),
        ),
    ),
    (
        "freight_dispute",
        "货运纠纷",
        False,
        (
            ("unpaid_freight", "运费拖欠", False),
            ("platform_cut", "平台扣费", False),
        ),
    ),
    (
        "inputs",
        "生产要素",
        False,
        (
            ("labour", "用工", False),
            ("energy", "用能", False),
            ("materials", "原料", False),
            ("stock", "库存", False),
        ),
    ),
    ("finance", "融资与政策兑现", True, (("loan", "融资", True), ("policy", "政策兑现", True))),
    ("project", "项目建设", True, (("land", "征地", True), ("approval", "审批", True))),
    ("other", "其他", False, ()),
)

_PROOF = "附件（照片、截图、文书），或核实记录（核实人、时间、方式、结果）"

OUTCOMES: Final = (
    # code, name, earns rework, holds, needs evidence, evidence
    ("resolved", "已解决", True, False, True, f"解决情况的{_PROOF}"),
    (
        "partly",
        "部分解决",
        True,
        False,
        True,
        f"已解决部分的{_PROOF}，并写明未解决部分及下一步安排",
    ),
    (
        "explained",
        "已解释说明",
        False,
        False,
        True,
        "解释的依据（政策法规名称、条款）及向谁、何时、如何说明",
    ),
    ("unsupported", "政策法规不支持", False, False, True, "不支持的政策法规名称、文号和条款"),
    ("unfounded", "经核查不属实", False, False, True, f"核查情况的{_PROOF}"),
    (
        "unverifiable",
        "无法核实",
        False,
        False,
        True,
        "已做过哪些核实、为何无法核实（核实人、时间、方式）",
    ),
    ("referred", "已转上级或外地协调", True, True, True, "转往单位、文书名称、文号、日期"),
    (
        "long_term",
        "列入长期推进",
        True,
        True,
        True,
        "推进计划、责任人和下次复查日期，以及企业是否理解",
    ),
)

REASONS: Final = {
    "decline": (
        ("other_region", "不属于本行政区域"),
        ("not_executive", "不属于行政职责（应走110、119、120、122，或党委、人大、司法等渠道）"),
        ("legal_process", "已进入诉讼、仲裁、行政复议、纪检监察、信访等法定途径"),
        ("repeated", "同一事实同一理由重复反映，且无新情况"),
        ("secret", "涉及国家秘密、商业秘密或个人隐私"),
        ("public_order", "违反法律法规或公序良俗"),
        ("insufficient", "要素不全，经联系仍无法核实"),
        ("no_request", "无实际诉求（误拨、骚扰、测试）"),
        ("other", "其他（须写明）"),
    ),
    "return": (
        ("other_region", "属地不符"),
        ("not_competent", "不属于本单位职责"),
        ("unclear", "权属不清，需明确责任单位"),
        ("overlap", "职能交叉，宜由其他单位牵头"),
        ("beyond_region", "超出本行政区域权限，需上级或外地协调"),
        ("insufficient", "要素不全，无法办理"),
        ("other", "其他（须写明）"),
    ),
    "recall": (
        ("wrong_unit", "交办单位有误"),
        ("new_facts", "情况变化，需重新研究承办单位"),
        ("unit_changed", "承办单位职责或机构调整"),
        ("other", "其他（须写明）"),
    ),
    "send_back": (
        ("no_contact", "未联系企业"),
        ("no_evidence", "佐证材料不足"),
        ("off_point", "答非所问，未回应全部诉求"),
        ("no_basis", "未说明政策法规依据"),
        ("unclear_reply", "对外答复表述不清或不当"),
        ("not_done", "承诺事项尚未落实"),
        ("other", "其他（须写明）"),
    ),
    "uphold": (
        ("unreachable", "多次联系不上"),
        ("no_contact", "诉求人未留联系方式"),
        ("explained_unsatisfied", "已解释说明、不支持、不属实或无法核实，诉求人仍不满意"),
        ("rework_cap", "重办次数已达上限，诉求人仍不满意"),
    ),
    "refuse": (
        ("not_solved", "问题未实际解决"),
        ("doubtful_call_back", "回访情况存疑，需重新回访"),
        ("no_evidence", "佐证材料不足"),
        ("conflict", "经办、回访人员应当回避"),
        ("other", "其他（须写明）"),
    ),
    "extension": (
        ("complex", "情况复杂，需进一步调查"),
        ("several_units", "涉及多个单位，正在会商"),
        ("waiting_superior", "需等待上级批复"),
        ("third_party", "需等待检测、鉴定或第三方结果"),
        ("firm_side", "企业需补充材料或配合"),
        ("other", "其他（须写明）"),
    ),
    "hold": (
        ("superior", "等待上级答复"),
        ("other_region", "等待外省、外市协调"),
        ("policy", "等待政策出台或调整"),
        ("long_term", "需长期推进"),
        ("other", "其他（须写明）"),
    ),
    "reopen": (
        ("recurred", "企业再次反映，问题依旧"),
        ("spot_check", "抽查发现办理不实"),
        ("not_kept", "承诺事项未兑现"),
        ("wrong_decline", "原不予受理决定有误"),
        ("withdrawn_again", "诉求人撤回后再次提出"),
        ("other", "其他（须写明）"),
    ),
    "withdraw": (
        ("by_appellant", "诉求人撤回"),
        ("void", "登记作废"),
    ),
    "waive": (
        ("covered", "主办单位已一并解决"),
        ("not_needed", "情况变化，不再需要协办"),
        ("other", "其他（须写明）"),
    ),
}  # fmt: skip


def lay() -> None:
    """Add whatever of the above is missing. Flushes; the caller commits."""
    _lay_channels()
    _lay_categories()
    _lay_outcomes()
    _lay_reasons()
    db.session.flush()


def _lay_channels() -> None:
    known = set(db.session.scalars(select(Channel.code)))
    for position, (code, name, source, way) in enumerate(CHANNELS, 1):
        if code not in known:
            db.session.add(
                Channel(
                    code=code,
                    name=name,
                    source_system=source,
                    return_way=way,
                    position=position * 10,
                    active=code != "carried",
                )
            )


def _lay_categories() -> None:
    known = {row.code: row for row in db.session.scalars(select(Category))}

    def place(code: str, name: str, policy: bool, position: int, parent: Category | None) -> None:
        if code in known:
            return
        row = Category(
            code=code,
            name=name,
            policy=policy,
            position=position,
            active=True,
            path="",
            default_assists="",
        )
        db.session.add(row)
        db.session.flush()  # the path is made of ids
        row.place_under(parent)
        known[code] = row

    for position, (code, name, policy, children) in enumerate(CATEGORIES, 1):
        place(code, name, policy, position * 10, None)
        for below, (child, child_name, child_policy) in enumerate(children, 1):
            place(f"{code}.{child}", child_name, child_policy, below * 10, known[code])


def _lay_outcomes() -> None:
    known = set(db.session.scalars(select(Outcome.code)))
    for position, (code, name, earns, holds, needs, evidence) in enumerate(OUTCOMES, 1):
        if code not in known:
            db.session.add(
                Outcome(
                    code=code,
                    name=name,
                    position=position * 10,
                    earns_rework=earns,
                    holds=holds,
                    needs_evidence=needs,
                    evidence=evidence,
                )
            )


def _lay_reasons() -> None:
    known = {(row.kind, row.code) for row in db.session.scalars(select(Reason))}
    for kind, reasons in REASONS.items():
        for position, (code, name) in enumerate(reasons, 1):
            if (kind, code) not in known:
                db.session.add(
                    Reason(kind=kind, code=code, name=name, position=position * 10, active=True)
                )
