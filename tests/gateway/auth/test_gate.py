"""The gate as the server uses it: order of checks, revocation, sessions, tokens."""

from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec import structs

from tests.gateway.auth.house import COMMON, HASHES, HERE, LIGHT, THERE, House, basic, request, status
from wattproof.errors import StorageError
from wattproof.gateway.auth.gate import Gate
from wattproof.gateway.auth.identity import Refusal, Via
from wattproof.gateway.auth.passwords import Hashing, Verifier
from wattproof.gateway.auth.scopes import Scope
from wattproof.gateway.auth.tokens import new_token
from wattproof.gateway.records import Access, Binding, DropToken, DropUser, User

SAME = {"fetch_site": "same-origin"}


def cookie_of(header: str) -> str:
    return header.partition(";")[0].removeprefix("wattproof=")


async def signed_in(gate: Gate, user: str = "operator", address: str = HERE) -> str:
    """A cookie."""
    facts = basic(user, facts=request("POST", "/login", address))
    return cookie_of(await gate.login(await gate.admit(facts)))


async def refusal(gate: Gate, facts) -> Refusal:
    with pytest.raises(Refusal) as refused:
        await gate.admit(facts)
    return refused.value


async def test_who_is_admitted(house: House):
    gate = house.gate()
    identity = await gate.admit(basic("operator"))
    assert (identity.user, identity.admin, identity.via, identity.address) == ("operator", False, Via.BASIC, HERE)
    assert identity.access == {"M1": Access.VIEW, "M2": Access.CONFIGURE}
    assert (await gate.admit(basic("OPERATOR", COMMON["operator"]))).user == "operator"
    assert (await gate.admit(basic("admin"))).admin


async def test_nobody_is_401_with_the_page(house: House):
    gate = house.gate()
    for facts in (
        request(),
        basic("operator", "wrong"),
        basic("nobody", "wrong"),
        replace(request(), authorization="Digest x"),
        replace(request(), authorization="Bearer x"),
        replace(request(), authorization="Basic x", cookie="y"),
        request(cookie="unknown"),
    ):
        refused = await refusal(gate, facts)
        assert (refused.status, refused.html, refused.retry_after) == (401, True, None)


@pytest.mark.proves("G-309")
@pytest.mark.parametrize("told", [True, False])
async def test_good_credentials_cost_one_verification_a_minute(house: House, told: bool):
    gate = house.gate(told=told)
    for _ in range(300):
        await gate.admit(basic("operator"))
    assert house.verifier.count == 1
    house.clock.advance(59.999)
    await gate.admit(basic("operator"))
    assert house.verifier.count == 1
    house.clock.advance(0.001)
    await gate.admit(basic("operator"))
    assert house.verifier.count == 2


@pytest.mark.proves("G-309")
async def test_a_gate_that_is_told_of_changes_reads_nothing_for_known_users(house: House):
    gate = house.gate()
    for _ in range(2):
        await gate.admit(basic("operator"))
    await house.store.close()  # from here on any read fails
    for _ in range(10_000):
        await gate.admit(basic("operator"))
    assert house.verifier.count == 1


@pytest.mark.proves("G-310", "G-304")
async def test_a_change_of_the_password_is_obeyed_by_the_next_request_everywhere(house: House):
    gates = [house.gate(), house.gate(), house.gate(told=False)]
    cookies = [await signed_in(gate) for gate in gates]
    for gate in gates:
        assert await status(gate, basic("operator")) == 200
    await house.commit(User("operator", LIGHT.hash("changed-secret"), generation=2))
    for gate, cookie in zip(gates, cookies, strict=True):
        assert await status(gate, basic("operator")) == 401
        assert await status(gate, request(cookie=cookie)) == 401
        assert await status(gate, basic("operator", "changed-secret")) == 200


async def test_a_new_password_that_was_wrong_a_moment_ago_is_right(house: House):
    gate = house.gate()
    assert await status(gate, basic("operator", "changed-secret")) == 401
    await house.commit(User("operator", LIGHT.hash("changed-secret"), generation=2))
    assert await status(gate, basic("operator", "changed-secret")) == 200
    await house.commit(User("newcomer", LIGHT.hash("newcomer-secret")))
    assert await status(gate, basic("newcomer", "newcomer-secret")) == 200


