"""Paths to resources: traps, shapes, aliases, encoding."""

from __future__ import annotations

import pytest

from wattproof.errors import InvalidValue
from wattproof.g13.resources import BY_NUMBER, RESOURCES
from wattproof.g13.routing import Match, Missed, Router, forms, target

ROUTER = Router(RESOURCES)
TIME = "2026-01-01T00:00:00"
EXAMPLES = {
    "serial": "ABB_1",
    "user": "user1",
    "token": "1337581086",
    "datetime": TIME,
    "from": TIME,
    "to": "2026-02-01T00:00:00",
    "count": "5",
    "channel": "8",
    "type": "active",
    "mode": "co2",
    "id": "23",
}


def found(method: str, path: str) -> tuple[int, dict[str, str]]:
    answer = ROUTER.find(method, path)
    assert isinstance(answer, Match), answer
    return answer.resource.number, answer.arguments


def test_every_form_of_every_path_leads_to_its_resource_and_back() -> None:
    for resource in RESOURCES:
        for path in forms(resource.path):
            names = [part.strip("{}") for part in path.split("/") if part.startswith("{")]
            arguments = {name: EXAMPLES[name] for name in names}
            assert found(resource.method, target(resource, arguments)) == (resource.number, arguments)


@pytest.mark.proves("G-005")
@pytest.mark.parametrize(
    ("method", "path", "number", "arguments"),
    [
        ("GET", "/meters/scanned", 35, {}),
        ("DELETE", "/meters/scanned", 37, {}),
        ("POST", "/meters/scanned/17", 36, {"token": "17"}),
        ("DELETE", f"/meters/M/loadprofiles/{TIME}", 76, {"serial": "M", "channel": TIME}),
        ("PUT", "/meters/firmware", 27, {}),
        ("GET", "/meters/firmwareupdatestatus", 24, {}),
        ("GET", "/meters/M/energy/resettable", 56, {"serial": "M"}),
        ("POST", "/meters/M/energy/resettable", 57, {"serial": "M"}),
        ("GET", "/meters/M/energy/resetcounter", 58, {"serial": "M"}),
        ("GET", "/meters/M/energy/conversionfactor", 44, {"serial": "M"}),
        ("POST", "/meters/M/energy/conversionfactor", 45, {"serial": "M"}),
        ("GET", "/meters/M/energy/active", 54, {"serial": "M", "type": "active"}),
        ("GET", "/meters/M/energy/active/co2", 55, {"serial": "M", "type": "active", "mode": "co2"}),
        ("GET", "/meters/M/previousvalues/configuration", 70, {"serial": "M"}),
        ("GET", "/meters/M/loadprofiles/configuration", 74, {"serial": "M"}),
        ("GET", "/meters/M/demand/configuration", 78, {"serial": "M"}),
        ("GET", f"/meters/M/demand/{TIME}/500", 77, {"serial": "M", "from": TIME, "count": "500"}),
        ("GET", f"/meters/M/demand/{TIME}/{TIME}", 77, {"serial": "M", "from": TIME, "to": TIME}),
        ("GET", f"/meters/M/previousvalues/{TIME}/-1", 69, {"serial": "M", "from": TIME, "count": "-1"}),
        ("GET", "/meters/M/loadprofiles/3", 73, {"serial": "M", "channel": "3"}),
        ("GET", f"/meters/M/loadprofiles/{TIME}", 73, {"serial": "M", "from": TIME}),
        ("GET", f"/meters/M/loadprofiles/{TIME}/9", 73, {"serial": "M", "from": TIME, "count": "9"}),
        ("GET", f"/meters/M/loadprofiles/{TIME}/{TIME}", 73, {"serial": "M", "from": TIME, "to": TIME}),
        ("GET", f"/meters/M/loadprofiles/3/{TIME}/9", 73, {"serial": "M", "channel": "3", "from": TIME, "count": "9"}),
        ("GET", f"/meters/M/events/{TIME}", 51, {"serial": "M", "datetime": TIME}),
        ("GET", f"/meters/M/events/{TIME}/x", 51, {"serial": "M", "datetime": TIME, "count": "x"}),
        ("DELETE", "/meters/M/loadprofiles", 76, {"serial": "M"}),
        ("DELETE", "/meters/M/loadprofiles/9", 76, {"serial": "M", "channel": "9"}),
    ],
)
def test_literals_win_and_shapes_tell_arguments_apart(
    method: str, path: str, number: int, arguments: dict[str, str]
) -> None:
    assert found(method, path) == (number, arguments)


@pytest.mark.proves("G-005")
@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", "/meters/scanned", ("GET", "DELETE")),
        ("DELETE", "/meters/firmware", ("PUT",)),
        ("GET", "/meters/firmware", ("PUT",)),
        ("POST", "/meters/firmwareupdatestatus", ("GET",)),
        ("HEAD", "/about", ("GET",)),
        ("OPTIONS", "/users/user1", ("POST", "PUT", "DELETE")),
        ("get", "/about", ("GET",)),
        ("PUT", "/meters/M", ("POST", "DELETE")),
        ("GET", "/", ()),
        ("GET", "", ()),
        ("GET", "about", ()),
        ("GET", "//about", ()),
        ("GET", "/about//", ()),
        ("GET", "/About", ()),
        ("GET", "/meters//datetime", ()),
        ("GET", "/meters/M/energy/resettable/co2", ()),
        ("GET", "/meters/M/demand/configuration/5", ()),
        ("GET", f"/meters/M/demand/{TIME}/5/6", ()),
        ("GET", "/meters/M/nothing", ()),
        ("GET", "/meters/%FF/datetime", ()),
    ],
)
def test_what_has_no_resource_names_the_methods_there_are(method: str, path: str, allow: tuple[str, ...]) -> None:
    assert ROUTER.find(method, path) == Missed(allow)


@pytest.mark.proves("G-006")
@pytest.mark.parametrize(
    ("method", "path", "number"),
    [
        ("GET", "/meters/M/powers", 59),
        ("GET", "/meters/M/tariff/seasons", 87),
        ("POST", "/meters/M/tariff/seasons", 88),
        ("GET", "/meters/M/conversionfactor", 44),
        ("POST", "/meters/M/conversionfactor", 45),
        ("PUT", "/users/user1", 19),
        ("POST", "/configuration/mbus-wired", 7),
        ("POST", "/configuration/mbus-ir", 8),
    ],
)
def test_aliases_are_their_resource(method: str, path: str, number: int) -> None:
    answer = ROUTER.find(method, path)
    assert isinstance(answer, Match)
    assert answer.resource is BY_NUMBER[number]


def test_one_slash_at_the_end_and_percent_encoding() -> None:
    assert found("GET", "/meters/")[0] == 31
    assert found("GET", "/%6Deters")[0] == 31
    assert found("GET", "/meters/a%2Fb%252F/datetime/") == (41, {"serial": "a/b%2F"})
    assert target(BY_NUMBER[41], {"serial": "a/b%2F"}) == "/meters/a%2Fb%252F/datetime"
    assert target(BY_NUMBER[59], {"serial": "M"}, alias=0) == "/meters/M/powers"


def test_a_path_that_is_taken_or_arguments_that_no_path_has_are_refused() -> None:
    with pytest.raises(InvalidValue):
        Router([BY_NUMBER[1], BY_NUMBER[1]])
    with pytest.raises(InvalidValue):
        target(BY_NUMBER[69], {"serial": "M", "count": 5})
    with pytest.raises(InvalidValue):
        list(forms("/demand[/{from}"))
