"""The client against a gateway made of the printed examples, in both modes, byte by byte."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from tests.g13.fake import PASSWORD, PATHS, SERIAL, TIME, FakeG13, error
from tests.g13.test_answers import ANSWERS, default_form
from wattproof.drivers.modbus import run_blocking
from wattproof.errors import Disconnected, InvalidValue, ProtocolError, UsageError
from wattproof.g13.client import Registered
from wattproof.g13.failures import GatewayRefused, MeterFailed
from wattproof.g13.resources import BY_NUMBER
from wattproof.g13.routing import Match, Router
from wattproof.io.trace import Trace

COSEM = "received invalid response from COSEM."
DENIED = "received READ_WRITE_DENIED response from COSEM"
EXAMPLES = {example.number: example for example in ANSWERS}
both = pytest.mark.parametrize("compat", [False, True], ids=["ours", "original"])


def arguments(number: int) -> dict[str, Any]:
    (line,) = (line for line in PATHS.split("\n") if line.startswith(f"{number} "))
    found = Router([BY_NUMBER[number]]).find(*line.split()[1:])
    assert isinstance(found, Match)
    return {f"{name}_" if name == "from" else name: value for name, value in found.arguments.items()}


@both
@pytest.mark.parametrize("number", [int(line.split()[0]) for line in PATHS.split("\n") if line])
def test_every_printed_answer_comes_out_in_the_default_form(number: int, compat: bool) -> None:
    fake = FakeG13(compat=compat)
    wanted = default_form(EXAMPLES[number])
    if not compat and number in (59, 65):
        path = next(line.split()[2] for line in PATHS.split("\n") if line.startswith(f"{number} "))
        fake.answers["GET", path] = (200, json.dumps(wanted).encode())
    if number == 51:
        wanted["system"][0]["category"] = wanted["event"][0]["category"] = 4  # GD-30: ids 1001 and 1003 are warnings
    client = fake.client()
    found = run_blocking(client.ask(number, {} if number == 16 else None, **arguments(number)))
    assert found == textual(number, wanted)
    assert client.ours is not compat


def textual(number: int, wanted: Any) -> Any:
    """Thresholds, harmonics and demands are numbers in JSON, and decimals here."""
    if number == 52:
        for alarm in wanted["alarmconfig"]:
            alarm |= {name: str(alarm[name]) for name in ("onthreshold", "offthreshold") if name in alarm}
    if number in (61, 62):
        wanted["l1"] = {"harmonics": ["0"] * 16, "thd": "0"}
    if number == 77:
        for item in wanted["items"]:
            item["values"] = [[status, str(value), *rest] for status, value, *rest in item["values"]]
    return wanted


@both
def test_requests_carry_credentials_and_compact_bodies(compat: bool) -> None:
    fake = FakeG13(compat=compat)
    client = fake.client()
    assert run_blocking(client.ask(82, {"tariff": 2}, serial="a/b")) == {"status": "success"}
    assert fake.heard == [
        b"POST /meters/a%2Fb/tariff HTTP/1.1\r\nHost: fake\r\nAuthorization: Basic YWRtaW46Y29ycmVjdCBob3JzZQ==\r\n"
        b'Connection: close\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{"tariff":2}'
    ]
    assert run_blocking(client.ask(26)) == {"status": "success"}
    assert b"Content-Length: 0\r\n" in fake.heard[-1]
    fake.answers["GET", f"/meters/M/loadprofiles/2/{TIME}/5"] = (200, b'{"items":[]}')
    assert run_blocking(client.ask(73, serial="M", channel=2, from_=TIME, count=5)) == {"items": []}
    with pytest.raises(InvalidValue):
        run_blocking(client.ask(73, serial="M", count=5))


#: Status and body of an answer, error, its text, and whether the meter refused.
REFUSALS = [
    (400, error("missing ip in JSON"), GatewayRefused, "missing ip in JSON", False),
    (401, b"<HTML>no</HTML>", GatewayRefused, "Unauthorized", False),
    (403, error("Forbidden: Access Denied"), GatewayRefused, "Forbidden: Access Denied", False),
    (403, error(DENIED), GatewayRefused, DENIED, True),
    (200, error(DENIED), GatewayRefused, DENIED, True),  # GD-08
    (404, error("meter not found"), GatewayRefused, "meter not found", False),
    (500, error(COSEM), MeterFailed, COSEM, None),
    (502, error(COSEM), MeterFailed, COSEM, None),  # GD-07
    (500, b"", MeterFailed, "Internal Server Error", None),
]


@both
@pytest.mark.proves("G-381")
@pytest.mark.parametrize(("status", "body", "kind", "text", "denied"), REFUSALS)
def test_failures_name_text_meter_and_resource(
    status: int, body: bytes, kind: type[Any], text: str, denied: bool | None, compat: bool
) -> None:
    fake = FakeG13(compat=compat)
    fake.answers["DELETE", f"/meters/{SERIAL}/demand"] = (status, body)
    with pytest.raises(kind) as caught:
        run_blocking(fake.client().ask(80, serial=SERIAL))
    assert (caught.value.text, caught.value.meter, caught.value.resource) == (text, SERIAL, BY_NUMBER[80])
    assert caught.value.status == status
    for part in (text.rstrip("."), f"meter {SERIAL}", "DELETE /meters/{serial}/demand", "https://fake"):
        assert part in str(caught.value)
    if denied is not None:
        assert caught.value.denied is denied
    assert ("one-time password" in str(caught.value)) is (status == 403 and not denied)


@both
@pytest.mark.proves("G-381")
@pytest.mark.parametrize("size", [1, 40, 100])
def test_a_broken_answer_is_followed_by_its_reason(size: int, compat: bool) -> None:
    fake = FakeG13(compat=compat)
    path = f"/meters/{SERIAL}/demand"
    fake.broken["GET", path] = (size, 23)
    fake.reasons[23] = {"id": 23, "status": "error", "des": COSEM, "detail": "unit 5: no answer within 1 s"}
    with pytest.raises(MeterFailed) as caught:
        run_blocking(fake.client().ask(77, serial=SERIAL))
    assert (caught.value.text, caught.value.meter, caught.value.status) == (COSEM, SERIAL, 200)
    assert "unit 5: no answer within 1 s" in str(caught.value)
    assert [path for _, path, _ in fake.asked] == [path, "/lasterror/23"]


@both
def test_a_broken_answer_without_a_reason_is_what_it_is(compat: bool) -> None:
    fake = FakeG13(compat=compat)
    path = f"/meters/{SERIAL}/demand"
    kind = ProtocolError if compat else Disconnected
    for id, asked in ((0, 1), (7, 2)):
        fake.broken["GET", path] = (40, id)
        fake.asked.clear()
        with pytest.raises(kind):
            run_blocking(fake.client().ask(77, serial=SERIAL))
        assert len(fake.asked) == asked  # not asked again, and an unknown id adds nothing
    fake.broken["GET", path] = (40, 8)
    fake.reasons[8] = {"id": 8, "status": "success"}
    with pytest.raises(kind):
        run_blocking(fake.client().ask(77, serial=SERIAL))


@both
def test_no_json_and_another_answer_are_protocol_errors(compat: bool) -> None:
    fake = FakeG13(compat=compat)
    for body in (b"<html></html>", b"[]", b'{"items":7}', b"\xff"):
        fake.answers["GET", f"/meters/{SERIAL}/demand"] = (200, body)
        with pytest.raises(ProtocolError, match=r"GET /meters/\{serial\}/demand"):
            run_blocking(fake.client().ask(77, serial=SERIAL))


@both
def test_credentials_are_wanted_before_anything_is_sent_and_wrong_ones_are_told(compat: bool) -> None:
    fake = FakeG13(compat=compat)
    with pytest.raises(UsageError, match="password-file"):
        run_blocking(fake.client(password=None).ask(1))
    assert not fake.heard
    with pytest.raises(GatewayRefused, match="password-file") as caught:
        run_blocking(fake.client(password="wrong").ask(1))
    assert caught.value.status == 401
    with pytest.raises(InvalidValue, match="colon"):
        run_blocking(fake.client(user="a:b").ask(1))


@both
def test_reading_requests_are_repeated_and_writing_ones_are_not(compat: bool) -> None:
    fake = FakeG13(compat=compat)
    client = fake.client(retries=2)
    fake.deaf = 2
    assert run_blocking(client.ask(9))["alias"] == "Gateway"
    assert len(fake.heard) == 3
    fake.deaf = 1
    with pytest.raises(Disconnected):
        run_blocking(client.ask(82, {"tariff": 2}, serial=SERIAL))
    assert len(fake.heard) == 4


def test_a_gateway_that_knows_another_path_is_asked_by_that_from_then_on() -> None:
    """GD-04 to GD-06."""
    fake = FakeG13(compat=True)
    for status in (404, 400):
        client = fake.client()
        for number, path, other in (
            (59, "power", "powers"),
            (87, "tariff/seasonprofiles", "tariff/seasons"),
            (44, "energy/conversionfactor", "conversionfactor"),
        ):
            answer = fake.answers.setdefault(
                ("GET", f"/meters/{SERIAL}/{other}"), fake.answers["GET", f"/meters/{SERIAL}/{path}"]
            )
            fake.answers["GET", f"/meters/{SERIAL}/{path}"] = (status, error("Invalid Request"))
            fake.asked.clear()
            assert run_blocking(client.ask(number, serial=SERIAL))
            assert run_blocking(client.ask(number, serial=SERIAL))
            assert [path.partition(f"{SERIAL}/")[2] for _, path, _ in fake.asked] == [path, other, other]
            assert answer[0] == 200
    client = fake.client()
    fake.answers["POST", f"/meters/{SERIAL}/tariff/seasonprofiles"] = (400, error("invalid seasonprofiles"))
    fake.answers["POST", f"/meters/{SERIAL}/tariff/seasons"] = (400, error("Invalid Request"))
    with pytest.raises(GatewayRefused, match="invalid seasonprofiles"):
        run_blocking(client.ask(88, {"seasonprofiles": []}, serial=SERIAL))


def test_ours_is_not_asked_twice_about_what_it_refuses() -> None:
    fake = FakeG13(compat=False)
    fake.answers["GET", f"/meters/{SERIAL}/power"] = (400, error("not supported by this meter: power"))
    with pytest.raises(GatewayRefused, match="not supported"):
        run_blocking(fake.client().ask(59, serial=SERIAL))
    assert len(fake.asked) == 1


PULSE = {"length": 100, "frequency": 10000, "energytype": "active_import"}


@pytest.mark.proves("G-381")
@pytest.mark.parametrize(
    ("ports", "base", "found"),
    [
        ([0, 1, 255], 1, [1, 2, 255]),  # a 0 tells
        ([1, 4], 0, [1, 4]),  # so does a 4
        ([1, 2], 0, [2, 3]),  # nothing tells
        ([1, 2], 1, [1, 2]),
        ([255], 0, [255]),
    ],
)
def test_pulse_ports_are_counted_from_one(ports: list[int], base: int, found: list[int]) -> None:
    """GD-11."""
    fake = FakeG13(compat=True)
    pulse = [{**PULSE, "port": port} for port in ports]
    fake.answers["GET", f"/meters/{SERIAL}/io/pulse"] = (200, json.dumps({"pulse": pulse}).encode())
    answer = run_blocking(fake.client(pulse_port_base=base).ask(65, serial=SERIAL))
    assert [output["port"] for output in answer["pulse"]] == found
    assert [output["id"] for output in answer["pulse"]] == list(range(1, len(ports) + 1))


@pytest.mark.proves("G-381")
def test_odd_answers_are_taken_with_a_warning() -> None:
    fake = FakeG13(compat=True)
    client = fake.client()
    alarms = [{"id": 3, "quantity": 75, "log": 4000, "output": 5000}, {"id": 4, "output": 4}]
    fake.answers["GET", f"/meters/{SERIAL}/alarms/configuration"] = (200, json.dumps({"alarmconfig": alarms}).encode())
    found = run_blocking(client.ask(52, serial=SERIAL))["alarmconfig"]  # GD-12
    assert [(alarm["output"], alarm.get("log")) for alarm in found] == [(0, True), (4, None)]
    for _ in range(2):
        energy = run_blocking(client.ask(54, serial=SERIAL, type="active"))  # GD-16
    assert energy["importenergy"]["l1"] == ["1758307.29", "kWh"]
    assert client.warnings == [
        "alarm 3: there is no output 5000; taken as none",
        "phase energies and total disagree",
    ]


def test_ports_without_a_number_are_numbered_by_their_place() -> None:
    fake = FakeG13(compat=True)
    fake.answers["GET", f"/meters/{SERIAL}/io"] = (200, b'{"iostatus":[{"currentstate":0},{"currentstate":1}]}')
    assert [port["port"] for port in run_blocking(fake.client().ask(63, serial=SERIAL))["iostatus"]] == [1, 2]


@both
def test_meters_are_listed_with_their_locations(compat: bool) -> None:
    found = run_blocking(FakeG13(compat=compat).client().meters())
    assert found == [
        Registered("ABB_8", "ABB_8", "Level1", 3, 17, 1),
        Registered("ABB_9", "ABB_9", "Level1", 1, 18, 1),
        Registered("ABB_6", "ABB_6", "Level2", 1, 12, 1),
    ]


def scanned(state: int, *tokens: int) -> tuple[int, bytes]:
    results = [{"token": token, "serial": f"M{token}", "protocol": "3", "address": "17"} for token in tokens]
    return 200, json.dumps({"scanresult": results, "scancomplete": state}).encode()


@pytest.mark.proves("G-381")
@pytest.mark.parametrize(
    ("states", "found"),
    [
        ([scanned(2), scanned(2, 9), scanned(1, 9)], ["M9"]),
        ([scanned(1)], []),
        ([scanned(1, 3)], []),  # another scan's
        ([scanned(0, 9)], ["M9"]),
        ([scanned(0), scanned(0), scanned(2), scanned(0, 9)], ["M9"]),
        ([scanned(0)] * 9, None),
    ],
)
def test_a_scan_is_waited_for(states: list[tuple[int, bytes]], found: list[str] | None) -> None:
    """GD-01."""
    fake = FakeG13(compat=True)
    left = list(states)
    real = fake.reply

    def reply(data: bytes) -> bytes:
        if data.startswith(b"GET /meters/scanned "):
            fake.answers["GET", "/meters/scanned"] = left.pop(0)
        return real(data)

    fake.reply = reply  # type: ignore[method-assign]
    client = fake.client()
    if found is None:
        with pytest.raises(ProtocolError, match="there is no scan"):
            run_blocking(client.scan(9, {"eqbus": {"range": [17]}}))
        assert len(left) == 3  # six looks in five seconds
    else:
        assert [result["serial"] for result in run_blocking(client.scan(9, {"eqbus": {"range": [17]}}))] == found
        assert not left
    assert fake.asked[0] == ("POST", "/meters/scanned/9", b'{"eqbus":{"range":[17]},"token":9}')


def test_an_image_is_uploaded_as_a_form_whatever_type_the_answer_has() -> None:
    """GD-17."""
    fake = FakeG13(compat=True)
    run_blocking(fake.client().upload(b"\r\n--image--", 'a"b\r\n.bin'))
    request = fake.heard[0]
    head, _, body = request.partition(b"\r\n\r\n")
    boundary = head.partition(b"boundary=")[2].partition(b"\r\n")[0]
    assert body == (
        b"--" + boundary + b'\r\nContent-Disposition: form-data; name="image"; filename="a_b__.bin"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n\r\n--image--\r\n--" + boundary + b"--\r\n"
    )
    assert f"Content-Length: {len(body)}".encode() in head


def test_no_trace_shows_a_password() -> None:
    fake = FakeG13(compat=True)
    text = io.StringIO()
    with Trace(text) as trace:
        run_blocking(fake.client(trace=trace).ask(18, {"name": "u", "oldkey": 'geheim"1', "key": "geheim-2"}, user="u"))
    written = text.getvalue()
    assert "open https://fake" in written
    for secret in (b"geheim", PASSWORD.encode(), b"YWRtaW46"):
        assert secret.hex(" ") not in written.lower()
        assert secret.decode() not in written
    assert fake.asked[0][2] == b'{"name":"u","oldkey":"geheim\\"1","key":"geheim-2"}'