@pytest.mark.proves("G-310")
async def test_a_user_who_is_deleted_and_made_anew_inherits_nothing(house: House):
    gate, other = house.gate(), house.gate()
    cookie = await signed_in(gate)
    await status(other, basic("operator"))
    await house.commit(DropUser("operator"))
    for facts in (basic("operator"), request(cookie=cookie)):
        assert [await status(gate, facts), await status(other, facts)] == [401, 401]
    await house.commit(User("operator", LIGHT.hash("other-secret"), generation=gate.now()))
    for facts in (basic("operator"), request(cookie=cookie)):
        assert [await status(gate, facts), await status(other, facts)] == [401, 401]
    assert (await gate.admit(basic("operator", "other-secret"))).access == {}


@pytest.mark.proves("G-311")
async def test_rights_are_those_of_this_moment(house: House):
    gates = [house.gate(), house.gate(told=False)]
    identities = [await gate.admit(basic("operator")) for gate in gates]
    await house.commit(Binding("operator", "M1", Access.CONFIGURE), Binding("operator", "M2", Access.NONE))
    [user] = [user for user in await house.store.users() if user.name == "operator"]
    for gate, old in zip(gates, identities, strict=True):
        now = {"M1": Access.CONFIGURE, "M2": Access.NONE}
        assert (await gate.admit(basic("operator"))).access == now
        assert (await gate.recheck(old)).access == now
    await house.commit(structs.replace(user, admin=True))
    for gate, old in zip(gates, identities, strict=True):
        assert (await gate.admit(basic("operator"))).admin
        assert (await gate.recheck(old)).admin
    assert house.verifier.count == 2, "rights cost no verification"


@pytest.mark.proves("G-311")
async def test_an_answer_that_goes_on_ends_with_its_right(house: House):
    gate = house.gate()
    by_password = await gate.admit(basic("operator"))
    cookie = await signed_in(gate)
    by_cookie = await gate.admit(request(cookie=cookie))
    token, text = new_token("operator", "live", ["read"], gate.now(), None)
    await house.commit(token)
    by_token = await gate.admit(replace(request(), authorization=f"Bearer {text}"))
    for identity in (by_password, by_cookie, by_token):
        assert await gate.recheck(identity) == identity

    gate.logout(request("POST", "/logout", cookie=cookie), by_cookie)
    await house.commit(DropToken(token.id))
    assert await gate.recheck(by_password) == by_password
    await house.commit(User("operator", HASHES["admin"], generation=2))
    for identity in (by_password, by_cookie, by_token):
        with pytest.raises(Refusal) as refused:
            await gate.recheck(identity)
        assert refused.value.status == 401


async def test_looking_again_keeps_no_idle_session_alive(house: House):
    gate = house.gate()
    identity = await gate.admit(request(cookie=await signed_in(gate)))
    house.clock.advance(14 * 60)
    await gate.recheck(identity)
    house.clock.advance(60)
    with pytest.raises(Refusal):
        await gate.recheck(identity)


@pytest.mark.proves("G-303")
async def test_while_the_password_is_due_only_four_requests_are_let_through(house: House):
    gate = house.gate()
    await house.commit(User("admin", HASHES["admin"], admin=True, due=True))
    allowed = [
        ("GET", "/about"),
        ("GET", "/about/"),
        ("POST", "/login"),
        ("POST", "/logout"),
        ("POST", "/users/admin"),
        ("POST", "/api/v1/login"),
        ("POST", "/api/v1/logout"),
        ("POST", "/api/v1/users/admin/password"),
    ]
    refused = [
        ("POST", "/about"),
        ("GET", "/users/admin"),
        ("PUT", "/users/admin"),
        ("POST", "/users/operator"),
        ("POST", "/api/v1/users/operator/password"),
        ("GET", "/gateway"),
        ("GET", "/meters"),
        ("GET", "/meters/M1/instrument"),
        ("GET", "/lasterror/0"),
        ("GET", "/api/v1/me"),
        ("GET", "/nowhere"),
        ("POST", "/users/{user}"),
    ]
    cookie = await signed_in(gate, "admin")
    token, text = new_token("admin", "t", list(Scope), gate.now(), None)
    await house.commit(token)
    for way in (basic("admin"), request(cookie=cookie, **SAME), replace(request(), authorization=f"Bearer {text}")):
        for method, path in allowed:
            assert await status(gate, replace(way, method=method, path=path)) == 200, path
        for method, path in refused:
            found = await refusal(gate, replace(way, method=method, path=path))
            assert (found.status, found.text, found.html) == (403, "Forbidden: Access Denied", False), path
    assert await status(gate, basic("operator")) == 200, "it concerns that user only"


