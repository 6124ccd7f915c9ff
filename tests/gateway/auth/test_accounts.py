"""Users, passwords, bindings and tokens: what may be changed, by whom, and what follows."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from tests.gateway.auth.house import COMMON, HASHES, HERE, THERE, House, basic, request, status
from wattproof.errors import StorageError
from wattproof.gateway.auth.accounts import Accounts
from wattproof.gateway.auth.firststart import first_start
from wattproof.gateway.auth.gate import Gate
from wattproof.gateway.auth.identity import Identity, Refusal
from wattproof.gateway.auth.lockout import Keys
from wattproof.gateway.records import Access, Audit, DropUser, Event, Meter

NEW = "brand-new-secret"


class Desk:
    """A gate with its accounts, and who asks."""

    def __init__(self, house: House, gate: Gate, folder: Path | None = None, compat: str = "none") -> None:
        self.gate = gate
        self.accounts = Accounts(house.store, house.commit, gate, house.verifier, compat=compat, folder=folder)

    async def who(self, user: str, password: str | None = None) -> Identity:
        return await self.gate.admit(basic(user, password, request("POST", f"/users/{user}")))


@pytest.fixture
def desk(house: House) -> Desk:
    return Desk(house, house.gate())


async def refused(awaitable) -> tuple[int, str]:
    with pytest.raises(Refusal) as refusal:
        await awaitable
    return refusal.value.status, refusal.value.text


FORBIDDEN = (403, "Forbidden: Access Denied")


@pytest.mark.proves("G-307", "G-304")
async def test_one_changes_ones_own_password_with_the_old_one(house: House, desk: Desk):
    operator = await desk.who("operator")
    assert await refused(desk.accounts.change(operator, "operator", NEW)) == (400, "missing oldkey in JSON")
    assert await refused(desk.accounts.change(operator, "operator", NEW, oldkey="wrong-secret")) == FORBIDDEN
    counters = await house.store.failures([Keys("operator", HERE).pair])
    assert len(counters[Keys("operator", HERE).pair].times) == 1
    assert await status(desk.gate, basic("operator")) == 200, "nothing has changed yet"

    await desk.accounts.change(operator, "operator", NEW, oldkey=COMMON["operator"])
    assert await status(desk.gate, basic("operator")) == 401
    assert await status(desk.gate, basic("operator", NEW)) == 200


@pytest.mark.proves("G-307")
async def test_an_admin_changes_anothers_without_the_old_one_but_not_his_own(house: House, desk: Desk):
    admin = await desk.who("admin")
    await desk.accounts.change(admin, "operator", NEW)
    assert await status(desk.gate, basic("operator", NEW)) == 200
    assert await refused(desk.accounts.change(admin, "admin", NEW)) == (400, "missing oldkey in JSON")
    assert await refused(desk.accounts.change(admin, "nobody", NEW)) == (404, "user not found")
    operator = await desk.who("operator", NEW)
    assert await refused(desk.accounts.change(operator, "admin", NEW, oldkey=COMMON["admin"])) == FORBIDDEN
    assert await refused(desk.accounts.change(operator, "nobody", NEW)) == FORBIDDEN


@pytest.mark.proves("G-306")
async def test_the_new_password_differs_from_the_old_one_and_the_name(house: House, desk: Desk):
    admin, operator = await desk.who("admin"), await desk.who("operator")
    for who, oldkey in ((operator, COMMON["operator"]), (admin, None)):
        for key, text in (
            (COMMON["operator"], "new key equals old key"),
            ("operator", "key equals name"),
            ("a" * 7, "invalid key length"),
            ("a" * 65, "invalid key length"),
            ("null\x00null", "invalid key"),
        ):
            assert await refused(desk.accounts.change(who, "operator", key, oldkey=oldkey)) == (400, text)
    assert (await house.store.user("operator")).hash == HASHES["operator"]
    await desk.accounts.change(operator, "operator", "a" * 64, oldkey=COMMON["operator"])
    await desk.accounts.change(admin, "operator", "b" * 8)
    assert await status(desk.gate, basic("operator", "b" * 8)) == 200


@pytest.mark.proves("G-306")
async def test_lengths_with_compat(house: House):
    desk = Desk(house, house.gate(), compat="g13")
    admin = await desk.who("admin")
    for key in ("", "a" * 17):
        assert await refused(desk.accounts.change(admin, "operator", key)) == (400, "invalid key length")
    for key in ("a", "a" * 16):
        await desk.accounts.change(admin, "operator", key)
        assert await status(desk.gate, basic("operator", key)) == 200


@pytest.mark.proves("G-313", "G-307")
async def test_guessing_the_old_password_locks_like_guessing_at_the_login(house: House, desk: Desk):
    operator = await desk.who("operator")
    for number in range(5):
        assert await refused(desk.accounts.change(operator, "operator", NEW, oldkey=f"guess {number}")) == FORBIDDEN
    found = await refused(desk.accounts.change(operator, "operator", NEW, oldkey=COMMON["operator"]))
    assert found == (429, "too many failed logins")
    assert await status(desk.gate, basic("operator")) == 429
    assert await status(desk.gate, basic("operator", facts=request(address=THERE))) == 200


@pytest.mark.proves("G-310", "G-319")
async def test_only_the_session_that_changed_the_password_goes_on(house: House, desk: Desk):
    cookies = [(await desk.gate.login(await desk.who("operator")))[10:42] for _ in range(2)]
    own = await desk.gate.admit(request(cookie=cookies[0]))
    await desk.accounts.change(own, "operator", NEW, oldkey=COMMON["operator"])
    assert [await status(desk.gate, request(cookie=cookie)) for cookie in cookies] == [200, 401]
    assert (await desk.gate.recheck(own)).user == "operator"
    assert len(desk.gate.sessions) == 1
    await desk.accounts.change(await desk.who("admin"), "operator", COMMON["operator"])
    assert await status(desk.gate, request(cookie=cookies[0])) == 401


@pytest.mark.proves("G-303", "G-304", "G-301")
async def test_the_one_time_password_ends_with_the_first_change(tmp_path: Path, house: House):
    data = tmp_path / "data"
    data.mkdir()
    await house.commit(DropUser("admin"))
    gate = house.gate()
    desk = Desk(house, gate, data)
    word = await first_start(house.store, house.commit, house.verifier, data, "abcde-fghjk-mnpqr-stuvw")
    admin = await desk.who("admin", word)
    assert admin.due
    for name in ("operator", "nobody"):
        assert await refused(desk.accounts.change(admin, name, NEW, oldkey=word)) == FORBIDDEN
    assert (data / "initial-password").exists()
    await desk.accounts.change(admin, "admin", NEW, oldkey=word)
    assert not (data / "initial-password").exists()
    assert await status(gate, basic("admin", NEW)) == 200
    assert await status(gate, basic("admin", word)) == 401
    assert await first_start(house.store, house.commit, house.verifier, data, "another") is None


@pytest.mark.proves("G-320", "G-119")
async def test_a_new_user_sees_the_meters_that_there_are(house: House, desk: Desk):
    admin = await desk.who("admin")
    await house.commit(Meter("M0", "abb", 3, 16, "line", active=False))
    await desk.accounts.add(admin, "Newcomer", "newcomer-secret")
    identity = await desk.gate.admit(basic("newcomer", "newcomer-secret"))
    assert identity.access == {"M1": Access.VIEW, "M2": Access.VIEW}
    assert not identity.admin
    await house.commit(Meter("M3", "abb", 3, 18, "line"))
    found = await desk.accounts.bindings(identity, "newcomer")
    assert found == [("M1", Access.VIEW), ("M2", Access.VIEW), ("M3", Access.NONE)]
    assert await refused(desk.accounts.add(admin, "newcomer", "newcomer-secret")) == (400, "user exists")
    assert await refused(desk.accounts.add(admin, "a" * 21, "newcomer-secret")) == (400, "invalid user name")
    assert await refused(desk.accounts.add(admin, "other", "short")) == (400, "invalid key length")
    assert await refused(desk.accounts.add(admin, "otherother", "otherother")) == (400, "key equals name")
    assert await refused(desk.accounts.add(identity, "other", "other-secret")) == FORBIDDEN


async def test_two_admins_add_the_same_user_at_once(house: House, desk: Desk):
    admin = await desk.who("admin")
    tasks = [asyncio.create_task(desk.accounts.add(admin, "twin", f"twin-secret-{n}")) for n in range(2)]
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert sorted(str(result) for result in found) == ["None", "user exists"]


async def test_two_changes_of_one_password_at_once(house: House, desk: Desk):
    operator = await desk.who("operator")
    changes = [desk.accounts.change(operator, "operator", f"new-secret-{n}", oldkey=COMMON["operator"]) for n in (1, 2)]
    found = await asyncio.gather(*changes, return_exceptions=True)
    assert sum(isinstance(result, Refusal) and result.status == 403 for result in found) == 1
    kept = 1 + [result is None for result in found].index(True)
    assert await status(desk.gate, basic("operator", f"new-secret-{kept}")) == 200


@pytest.mark.proves("G-322", "G-120")
async def test_admin_and_the_last_gateway_admin_stay(house: House, desk: Desk):
    admin = await desk.who("admin")
    assert await refused(desk.accounts.remove(admin, "admin")) == (400, "admin cannot be deleted")
    assert await refused(desk.accounts.change(admin, "admin", None, admin=False)) == (400, "last gateway admin")
    await desk.accounts.change(admin, "operator", None, admin=True)
    await desk.accounts.change(admin, "admin", None, admin=False)
    operator = await desk.who("operator")
    assert operator.admin
    assert await refused(desk.accounts.remove(operator, "admin")) == (400, "admin cannot be deleted")
    assert await refused(desk.accounts.remove(operator, "operator")) == (400, "last gateway admin")
    assert await refused(desk.accounts.change(operator, "operator", None, admin=False)) == (400, "last gateway admin")
    assert await refused(desk.accounts.remove(operator, "nobody")) == (404, "user not found")
    former = await desk.gate.recheck(admin)
    assert await refused(desk.accounts.change(former, "admin", NEW, oldkey=COMMON["admin"], admin=True)) == FORBIDDEN
    await desk.accounts.change(operator, "admin", None, admin=True)
    await desk.accounts.remove(admin, "operator")
    assert [user.name for user in await house.store.users()] == ["admin"]


@pytest.mark.proves("G-310", "G-120")
async def test_a_user_who_is_removed_leaves_nothing_behind(house: House, desk: Desk):
    operator = await desk.who("operator")
    cookie = (await desk.gate.login(operator))[10:42]
    _, text = await desk.accounts.issue(operator, "script", ["read"])
    await desk.accounts.remove(await desk.who("admin"), "operator")
    assert len(desk.gate.sessions) == 0
    await desk.accounts.add(await desk.who("admin"), "operator", COMMON["operator"])
    for facts in (request(cookie=cookie), replace(request(), authorization=f"Bearer {text}")):
        assert await status(desk.gate, facts) == 401
    assert (await desk.who("operator")).access == {"M1": Access.VIEW, "M2": Access.VIEW}


@pytest.mark.proves("G-311", "G-321")
async def test_bindings(house: House, desk: Desk):
    admin, operator = await desk.who("admin"), await desk.who("operator")
    assert await desk.accounts.bindings(operator, "operator") == [("M1", Access.VIEW), ("M2", Access.CONFIGURE)]
    assert await refused(desk.accounts.bindings(operator, "admin")) == FORBIDDEN
    assert await desk.accounts.bindings(admin, "admin") == [("M1", Access.NONE), ("M2", Access.NONE)]
    assert await refused(desk.accounts.bindings(admin, "nobody")) == (404, "user not found")
    await desk.accounts.bind(admin, "operator", "M1", "No Access")
    assert not (await desk.who("operator")).sees("M1")
    await desk.accounts.bind(admin, "admin", "M1", "Configure")  # he may, and it is written down
    assert (await desk.who("admin")).access == {"M1": Access.CONFIGURE}
    for name, serial, access, found in (
        ("operator", "M1", "view only", (400, "invalid access")),
        ("nobody", "M1", "View Only", (404, "user not found")),
        ("operator", "M9", "View Only", (404, "meter not found")),
    ):
        assert await refused(desk.accounts.bind(admin, name, serial, access)) == found
    assert await refused(desk.accounts.bind(operator, "operator", "M1", "Configure")) == FORBIDDEN
    assert await refused(desk.accounts.users(operator)) == FORBIDDEN
    assert [user.name for user in await desk.accounts.users(admin)] == ["admin", "operator"]


async def test_tokens(house: House, desk: Desk):
    admin, operator = await desk.who("admin"), await desk.who("operator")
    token, text = await desk.accounts.issue(operator, "script", ["read", "read", "metrics"])
    assert token.scopes == ("metrics", "read")
    facts = replace(request(), authorization=f"Bearer {text}")
    by_token = await desk.gate.admit(facts)
    assert await refused(desk.accounts.issue(by_token, "child", ["admin"])) == FORBIDDEN
    assert await refused(desk.accounts.revoke(by_token, token.id)) == FORBIDDEN
    other, _ = await desk.accounts.issue(admin, "other", ["admin"])
    assert [found.id for found in await desk.accounts.tokens(operator)] == [token.id]
    assert {found.id for found in await desk.accounts.tokens(admin)} == {token.id, other.id}
    assert await refused(desk.accounts.revoke(operator, other.id)) == (404, "token not found")
    await desk.accounts.revoke(admin, token.id)
    assert await status(desk.gate, facts) == 401
    for name, scopes, expires, text in (
        ("", ["read"], None, "invalid name"),
        ("a" * 51, ["read"], None, "invalid name"),
        ("a\nb", ["read"], None, "invalid name"),
        ("a", [], None, "invalid scopes"),
        ("a", ["everything"], None, "invalid scopes"),
        ("a", ["read"], desk.gate.now(), "invalid expires"),
    ):
        assert await refused(desk.accounts.issue(operator, name, scopes, expires=expires)) == (400, text)
    for number in range(50):
        await desk.accounts.issue(operator, f"t{number}", ["read"])
    assert await refused(desk.accounts.issue(operator, "late", ["read"])) == (409, "too many tokens")


@pytest.mark.proves("G-324", "G-312")
async def test_every_change_is_an_event_and_in_the_audit_log_without_secrets(house: House, desk: Desk):
    admin, operator = await desk.who("admin"), await desk.who("operator")
    begun = len(await house.events())
    await desk.accounts.add(admin, "newcomer", "newcomer-secret")
    await desk.accounts.change(operator, "operator", NEW, oldkey=COMMON["operator"])
    await desk.accounts.change(admin, "newcomer", "other-secret", admin=True)
    await desk.accounts.change(admin, "newcomer", None, admin=False)
    await desk.accounts.bind(admin, "admin", "M1", "Configure")
    _, text = await desk.accounts.issue(admin, "script", ["read"])
    await desk.accounts.remove(admin, "newcomer")
    assert (await house.events())[begun:] == [3, 2, 3, 2, 3, 3, 3, 3]
    told = [write for write in house.written if isinstance(write, Event | Audit)]
    assert {write.time for write in told} == {desk.gate.now()}
    entries = [entry async for _, _, entry in house.store.audit()]
    assert [(entry.user, entry.address) for entry in entries[:2]] == [("admin", HERE), ("operator", HERE)]
    assert any("admin: Configure on M1" in entry.detail for entry in entries)
    assert "secret" not in repr(told)
    assert text not in repr(house.written)
    assert "secret" not in repr(house.written).replace("argon2", "")


async def test_what_cannot_be_stored_has_not_happened(house: House, desk: Desk):
    cookie = (await desk.gate.login(await desk.who("operator")))[10:42]
    own = await desk.gate.admit(request(cookie=cookie))
    house.failing = StorageError("no space")
    with pytest.raises(StorageError):
        await desk.accounts.change(own, "operator", NEW, oldkey=COMMON["operator"])
    house.failing = None
    assert await status(desk.gate, basic("operator")) == 200
    assert await status(desk.gate, basic("operator", NEW)) == 401
    assert await status(desk.gate, request(cookie=cookie)) == 200
