"""REST of a virtual DMED4: methods, paths, rights, the form of requests and of answers (section 6)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wattproof.meters.dmed4.virtual.site import success

#: Paths, their methods, and those that need a login (6.5).
RESOURCES = {
    "measure": ("GET", ""),
    "charge_settings": ("GET PUT POST", ""),
    "charge_status": ("GET", ""),
    "ocmf": ("GET POST", ""),
    "logbook/info": ("GET", ""),
    "logbook/OCMF": ("GET", ""),
    "logbook/events": ("GET", ""),
    "system_status": ("GET PUT POST", "PUT POST"),
    "login": ("PUT", ""),
    "system_parameters": ("GET POST", "GET POST"),
    "force_display": ("PUT POST", ""),
}
METHODS = ("GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE")
FAILURE = re.compile(
    rb"HTTP/1\.1 (400 Bad request|403 Forbidden|404 Not Found|501 Not Implemented)\r\nConnection: close\r\n\r\n"
)


@pytest.mark.proves("D-134", "D-149", "D-178", "D-199")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", RESOURCES)
def test_a_method_that_a_path_does_not_have_is_not_implemented(
    bench: Callable[..., Any], path: str, method: str
) -> None:
    one = bench()
    before = one.memory
    if method in RESOURCES[path][0].split():
        assert one.status_of(method, path) != 501
    else:
        assert one.status_of(method, path) == one.status_of(method, f"{path}?tariff=1&password=2000", "{}") == 501
        assert one.memory == before


@pytest.mark.proves("D-137", "D-169", "D-180")
@pytest.mark.parametrize("path", RESOURCES)
def test_only_parameters_and_commissioning_need_a_login(bench: Callable[..., Any], path: str) -> None:
    methods, guarded = (text.split() for text in RESOURCES[path])
    one = bench()
    for method in methods:
        assert (one.status_of(method, path) == 403) == (method in guarded)
    one.log_in()
    for method in methods:
        assert one.status_of(method, path) != 403


@pytest.mark.proves("D-135", "D-127")
@pytest.mark.parametrize(
    "target",
    [
        "/v1", "/v1/", "/v1//", "/v2/measure", "/V1/measure", "/v1/Measure", "/v1/measure//", "/v1//measure",
        "//v1/measure",
        "///v1/measure", "/measure", "v1/measure", "/v1/measure/x", "/v1/v1/measure", "/v1/logbook", "/v1/logbook/ocmf",
        "/v1/logbook/EVENTS", "/v1/OCMF", "/v1/1/measure", "/1", "/v1/../v1/measure", "/v1/./measure",
        "/x/../v1/measure",
        "/v1%2Fmeasure", "/%2fv1/measure", "/v1/logbook%2FOCMF", "/v1/measure%00", "/v1/measure%20", "/v1/measure%3Fx",
        "/v1\\measure", "/index.html", "/favicon.ico", "*", "", "http://192.168.1.1/v1/measure", "192.168.1.1:80",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", METHODS)
def test_every_other_path_is_unknown(bench: Callable[..., Any], method: str, target: str) -> None:
    assert bench().http(method, target).status == 404


@pytest.mark.parametrize("target", ["/v1/measure/", "/v1/logbook/info/", "/v1/%6Deasure", "/%761/measure"])
def test_one_slash_at_the_end_and_encoded_letters_are_the_same_path(bench: Callable[..., Any], target: str) -> None:
    assert bench().http("GET", target).status == 200


# what a request carries


@pytest.mark.proves("D-123")
def test_put_takes_its_arguments_from_the_query(bench: Callable[..., Any]) -> None:
    one = bench()
    assert one.status_of("PUT", "charge_settings", '{"tariff":7}') == 400
    assert one.status_of("PUT", "charge_settings?tariff=8", '{"tariff":7}') == 200
    assert one.get("charge_settings")["tariff"] == 8


@pytest.mark.proves("D-124")
def test_a_post_without_body_is_a_put(bench: Callable[..., Any]) -> None:
    one = bench().log_in()
    assert one.status_of("POST", "charge_settings?datetime_offset=-60&tariff=3") == 200
    assert one.status_of("POST", "force_display?set_page=3") == 200
    assert one.status_of("POST", "system_status?operative_status=operating") == 200
    assert one.get("charge_settings")["datetime_offset"] == -60
    assert one.meter.state()["display"]["page"] == 3
    assert one.get("system_status")["operative_status"] == "Operating"
    assert one.status_of("POST", "charge_settings") == one.status_of("POST", "charge_settings?") == 400
    assert one.status_of("POST", "login?password=2000") == 501


def test_a_post_with_body_takes_nothing_from_the_query(bench: Callable[..., Any]) -> None:
    one = bench()
    assert one.status_of("POST", "charge_settings?tariff=9", '{"datetime_offset":15}') == 200
    assert one.status_of("POST", "charge_settings?tariff=9", "{}") == 400
    assert one.get("charge_settings")["tariff"] == 0


@pytest.mark.proves("D-125")
@pytest.mark.parametrize(
    "query",
    [
        "tariff=7", "%74ariff=%37", "tariff%3D=1&tariff=7", "%20tariff%20=%207%20", "tariff=%097", "&tariff=7&&",
        "tariff=007",
    ],
)  # fmt: skip
def test_names_and_values_are_decoded_and_blanks_around_them_dropped(bench: Callable[..., Any], query: str) -> None:
    one = bench()
    assert one.status_of("PUT", f"charge_settings?{query}") == 200
    assert one.get("charge_settings")["tariff"] == 7


@pytest.mark.proves("D-126")
@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("tariff=7&colour=red", 200), ("colour=red&tariff=7&sync_timeout=5&", 200), ("colour=red", 400),
        ("sync_timeout=5", 400),
        ("Tariff=7", 400), ("tariff=7&tariff=7", 400), ("tariff=7&t%61riff=8", 400), ("tariff=7&colour=1&colour=1",
        400),
        ("", 400), ("=7", 400), ("tariff", 400), ("tariff=", 400),
    ],
)  # fmt: skip
def test_unknown_arguments_are_ignored_beside_a_known_one(bench: Callable[..., Any], query: str, status: int) -> None:
    one = bench()
    before = one.memory
    assert one.status_of("PUT", f"charge_settings?{query}") == status
    assert (one.memory == before) == (status == 400)


@pytest.mark.proves("D-126")
@pytest.mark.parametrize(
    ("path", "status"),
    [("measure?x=1", 400), ("ocmf?index_type=POS", 400), ("logbook/events?x=1&index_type=POS", 200), ("measure?", 200)],
)
def test_the_same_rule_holds_for_get(bench: Callable[..., Any], path: str, status: int) -> None:
    assert bench().status_of("GET", path) == status


MALFORMED = [
    b"", b" ", b"{", b"}", b"{}", b"[]", b"null", b"7", b'"tariff"', b"tariff=7", b'{"tariff":}', b'{"tariff":7',
    b"{'tariff':7}",
    b'{"tariff":7}x', b'{"tariff":7}{"tariff":7}', b'{"tariff":7,}', b'{"tariff":07}', b'{tariff:7}',
    b'{"tariff":7,"tariff":7}',
    b'{"tariff":7,"t\\u0061riff":7}', b'{"tariff":7,"x":{"y":1,"y":2}}', b'{"tariff":NaN}', b'{"tariff":7,"x":NaN}',
    b'{"tariff":Infinity}', b'{"tariff":-Infinity}', b'{"tariff":1e999}', b'{"tariff":7.0}', b'{"tariff":7e0}',
    b'{"tariff":"7"}',
    b'{"tariff":true}', b'{"tariff":null}', b'{"tariff":[7]}', b'{"tariff":{"tariff":7}}', b'{"tariff":-1}',
    b'{"tariff":65536}',
    b'{"tariff":' + b"9" * 6000 + b"}", b'{"tariff":0.' + b"9" * 6000 + b"}", b'{"colour":"red"}', b'{"command":1}',
    b'{"command":["X"]}', b'{"command":{}}', b'{"command":""}', b'{"command":"XX"}', b'{"tariff":7}\0',
    b'\0{"tariff":7}',
    b'{"tariff":7,"x":"\0"}', b'{"tariff":7,"x":"\n"}', b'{"tariff":7,"x":"\xff"}', b'{"tariff":7,"x":"\xed\xa0\x80"}',
    b'\xef\xbb\xbf{"tariff":7}', '{"tariff":7}'.encode("utf-16"), '{"tariff":7}'.encode("utf-16-le"),
    '{"tariff":7}'.encode("utf-32"), b"[" * 8000, b'{"tariff":' * 800,
    b'{"x":' + b"[" * 4000 + b"]" * 4000 + b',"tariff":7}',
]  # fmt: skip


@pytest.mark.proves("D-136")
@pytest.mark.parametrize("body", MALFORMED, ids=lambda body: repr(body[:40]))
def test_a_body_that_is_not_what_it_should_be_changes_nothing(bench: Callable[..., Any], body: bytes) -> None:
    one = bench().log_in()
    before = one.memory
    for path in ("charge_settings", "force_display", "system_status", "system_parameters"):
        assert one.status_of("POST", path, body) == 400
    assert one.memory == before


@pytest.mark.parametrize(
    "body", ['{"tariff":7,"colour":[1.5,null]}', ' {\r\n\t"tariff" : 7 } ', '{"t\\u0061riff":7}',
    '{"tariff":7,"x":"\\u0000"}']
)  # fmt: skip
def test_json_may_be_written_in_any_way(bench: Callable[..., Any], body: str) -> None:
    one = bench()
    assert one.http("POST", "/v1/charge_settings", body).body == b'{"tariff":7}'
    assert one.get("charge_settings")["tariff"] == 7


# the form of answers


@pytest.mark.proves("D-129", "D-130")
@pytest.mark.parametrize(
    ("length", "sizes"), [(1, "1"), (44, "2C"), (255, "FF"), (256, "100"), (257, "100 1"), (300, "100 2C"), (512,
    "100 100")]
)  # fmt: skip
def test_bodies_are_cut_into_chunks_of_256_bytes(length: int, sizes: str) -> None:
    body = bytes(33 + number % 90 for number in range(length))
    expected, at = b"", 0
    for size in sizes.split():
        part, at = body[at : at + int(size, 16)], at + int(size, 16)
        expected += size.encode() + b"\r\n" + part + b"\r\n"
    _, _, sent = success(body).encode().partition(b"\r\n\r\n")
    assert sent == expected + b"0\r\n\r\n"


@pytest.mark.proves("D-128", "D-129", "D-132")
@pytest.mark.parametrize("path", [path for path, (methods, _) in RESOURCES.items() if "GET" in methods])
def test_success_is_a_closed_connection_with_chunked_json(bench: Callable[..., Any], path: str) -> None:
    one = bench().log_in()
    one.begin()
    answer = one.http("GET", f"/v1/{path}")
    assert answer.status == 200 and answer.closes
    head, _, rest = answer.encode().partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"HTTP/1.1 200 OK", b"Connection: close", b"Content-Type: application/json", b"Transfer-Encoding: chunked",
    ]  # fmt: skip
    assert isinstance(json.loads(answer.body), dict)
    while not rest.startswith(b"0\r\n"):
        size, _, rest = rest.partition(b"\r\n")
        assert re.fullmatch(rb"[1-9A-F][0-9A-F]*", size) and int(size, 16) <= 256
        assert rest[int(size, 16) :][:2] == b"\r\n"
        rest = rest[int(size, 16) + 2 :]
    assert rest == b"0\r\n\r\n"


@pytest.mark.proves("D-131", "D-132")
@pytest.mark.parametrize(
    ("method", "target", "first"),
    [
        ("PUT", "/v1/charge_settings", b"HTTP/1.1 400 Bad request"), ("GET", "/v1/system_parameters",
        b"HTTP/1.1 403 Forbidden"),
        ("GET", "/v1/colour", b"HTTP/1.1 404 Not Found"), ("PUT", "/v1/measure", b"HTTP/1.1 501 Not Implemented"),
    ],
)  # fmt: skip
def test_failure_is_a_closed_connection_without_body(
    bench: Callable[..., Any], method: str, target: str, first: bytes
) -> None:
    answer = bench().http(method, target)
    assert answer.encode() == first + b"\r\nConnection: close\r\n\r\n"
    assert answer.closes


def test_what_the_edge_turns_down_looks_the_same(bench: Callable[..., Any]) -> None:
    for status in (400, 413, 414, 431):
        assert bench().site.refuse(status).encode() == b"HTTP/1.1 400 Bad request\r\nConnection: close\r\n\r\n"


# anything at all

NAMES = st.sampled_from(
    "tariff datetime datetime_offset res_cable command password operative_status display_on_off set_page index_type "
    "index_reference index_value P04_01 OCMF_BUFF RD x".split()
)
VALUES = st.one_of(
    st.sampled_from(["0", "7", "-60", "B", "E", "X", "2001", "operating", "POS", "TRANS_ID", "LAST_BUT", "1" * 30,
    "%00", "%ff"]),
    st.text(st.characters(codec="ascii", exclude_characters="#&"), max_size=8),
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from("BCErX"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=3), inner, max_size=4),
    max_leaves=8,
)
PATHS = st.sampled_from([*RESOURCES, "", "../measure", "1/measure", "nothing"])
BODIES = st.one_of(st.just(b""), st.binary(max_size=40), JSON.map(lambda content: json.dumps(content).encode()))


def settled(one: Any) -> Any:
    """What a refused request leaves alone; it may set errors, count a wrong password, or note that it searched."""
    state = one.meter.state()
    kept = (
        state["parameters"],
        state["controls"],
        state["display"],
        state["status"]["measurement"],
    )
    state["log"]["ocmf"]
    return kept, one.get("charge_settings"), one.get("system_status")["operative_status"]


@pytest.mark.proves("D-131", "D-128")
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    requests=st.lists(
        st.tuples(st.sampled_from(METHODS), PATHS, st.lists(st.tuples(NAMES, VALUES), max_size=3), BODIES), max_size=6
    )
)
def test_whatever_is_asked_the_answer_has_one_of_five_statuses(bench: Callable[..., Any], requests: list[Any]) -> None:
    one = bench()
    for method, path, query, body in requests:
        before = settled(one)
        target = f"/v1/{path}?{'&'.join('='.join(pair) for pair in query)}".removesuffix("?")
        answer = one.http(method, target, body)
        if answer.status == 200:
            assert isinstance(json.loads(answer.body), dict)
        else:
            assert FAILURE.fullmatch(answer.encode())
            assert settled(one) == before
        one.wait(0.1)