@pytest.mark.proves("G-319")
async def test_a_cookie_stands_for_the_credentials_until_it_is_given_back(house: House):
    gate = house.gate()
    cookie = await signed_in(gate)
    identity = await gate.admit(request(cookie=cookie))
    assert (identity.user, identity.via, identity.access["M2"]) == ("operator", Via.COOKIE, Access.CONFIGURE)
    assert await gate.login(identity) is None, "a session does not prolong itself"
    assert gate.logout(request("POST", "/logout", cookie=cookie), identity)
    assert await status(gate, request(cookie=cookie)) == 401
    assert not gate.logout(request("POST", "/logout", cookie=cookie), identity)


@pytest.mark.proves("G-319")
async def test_logout_without_a_cookie_ends_the_newest_session_from_here_and_forgets_the_credentials(house: House):
    gate = house.gate()
    old, new = await signed_in(gate), None
    house.clock.advance(1)
    new, there = await signed_in(gate), await signed_in(gate, address=THERE)
    verified = house.verifier.count
    facts = basic("operator", facts=request("POST", "/logout"))
    assert gate.logout(facts, await gate.admit(facts))
    assert [await status(gate, request(cookie=cookie)) for cookie in (old, new, there)] == [200, 401, 200]
    await gate.admit(basic("operator"))
    assert house.verifier.count == verified + 1


async def test_nobody_logs_another_out(house: House):
    gate = house.gate()
    cookie = await signed_in(gate, "admin")
    facts = replace(basic("operator", facts=request("POST", "/logout")), cookie=cookie)
    assert not gate.logout(facts, await gate.admit(facts))
    assert await status(gate, request(cookie=cookie)) == 200


@pytest.mark.proves("G-319")
async def test_what_a_foreign_page_makes_a_browser_send_is_refused(house: House):
    gate = house.gate()
    cookie = await signed_in(gate)
    own = [SAME, {"origin": "https://gateway:8443"}]
    foreign = [{}, {"origin": "https://evil.example"}, {"fetch_site": "cross-site"}, {"fetch_site": "same-site"}]
    for method in ("POST", "PUT", "DELETE"):
        for headers in own:
            assert await status(gate, request(method, cookie=cookie, **headers)) == 200
        for headers in foreign:
            assert await status(gate, request(method, cookie=cookie, **headers)) == 403
    for headers in foreign:
        assert await status(gate, request("GET", cookie=cookie, **headers)) == 200
    # Basic credentials that a browser adds by itself are no better than its cookie; a program says nothing of pages.
    assert await status(gate, basic("operator", facts=request("POST", fetch_site="cross-site"))) == 403
    assert await status(gate, basic("operator", facts=request("POST"))) == 200
    refused = await refusal(gate, basic("operator", facts=request("POST", "/login", fetch_site="cross-site")))
    assert (refused.status, refused.html) == (403, True)


