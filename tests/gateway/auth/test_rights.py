"""Who may what, as the gate's identities say it: users, and API tokens with their scopes."""

from __future__ import annotations

import pytest

from wattproof.g13.rights import ADMIN, CONFIGURE, LOGIN, RIGHTS, SELF_OR_ADMIN, VIEW
from wattproof.gateway.auth.identity import Identity, Refusal
from wattproof.gateway.auth.scopes import Scope
from wattproof.gateway.records import Access

ROLES = {
    "N": Identity("n", False),
    "V": Identity("v", False, {"M1": Access.VIEW}),
    "C": Identity("c", False, {"M1": Access.CONFIGURE}),
    "G": Identity("g", True),
    "none": Identity("x", False, {"M1": Access.NONE}),
}


@pytest.mark.parametrize("right", RIGHTS, ids=lambda right: right.name)
def test_an_identity_has_the_rights_of_its_user(right):
    for user in ROLES.values():
        for name in (user.user, "somebody"):
            expected = right.allows(
                admin=user.admin, own=name == user.user, access=[user.access.get("M1", Access.NONE)]
            )
            assert user.may(right, name=name, serials=["M1"]) == expected


def test_a_meter_that_is_unknown_is_one_without_access():
    assert not ROLES["C"].may(VIEW, serials=["M2"])
    assert not ROLES["C"].may(VIEW, serials=["M1", "M2"])
    assert not ROLES["C"].may(VIEW)
    with pytest.raises(Refusal) as refused:
        ROLES["G"].require(VIEW, serials=["M1"])
    assert (refused.value.status, refused.value.text, refused.value.html) == (403, "Forbidden: Access Denied", False)


@pytest.mark.proves("G-321")
def test_no_access_hides_a_meter_from_lists():
    assert [ROLES[role].sees("M1") for role in ("N", "none", "V", "C", "G")] == [False, False, True, True, True]


def token(role: str, *scopes: Scope) -> Identity:
    user = ROLES[role]
    return Identity(user.user, user.admin, user.access, scopes=frozenset(scopes))


@pytest.mark.parametrize("right", RIGHTS, ids=lambda right: right.name)
def test_a_token_never_has_more_than_its_user(right):
    for role, user in ROLES.items():
        for scopes in ([], [Scope.READ], [Scope.CONFIGURE], [Scope.ADMIN], list(Scope)):
            limited = token(role, *scopes)
            assert user.may(right, name=role, serials=["M1"]) or not limited.may(right, name=role, serials=["M1"])


def test_scopes_cap_what_a_token_may():
    reading, configuring, administering = (token("C", scope) for scope in (Scope.READ, Scope.CONFIGURE, Scope.ADMIN))
    assert (reading.may(VIEW, serials=["M1"]), reading.may(CONFIGURE, serials=["M1"])) == (True, False)
    assert configuring.may(CONFIGURE, serials=["M1"])
    assert not administering.may(VIEW, serials=["M1"])
    assert not reading.may(SELF_OR_ADMIN, name="c")
    assert administering.may(SELF_OR_ADMIN, name="c")
    assert (token("G", Scope.ADMIN).may(ADMIN), token("G", Scope.READ, Scope.CONFIGURE).may(ADMIN)) == (True, False)
    assert not token("G", Scope.READ).sees("M1")
    assert [token("C", scope).may(LOGIN) for scope in Scope] == [True, True, False, True, False]


def test_a_scope_made_for_a_use_is_enough_for_it():
    sessions = token("C", Scope.SESSIONS)
    assert not sessions.may(CONFIGURE, serials=["M1"])
    assert sessions.may(CONFIGURE, serials=["M1"], scope=Scope.SESSIONS)
    assert not token("V", Scope.SESSIONS).may(CONFIGURE, serials=["M1"], scope=Scope.SESSIONS)
    assert not token("C", Scope.READ).may(CONFIGURE, serials=["M1"], scope=Scope.SESSIONS)
