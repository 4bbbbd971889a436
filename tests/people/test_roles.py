from itertools import product

import pytest

from ledger.people import passwords, regions, roles, usernames
from ledger.people.permissions import TABLE, Held, may_administer, reach


@pytest.mark.parametrize(("have", "new"), list(product(roles.LABELS, roles.LABELS)))
def test_an_administrator_is_nothing_else(have: str, new: str) -> None:
    apart = bool({have, new} & roles.ADMINISTRATORS) and have != new
    assert (roles.clash([have], new) is not None) == apart


def test_office_roles_belong_to_offices() -> None:
    assert roles.misplaced("closer", is_office=False)
    assert roles.misplaced("handler", is_office=True)
    assert roles.misplaced("closer", is_office=True) is None
    assert roles.misplaced("supervisor", is_office=False) is None


def test_who_may_administer() -> None:
    coordinator = [Held("coordinator", "360734")]
    assert may_administer(coordinator, "keep_persons", region_code="360734")
    assert not may_administer(coordinator, "keep_persons", region_code="360733")
    assert not may_administer(coordinator, "keep_persons", region_code="360700")
    assert not may_administer(coordinator, "grant_posts")
    assert may_administer([Held("coordinator", "360700")], "keep_persons", region_code="360734")
    assert not may_administer(
        coordinator, "keep_persons", region_code="360734", roles_of_target={"closer"}
    )
    admin = [Held("system_admin", "360734")]
    assert may_administer(admin, "keep_persons", region_code="360733", roles_of_target={"closer"})
    assert not may_administer(admin, "grant_posts")
    assert not may_administer(admin, "read_log")
    assert reach(admin, "see_units") is None
    assert reach(coordinator, "see_units") == frozenset({"360734"})
    assert reach([], "see_units") == frozenset()


def test_every_duty_is_held_by_somebody_and_known_as_a_role() -> None:
    for scopes in TABLE.values():
        assert scopes
        assert set(scopes) <= set(roles.LABELS)


def test_regions() -> None:
    assert regions.region_name("360734") == "寻乌县"
    assert regions.region_name("360734", full=True) == "江西省赣州市寻乌县"
    assert regions.region_name("360000", full=True) == "江西省"
    assert regions.region_short("360734") == "寻"
    assert not regions.is_region("360799")
    assert not regions.is_region("36073")
    assert regions.covers("360700", "360734")
    assert regions.covers("360000", "360734")
    assert not regions.covers("360734", "360700")
    assert not regions.covers("", "360734")


@pytest.mark.parametrize(
    ("password", "good"),
    [
        ("Abc-1234", True),
        ("abcdefgh", False),
        ("Ab1-", False),
        ("abc12345", False),
        ("Zhang-2026", False),
        ("密码密码Ab12", True),
        ("A1b" * 60, False),
    ],
)
def test_passwords(password: str, good: bool) -> None:
    assert (passwords.problem(password, username="zhang") is None) == good


def test_one_time_passwords_are_good_and_differ() -> None:
    made = {passwords.one_time() for _ in range(50)}
    assert len(made) == 50
    assert all(passwords.problem(secret, username="zhang") is None for secret in made)


def test_names_of_accounts_are_folded() -> None:
    assert usernames.fold(" ＺＨＡＮＧ ") == "zhang"
    assert usernames.problem("zhang.san-1") is None
    assert usernames.problem("张三") is None
    assert usernames.problem("z h") and usernames.problem("a") and usernames.problem("-ab")
