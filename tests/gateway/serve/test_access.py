"""The access matrix of 13.3: 91 resources, five roles, both modes, by Basic and by cookie, with valid requests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.g13.test_resources import ROWS
from tests.gateway.serve.requests import prepare, sample
from tests.gateway.serve.rig import OTHER, PASSWORDS, ROLES, SERIAL, Answered, Rig
from wattproof.g13.resources import BY_NUMBER
from wattproof.gateway.auth.passwords import Verifier
from wattproof.gateway.records import Access, Binding
from wattproof.gateway.store.sqlite import SQLiteStore

#: Cells by number: what anonymous and the four roles get.
MATRIX = {int(number): dict(zip("ANVCG", cells, strict=True)) for number, _, *cells in ROWS}
REFUSED = [(number, role) for number, cells in MATRIX.items() for role in "ANVCG" if cells[role] in ("401", "403")]
#: Every cell that is not refused; what changes a user's own password comes last.
SERVED = sorted(
    ((number, role) for number, cells in MATRIX.items() for role in "NVCG" if cells[role] not in ("401", "403")),
    key=lambda cell: (cell[0] == 18, cell[0] == 20, cell[0] in (2, 3)),
)


class Doors:
    """A rig, and how its users show who they are."""

    def __init__(self, rig: Rig, cookie: bool) -> None:
        self.rig, self.cookie = rig, cookie
        self.passwords = dict(PASSWORDS)

    async def ask(self, number: int, role: str, **changed: Any) -> Answered:
        """A valid request for a resource."""
        body = changed.pop("body", None)
        asked = sample(BY_NUMBER[number], **changed)
        user = ROLES.get(role)
        return await self.rig.ask(
            asked.method,
            asked.path,
            asked.body if body is None else body,
            user=user,
            password=self.passwords.get(user or ""),
            cookie=self.cookie,
            headers=asked.headers,
        )


async def state(rig: Rig) -> Any:
    """All that a request could change."""
    store = rig.store
    users = await store.users()
    return (
        users,
        [await store.bindings(user.name) for user in users],
        await store.settings(),
        await store.meters(active=False),
        await store.events(),
        [entry async for entry in store.audit()],
        sorted(path.name for path in rig.config.data.rglob("*") if "store" not in path.name),
    )


@pytest.fixture(params=["none", "g13"])
async def furnished(request: Any, tmp_path: Path, store: SQLiteStore, verifier: Verifier) -> Any:
    rig = Rig(tmp_path, store, verifier, compat=request.param, install_command=("true",))
    await rig.furnish()
    await prepare(rig)
    yield rig
    await rig.close()


@pytest.fixture(params=[False, True], ids=["basic", "cookie"])
async def doors(request: Any, furnished: Rig) -> Doors:
    for user in ROLES.values() if request.param else ():
        await furnished.login(user)
    return Doors(furnished, request.param)


@pytest.mark.proves("G-201..G-291", "G-007")
async def test_the_access_matrix(doors: Doors) -> None:
    rig = doors.rig
    for role in ROLES:
        await doors.ask(1, role)  # the gate notes from where a user comes
    before, rig.line.asked[:] = await state(rig), []
    for number, role in REFUSED:
        rig.clock.advance(0.2)  # anonymous requests are limited to ten a second
        answer = await doors.ask(number, role)
        assert (number, role, answer.status) == (number, role, int(MATRIX[number][role]))
    for number in (18, 21):
        for role in "NVC":
            body = {"name": "admin", "oldkey": "admin-secret", "key": "other-secret-2"} if number == 18 else None
            assert (await doors.ask(number, role, user="admin", body=body)).status == 403
    assert rig.asked == [] and await state(rig) == before

    for number, role in SERVED:
        answer = await served(doors, number, role)
        assert (number, role, answer.status, answer.body[:60]) == (number, role, 200, answer.body[:60])


async def served(doors: Doors, number: int, role: str) -> Answered:
    """A cell that is not refused, with what has to come before and after it."""
    rig, user = doors.rig, ROLES[role]
    if number == 3 and not doors.cookie:
        await rig.login(user)  # an original without a session refuses to end it
    if number in (18, 20):
        await rig.ask("PUT", "/users", {"name": "target", "key": "target-secret"}, user="gina",
                      password=doors.passwords["gina"])  # fmt: skip
    if number == 19:
        await rig.ask("DELETE", "/users/target", user="gina")
    if number == 18 and role != "G":
        body = {"name": user, "oldkey": doors.passwords[user], "key": f"{user}-changed"}
        answer = await doors.ask(number, role, user=user, body=body)
        doors.passwords[user] = f"{user}-changed"
        return answer
    answer = await doors.ask(number, role, **({"user": user} if number == 21 and role != "G" else {}))
    if number in (2, 3) and doors.cookie:
        await rig.login(user)
    return answer


@pytest.mark.proves("G-216", "G-227", "G-231", "G-321")
async def test_what_is_about_several_meters(rig: Rig) -> None:
    await prepare(rig)
    execute = sample(BY_NUMBER[16]).body
    both = {**execute, "devices": [SERIAL, OTHER]}
    assert (await rig.ask("POST", "/gateway/execute", both, user="vera")).status == 403
    firmware = {"meters": [SERIAL, OTHER]}
    assert (await rig.ask("PUT", "/meters/firmware", firmware, user="carl")).status == 403
    assert (await rig.ask("PUT", "/meters/firmware", firmware, user="gina")).status == 200
    await rig.desk.commit([Binding("carl", OTHER, Access.CONFIGURE), Binding("vera", OTHER, Access.VIEW)], {})
    assert (await rig.ask("POST", "/gateway/execute", both, user="vera")).status == 200
    assert (await rig.ask("PUT", "/meters/firmware", firmware, user="carl")).status == 200

    async def listed(user: str) -> list[str]:
        answer = (await rig.ask("GET", "/meters", user=user)).json
        return [meter["serial"] for location in answer["locations"] for meter in location["meters"]]

    assert await listed("nina") == [] and await listed("gina") == [SERIAL, OTHER]
    assert await listed("vera") == [SERIAL, OTHER]
    await rig.desk.commit([Binding("vera", SERIAL, Access.NONE)], {})
    assert await listed("vera") == [OTHER]


@pytest.mark.proves("G-004", "G-321")
async def test_only_who_may_see_all_meters_hears_that_one_is_unknown(rig: Rig, original: Rig) -> None:
    for served in (rig, original):
        lay = {"vera": 403, "nina": 403, "carl": 403, "gina": 400 if served is original else 404}
        for user, status in lay.items():
            for method, path, body in (
                ("GET", "/meters/NONE/power", None),
                ("POST", "/gateway/execute", {**sample(BY_NUMBER[16]).body, "devices": ["NONE"]}),
                ("PUT", "/meters/firmware", {"meters": ["NONE"]}),
                ("DELETE", "/meters/NONE", None),
            ):
                answer = await served.ask(method, path, body, user=user)
                assert (user, path, answer.status) == (user, path, status)
                if status == 404:
                    assert answer.text == "meter not found"
        assert (await served.ask("GET", f"/meters/{SERIAL}/power", user="gina")).status == 403


@pytest.mark.proves("G-303")
async def test_while_the_password_is_due_four_requests_are_answered(rig: Rig) -> None:
    await prepare(rig)
    user = await rig.store.user("gina")
    assert user is not None
    await rig.desk.commit([msgspec.structs.replace(user, due=True)], {})
    await rig.ask("GET", "/about", user="gina")  # the gate notes from where a user comes
    rig.line.asked.clear()
    for number in MATRIX:
        asked = sample(BY_NUMBER[number])
        answer = await rig.ask(asked.method, asked.path, asked.body, user="gina", headers=asked.headers)
        if number in (1, 2, 3):
            assert answer.status == 200
        else:
            assert (number, answer.status) == (number, 403)
            assert len(answer.body) == 51
    assert rig.asked == []
    change = {"name": "nina", "oldkey": "gina-secret", "key": "gina-changed"}
    assert (await rig.ask("POST", "/users/gina", change, user="gina")).status == 403
    assert (await rig.ask("POST", "/users/gina", change | {"name": "gina"}, user="gina")).status == 200
    assert (await rig.ask("GET", "/users", user="gina", password="gina-changed")).status == 200
    assert (await rig.ask("GET", "/users", user="gina")).status == 401