@pytest.mark.proves("G-318", "G-319")
async def test_the_65th_session_is_refused_with_the_page_and_one_event_a_minute(house: House):
    gate = house.gate()
    names = [f"u{number}" for number in range(14)]
    await house.commit(*(User(name, HASHES["operator"]) for name in names))
    for number in range(64):
        await signed_in_as(gate, names[number // 5])
    for _ in range(3):
        with pytest.raises(Refusal) as refused:
            await signed_in_as(gate, names[13])
        assert (refused.value.status, refused.value.html) == (403, True)
    assert await house.events() == [8]
    house.clock.advance(60)
    with pytest.raises(Refusal):
        await signed_in_as(gate, names[13])
    assert await house.events() == [8, 8]
    await signed_in_as(gate, names[0])  # his own oldest makes room
    assert len(gate.sessions) == 64


async def signed_in_as(gate: Gate, user: str) -> None:
    await gate.login(await gate.admit(basic(user, COMMON["operator"])))


async def test_login_by_a_body(house: House):
    gate = house.gate()
    identity, header = await gate.sign_in(request("POST", "/api/v1/login", **SAME), "operator", COMMON["operator"])
    assert identity.user == "operator"
    assert await status(gate, request(cookie=cookie_of(header))) == 200
    for name, password in (("operator", "wrong"), ("nobody", "wrong")):
        with pytest.raises(Refusal) as refused:
            await gate.sign_in(request("POST", "/api/v1/login"), name, password)
        assert refused.value.status == 401
    with pytest.raises(Refusal) as refused:
        await gate.sign_in(request("POST", "/api/v1/login", fetch_site="cross-site"), "operator", COMMON["operator"])
    assert refused.value.status == 403


async def test_api_tokens(house: House):
    gate = house.gate()
    token, text = new_token("operator", "script", ["read"], gate.now(), gate.now() + 10_000)
    await house.commit(token)
    facts = replace(request(), authorization=f"Bearer {text}")
    identity = await gate.admit(facts)
    assert (identity.user, identity.via, identity.scopes) == ("operator", Via.BEARER, {Scope.READ})
    with pytest.raises(Refusal):
        await gate.login(identity)
    house.clock.advance(9.999)
    assert await status(gate, facts) == 200
    house.clock.advance(0.001)
    assert await status(gate, facts) == 401
    assert house.verifier.count == 0
    assert text not in repr(token)


async def test_a_token_ends_with_its_user(house: House):
    gate = house.gate()
    token, text = new_token("operator", "script", ["read"], gate.now(), None)
    await house.commit(token)
    await house.commit(DropUser("operator"))
    await house.commit(User("operator", HASHES["operator"]))
    assert await status(gate, replace(request(), authorization=f"Bearer {text}")) == 401


@pytest.mark.proves("G-308")
async def test_a_weaker_hash_is_made_anew_at_the_next_good_login(house: House):
    verifier = Verifier(Hashing(memory=128, passes=1))
    try:
        gate = Gate(house.store, house.commit, verifier, house.clock, current=lambda: True)
        house.gates.append(gate)
        assert await status(gate, basic("operator", "wrong")) == 401
        assert (await house.store.user("operator")).hash == HASHES["operator"]
        for _ in range(2):
            assert await status(gate, basic("operator")) == 200
        user = await house.store.user("operator")
        assert "m=128," in user.hash
        assert user.generation == 1, "it is the same password"
        assert verifier.count == 2
    finally:
        verifier.close()


async def test_a_full_disk_keeps_nobody_out_who_has_the_password(house: House):
    verifier = Verifier(Hashing(memory=128, passes=1))
    try:
        gate = Gate(house.store, house.commit, verifier, house.clock)
        house.gates.append(gate)
        house.failing = StorageError("no space")
        assert await status(gate, basic("operator")) == 200
    finally:
        verifier.close()


@pytest.mark.proves("G-318")
async def test_the_rate_of_a_user_is_limited_on_demand(house: House):
    gate, free = house.gate(rate_limit=5), house.gate()
    assert [await status(gate, basic("operator")) for _ in range(6)] == [200] * 5 + [429]
    assert await status(gate, basic("admin")) == 200
    house.clock.advance(0.2)
    assert [await status(gate, basic("operator")) for _ in range(2)] == [200, 429]
    assert [await status(free, basic("operator")) for _ in range(200)] == [200] * 200


@pytest.mark.proves("G-318")
async def test_requests_without_valid_credentials_are_limited_by_address(house: House):
    gate = house.gate()
    assert await status(gate, basic("admin")) == 200
    anonymous = [await status(gate, request()) for _ in range(31)]
    assert anonymous == [401] * 30 + [429]
    assert (await refusal(gate, request())).retry_after == 1
    assert await status(gate, request(cookie="unknown")) == 429
    assert await status(gate, basic("operator", "wrong")) == 429
    assert await status(gate, basic("admin")) == 200, "who is known already is not slowed"
    assert await status(gate, request(address=THERE)) == 401
    verified = house.verifier.count
    assert await status(gate, basic("operator")) == 429
    assert house.verifier.count == verified, "and nothing is verified for it"
    house.clock.advance(0.1)
    assert await status(gate, basic("operator")) == 200
    assert await status(gate, request()) == 401, "a right login costs none of them"
    assert await status(gate, request()) == 429
