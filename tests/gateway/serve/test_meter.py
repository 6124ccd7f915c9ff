"""What is answered about one meter: values composed here, documents and rows of the other process, in both modes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.g13 import examples
from tests.gateway.serve.requests import FORM, prepare, sample
from tests.gateway.serve.rig import OTHER, SERIAL, Rig, meter
from wattproof.g13.resources import BY_NUMBER, RESOURCES
from wattproof.g13.routing import forms
from wattproof.gateway.local import CommandFailed, Failing, Notice
from wattproof.gateway.records import Access, Binding, Group, Readings, Value
from wattproof.gateway.serve.problems import COSEM, DENIED
from wattproof.model.values import Quality

M = f"/meters/{SERIAL}"
DARK = CommandFailed(Failing.METER, COSEM, detail="no answer from address 17")
PRINTED = {example.number: json.loads(example.text) for example in examples.ANSWERS}


@pytest.fixture
async def laid(rig: Rig) -> Rig:
    await prepare(rig)
    return rig


@pytest.fixture
async def printed(original: Rig) -> Rig:
    await prepare(original)
    return original


def now(rig: Rig) -> int:
    return rig.clock.time() // 10**6


def sent(rig: Rig) -> list[str]:
    """Commands so far, without what the gate writes down when a user logs in."""
    return [name for name in rig.asked if name != "commit"]


DOCUMENTS = [30, 41, 43, 44, 46, 47, 50, 51, 52, 61, 62, 63, 64, 65, 70, 74, 78, 81, 83, 85, 87, 89]


@pytest.mark.proves(*(f"G-{100 + number}" for number in DOCUMENTS), "G-001")
async def test_documents_of_the_other_process_have_the_form_of_section_3(laid: Rig) -> None:
    for number in DOCUMENTS:
        asked = sample(BY_NUMBER[number])
        answer = await laid.ask("GET", asked.path)
        assert answer.status == 200
        document = laid.desk.documents[number]
        assert (number, answer.json) == (number, document)
        assert answer.body == json.dumps(answer.json, separators=(",", ":"), ensure_ascii=False).encode()
        assert answer.header("age") == "0" and answer.header("cache-control") == "no-store"
        name, arguments = laid.line.asked[-1]
        assert (name, arguments["serial"], arguments["resource"]) == ("get", SERIAL, number)


@pytest.mark.proves("G-371")
async def test_each_resource_asks_for_its_greatest_age(laid: Rig) -> None:
    async def asked(path: str) -> tuple[float, float]:
        laid.clock.advance(100)
        await laid.ask("GET", path)
        arguments = laid.line.asked[-1][1]
        return arguments["max_age"], arguments["wait"]

    for path, eq, mbus in (
        (f"{M}/power", (5, 10), (30, 30)), (f"{M}/instrument", (5, 10), (30, 30)), (f"{M}/io", (5, 10), (30, 30)),
        (f"{M}/energy/active", (15, 10), (60, 30)), (f"{M}/energy/active/co2", (15, 10), (60, 30)),
        (f"{M}/energy/resettable", (15, 10), (60, 30)), (f"{M}/energy/resetcounter", (15, 10), (60, 30)),
        (f"{M}/statusflags", (15, 10), (60, 30)), (f"{M}/harmonics/voltage", (60, 20), (60, 20)),
        (f"{M}/datetime", (0, 10), (0, 10)), (f"{M}/alarms/configuration", (300, 10), (300, 10)),
        (f"{M}/info", (86400, 10), (86400, 10)),
    ):  # fmt: skip
        assert (path, await asked(path)) == (path, eq)
        await laid.store.commit(meter(protocol=1))
        laid.service.take(Notice("changed"))
        if path != f"{M}/alarms/configuration":
            assert (path, await asked(path)) == (path, mbus)
        await laid.store.commit(meter())
        laid.service.take(Notice("changed"))


@pytest.mark.proves("G-154", "G-155", "G-156", "G-158", "G-159", "G-160", "G-374", "G-004")
async def test_values_are_composed(laid: Rig, printed: Rig) -> None:
    time = now(laid) - 4300
    values = {
        1: Value(127131, 1, time), 13: Value(-1095995988, 1, time), 9: Value(16, 1, time), 122: Value(0, -2, time),
        113: Value(12345, -2, time), 171: Value(175839736, 1, time), 175: Value(3, 0, time),
        96: Value(-2000000, 0, time), 100: Value(100000, 0, time), 104: Value(1100004, 0, time),
        69: Value(2271, -1, time), 70: Value(None, -2, time, Quality.INVALID), 71: Value(0, -3, time),
        72: Value(None, -1, time, Quality.MISSING), 170: Value(None, 0, time, Quality.INVALID),
        80: Value(251920, -3, time), 81: Value(5, -2, time, Quality.ESTIMATED),
    }  # fmt: skip
    for rig in (laid, printed):
        rig.desk.values[SERIAL] = values
        bodies = {path: (await rig.ask("GET", f"{M}/{path}")) for path in (
            "energy/active", "energy/active/co2", "energy/active/currency", "energy/resettable", "energy/resetcounter",
            "power", "instrument",
        )}  # fmt: skip
        found = {path: answer.json for path, answer in bodies.items()}
        compat = rig is printed
        assert found["energy/active"] == {
            "importenergy": {"t1": ["0.16", "kWh"], "total": ["1271.31", "kWh"]},
            "netenergy": {"total": ["-10959959.88", "kWh"]},
        }
        assert found["energy/active/co2"] == {"importenergy": {"total": ["0.00", "KG"]}}
        assert found["energy/active/currency"] == {"importenergy": {"total": ["123.45", "curr"]}}
        assert found["energy/resettable"] == {"resettableenergy": {"activeimport": ["1758397360.000", "Wh"]}}
        assert found["energy/resetcounter"] == {"resetcounter": {"activeimport": ["3", None]}}
        assert found["power"] == {
            "active": {"total": ["-2000000", "W"]},
            "reactive": {"total": ["100000", "W" if compat else "var"]},
            "apparent": {"total": ["1100004", "W" if compat else "VA"]},
        }
        current = {} if compat else {"current": [None, "A"]}
        assert found["instrument"]["l1"] == current | {"powerfactor": ["0.000", None], "voltage": ["227.1", "V"]}
        assert found["instrument"]["l1-l3"] == {"voltage": ["251.920", "V"]}
        assert found["instrument"]["neutral"] == {"current": ["0.05", "A"]}
        assert "l2" not in found["instrument"]
        assert {answer.header("age") for answer in bodies.values()} == ({None} if compat else {"4"})
    for path, text in (
        ("energy/passive", "invalid energy type"), ("energy/reactive/co2", "invalid energy type"),
        ("energy/active/euro", "invalid mode"),
    ):  # fmt: skip
        answer = await laid.ask("GET", f"{M}/{path}")
        assert (answer.status, answer.text) == (400, text)
        answer = await printed.ask("GET", f"{M}/{path}")
        assert (answer.status, answer.text) == (400, "Invalid Request")


@pytest.mark.proves("G-351")
async def test_what_a_meter_does_not_have_is_refused_by_name(laid: Rig, printed: Rig) -> None:
    await laid.store.commit(meter(family="bsm", protocol=5, provides=(1, 69, 96), traits=()))
    for rig in (laid, printed):
        rig.service.take(Notice("changed"))
        rig.line.asked.clear()
        for method, path, body, what in (
            ("GET", "energy/reactive", None, "reactive energy"), ("GET", "harmonics/voltage", None, "harmonics"),
            ("GET", "mbusinfo", None, "M-Bus"), ("GET", "io/pulse", None, "pulse outputs"),
            ("POST", "io/configuration", {"ioconfig": [3]}, "input and output configuration"),
        ):  # fmt: skip
            answer = await rig.ask(method, f"{M}/{path}", body)
            expected = "Invalid Request" if rig is printed else f"not supported by this meter: {what}"
            assert (path, answer.status, answer.text) == (path, 400, expected)
        assert not sent(rig)
        assert (await rig.ask("GET", f"{M}/energy/active")).status == 200


@pytest.mark.proves("G-375")
async def test_a_meter_that_does_not_answer(laid: Rig, printed: Rig) -> None:
    for rig in (laid, printed):
        rig.desk.failing = DARK
        for path in ("power", "energy/active", "datetime", "alarms/configuration"):
            answer = await rig.ask("GET", f"{M}/{path}")
            assert (path, answer.status, answer.text) == (path, 500, COSEM)
            assert len(answer.body) == 64
        answer = await rig.ask("GET", f"{M}/previousvalues/configuration")
        assert (answer.status, answer.reason) == ((502, b"Internal Server Error") if rig is printed else (500, None))
        assert (await rig.ask("GET", f"{M}/status")).status == 200
        executed = sample(BY_NUMBER[16])
        answer = await rig.ask("POST", executed.path, executed.body)
        assert (answer.status, answer.text) == (500, "Inetrnal Server Error")


@pytest.mark.proves("G-149")
async def test_the_status_is_known_without_asking(laid: Rig, printed: Rig) -> None:
    for status in (-1, 0, 1):
        await laid.store.commit(meter(status=status))
        laid.service.take(Notice("changed"))
        laid.line.asked.clear()
        answer = await laid.ask("GET", f"{M}/status")
        assert answer.json == {"serial": SERIAL, "label": "A44 552-100", "status": status}
        assert not sent(laid)


@pytest.mark.proves("G-376")
async def test_the_last_good_values_of_a_meter_that_is_away(tmp_path: Any, store: Any, verifier: Any, rig: Rig) -> None:
    layout = await store.layout({96: -1, 69: -1})
    time = now(rig)
    await store.commit(Readings(SERIAL, Group.LIVE, time, layout, (1000, None), "gm"))
    path = f"{M}/power"
    for options, status in (({}, 500), ({"offline": "last"}, 200), ({"offline": "last", "compat": "g13"}, 500)):
        made = Rig(tmp_path, store, verifier, **options, offline_max_age_s=100)
        made.desk.failing = DARK
        made.clock.advance(100)
        answer = await made.ask("GET", path)
        assert (options, answer.status) == (options, status)
        if status == 200:
            assert answer.json == {"active": {"total": ["100.0", "W"]}}
            assert (answer.header("age"), answer.header("wattproof-quality")) == ("100", "stale")
            assert (await made.ask("GET", f"{M}/instrument")).status == 500
            assert (await made.ask("GET", f"{M}/datetime")).status == 500
            made.desk.failing = CommandFailed(Failing.BUSY, "bus busy", retry_after=2)
            answer = await made.ask("GET", path)
            assert (answer.status, answer.header("retry-after")) == (503, "2")
            made.desk.failing = DARK
            made.clock.advance(0.1)
            assert (await made.ask("GET", path)).status == 500
        await made.close()


@pytest.mark.proves("G-169", "G-173", "G-177", "G-004")
async def test_rows_are_streamed(laid: Rig, printed: Rig) -> None:
    long = [{"status": 1, "timestamp": "2012-07-01T01:00:00", "value": "0.000"}] * 1000
    for rig in (laid, printed):
        for number, path in ((69, "previousvalues"), (73, "loadprofiles"), (77, "demand")):
            answer = await rig.ask("GET", f"{M}/{path}")
            assert (number, answer.json, answer.complete) == (number, PRINTED[number], True)
            assert (answer.header("link") == "/lasterror/0") is (rig is laid)
        rig.desk.streams[73] = [{"mapping": ["active_import_total", "Wh"], "interval": 900}, *[long] * 70]
        answer = await rig.ask("GET", f"{M}/loadprofiles/8/2012-07-01T00:00:00/2012-08-01T00:00:00")
        assert len(answer.json["items"]) == 70_000 and answer.header("transfer-encoding") == "chunked"
        asked = [arguments for name, arguments in rig.line.asked if name == "rows"][-1]
        assert asked["arguments"] == {"channel": 8, "from": "2012-07-01T00:00:00", "to": "2012-08-01T00:00:00"}
        rig.desk.streams[73] = []
        assert (await rig.ask("GET", f"{M}/loadprofiles")).status == (502 if rig is printed else 500)
        rig.desk.streams[73] = [DARK]
        answer = await rig.ask("GET", f"{M}/loadprofiles")
        assert (answer.status, answer.text) == (502 if rig is printed else 500, COSEM)


@pytest.mark.proves("G-379", "G-191")
async def test_an_answer_that_breaks_off_says_why_under_its_id(laid: Rig, printed: Rig) -> None:
    items = [{"status": 1, "timestamp": "2012-07-01T01:00:00", "value": "0.000"}] * 1000
    for rig in (laid, printed):
        rig.desk.streams[73] = [{"mapping": ["a", "Wh"], "interval": 900}, *[items] * 70, DARK]
        answer = await rig.ask("GET", f"{M}/loadprofiles/1")
        assert answer.status == 200 and answer.cut is (rig is laid)
        with pytest.raises(json.JSONDecodeError):
            json.loads(answer.body)
        link = answer.header("link")
        assert link is not None and link.startswith("/lasterror/")
        why = (await rig.ask("GET", link)).json
        assert why["des"] == COSEM and why["status"] == "error"
        if rig is laid:
            assert (why["serial"], why["resource"], why["detail"]) == (
                SERIAL, f"{M}/loadprofiles/1", "no answer from address 17",
            )  # fmt: skip


@pytest.mark.proves("G-378", "G-145", "G-172", "G-176", "G-180", "G-004")
async def test_writes_are_handed_on_and_their_failures_named(laid: Rig, printed: Rig) -> None:
    factors = {"conversionfactor": {"co2": "1.123", "currency": 100.789}}
    for rig in (laid, printed):
        answer = await rig.ask("POST", f"{M}/energy/conversionfactor", factors)
        assert answer.json == {"status": "success"}
        name, arguments = rig.line.asked[-1]
        assert (name, arguments["serial"], arguments["resource"]) == ("put", SERIAL, 45)
        assert arguments["body"] == {"conversionfactor": {"co2": "1.123", "currency": "100.789"}}
        assert arguments["who"] == {"user": "carl", "address": "192.0.2.9"}
        await rig.ask("DELETE", f"{M}/loadprofiles/3")
        assert rig.line.asked[-1][1]["arguments"] == {"channel": 3}
        rig.desk.failing = CommandFailed(Failing.METER, COSEM, where="currency")
        answer = await rig.ask("POST", f"{M}/energy/conversionfactor", factors)
        assert (answer.status, answer.text) == (500, COSEM if rig is printed else f"{COSEM} at currency")
        rig.desk.failing = CommandFailed(Failing.DENIED, DENIED)
        for number in (72, 76, 80):
            asked = sample(BY_NUMBER[number])
            answer = await rig.ask(asked.method, asked.path)
            assert (answer.status, answer.text) == (200 if rig is printed else 403, DENIED)
            assert (answer.header("link") is not None) is (rig is printed)
        answer = await rig.ask("POST", f"{M}/datetime", {"datetime": "2026-01-01T00:00:00"})
        assert (answer.status, answer.text) == (403, DENIED)


@pytest.mark.proves("G-372")
async def test_a_write_drops_what_was_remembered(laid: Rig) -> None:
    assert (await laid.ask("GET", f"{M}/energy/resettable")).json["resettableenergy"]["activeimport"][0] != "0.000"
    laid.desk.values[SERIAL][171] = Value(0, 1, now(laid))
    await laid.ask("POST", f"{M}/energy/resettable", {"resettableenergy": {"activeimport": True}})
    assert (await laid.ask("GET", f"{M}/energy/resettable")).json["resettableenergy"]["activeimport"][0] == "0.000"


@pytest.mark.proves("G-006")
async def test_aliases_answer_like_their_resource(laid: Rig, printed: Rig) -> None:
    for rig in (laid, printed):
        for resource in RESOURCES:
            for alias in resource.aliases:
                asked = sample(resource)
                path = next(forms(alias)).format(serial=SERIAL, user="target")
                answers = []
                for place in (asked.path, path, path + "/"):
                    if resource.number == 19:
                        await rig.ask("DELETE", "/users/target", user="gina")
                    answers.append(await rig.ask(asked.method, place, asked.body, user=_able(resource.number)))
                heads = {(answer.status, answer.body, tuple(answer.headers)) for answer in answers}
                assert len(heads) == 1 and answers[0].status == 200


def _able(number: int) -> str:
    return "gina" if number < 41 else "carl"


@pytest.mark.proves("G-007", "G-004")
async def test_requests_that_mean_nothing(laid: Rig, printed: Rig) -> None:
    json_type = {"content-type": "application/json"}
    cases: list[tuple[str, str, Any, dict[str, str], int, str, str | None]] = [
        ("GET", "/nothing", None, {}, 404, "not found", None),
        ("GET", "/METERS", None, {}, 404, "not found", None),
        ("GET", "//meters", None, {}, 404, "not found", None),
        ("GET", f"{M}/power//", None, {}, 404, "not found", None),
        ("GET", "/meters/a%ff/power", None, {}, 404, "not found", None),
        ("POST", "/about", None, {}, 405, "method not allowed", "GET"),
        ("PATCH", "/users", None, {}, 405, "method not allowed", "GET, PUT"),
        ("HEAD", "/about", None, {}, 405, "method not allowed", "GET"),
        ("OPTIONS", "/meters", None, {}, 405, "method not allowed", "GET, PUT"),
        ("OPTIONS", "/nothing", None, {}, 405, "method not allowed", None),
        ("GET", "/" + "a" * 2048, None, {}, 414, "path too long", None),
        ("POST", f"{M}/datetime", b'"' + b"x" * 65535 + b'"', json_type, 413, "request too large", None),
        ("POST", f"{M}/datetime", b"{}", {"content-type": "text/plain"}, 415, "unsupported media type", None),
        ("POST", f"{M}/datetime", b"datetime=1", {"content-type": "application/x-www-form-urlencoded"}, 415,
         "unsupported media type", None),
        ("POST", f"{M}/datetime", b"{", json_type, 400, "JSON parse error", None),
        ("POST", f"{M}/datetime", b'{"datetime":1,"datetime":2}', json_type, 400, "JSON parse error", None),
        ("POST", f"{M}/datetime", b"[" * 9 + b"]" * 9, json_type, 400, "JSON parse error", None),
        ("POST", f"{M}/datetime", b"NaN", json_type, 400, "JSON parse error", None),
    ]  # fmt: skip
    for rig in (laid, printed):
        for method, path, body, headers, status, text, allow in cases:
            answer = await rig.ask(method, path, body, headers=headers)
            expected = (400, "Invalid Request") if rig is printed else (status, text)
            assert (method, path[:20], (answer.status, answer.text)) == (method, path[:20], expected)
            assert answer.header("allow") == (None if rig is printed else allow)
            assert answer.header("access-control-allow-origin") is None
            rig.clock.advance(0.2)
            anonymous = await rig.ask(method, path, body, headers=headers, user=None)
            assert (anonymous.status, len(anonymous.body)) == (401, 162)
        assert not [name for name in rig.asked if name in ("put", "get")]
    whole = b'{"datetime":"2026-01-01T00:00:00"}'
    for headers in ({}, {"content-type": ""}, {"content-type": "Application/JSON; charset=utf-8"}):
        assert (await laid.ask("POST", f"{M}/datetime", headers=headers, chunks=[whole])).status == 200


@pytest.mark.proves("G-004")
async def test_the_order_of_checks(laid: Rig) -> None:
    """GD-40: each request has one fault more than the next, and is refused for the first."""
    form = {"content-type": "text/plain"}
    large = b'{"' + b"x" * 65536
    faults: list[tuple[str, str, Any, dict[str, str], str | None, int]] = [
        ("POST", "/nothing", large, form, None, 401),
        ("POST", "/nothing", large, form, "nina", 404),
        ("PUT", f"{M}/datetime", large, form, "nina", 405),
        ("POST", f"{M}/datetime", large, form, "nina", 403),
        ("POST", "/meters/NONE/datetime", large, form, "carl", 403),
        ("POST", "/meters/NONE/datetime", large, form, "gina", 413),
        ("POST", "/meters/NONE/datetime", b"{", form, "gina", 415),
        ("POST", "/meters/NONE/datetime", b"{", {}, "gina", 400),
        ("POST", "/meters/NONE/datetime", {"datetime": "2026-01-01T00:00:00"}, {}, "gina", 404),
        ("POST", f"{M}/datetime", {"datetime": "2026-01-01T00:00:00"}, {}, "carl", 500),
    ]
    laid.desk.failing = DARK
    for method, path, body, headers, user, status in faults:
        assert (path, user, (await laid.ask(method, path, body, headers=headers, user=user)).status) == (
            path, user, status,
        )  # fmt: skip
    for guess in range(5):
        laid.clock.advance(0.2)
        await laid.ask("GET", "/nothing", user="nina", password=f"guess-{guess}")
    assert (await laid.ask("POST", "/nothing", large, headers=form, user="nina")).status == 429


@pytest.mark.proves("G-004")
async def test_paths_are_decoded_once(laid: Rig) -> None:
    await laid.store.commit(meter("A-1"), meter("x y"), Binding("carl", "A-1", Access.VIEW))
    laid.service.take(Notice("changed"))
    assert (await laid.ask("GET", "/meters/A%2D1/status")).json["serial"] == "A-1"
    assert (await laid.ask("GET", "/meters/A%252D1/status")).status == 403
    assert (await laid.ask("GET", "/meters/A-1%2Fstatus", user="gina")).status == 405
    assert (await laid.ask("GET", "/%6Deters")).status == 200


@pytest.mark.proves("G-012")
async def test_a_client_that_goes_in_between_changes_nothing(laid: Rig) -> None:
    laid.line.asked.clear()
    for method, path, user, begun in (
        ("POST", f"{M}/datetime", "carl", b'{"datetime":"2026-01-01T00:00:00"}'),
        ("PUT", "/users", "gina", b'{"name":'),
        ("POST", "/firmware", "gina", FORM[:-5]),
    ):
        headers = {"content-type": "multipart/form-data; boundary=b"} if path == "/firmware" else {}
        half = await laid.ask(method, path, headers=headers, chunks=[begun], gone=True, user=user)
        assert half.status == 0
    assert not sent(laid) and not list((laid.config.data / "image").iterdir())


async def test_a_mistake_of_ours_is_logged_and_not_shown(laid: Rig, caplog: pytest.LogCaptureFixture) -> None:
    laid.desk.documents[46] = {"version": [{"secret": "structure"}]}
    answer = await laid.ask("GET", f"{M}/hardwareversion")
    assert (answer.status, answer.text) == (500, "internal error") and "secret" in caplog.text


@pytest.mark.proves("G-116")
async def test_execute(laid: Rig) -> None:
    asked = sample(BY_NUMBER[16])
    forms_ = [
        asked.body,
        asked.body | {"obis": [1, 0, 32, 7, 0, 255], "attributes": [{"value": 2, "unit": 3}]},
        asked.body | {"obis": "1-0:32.7.0*255"},
    ]
    for body in forms_:
        answer = await laid.ask("POST", asked.path, body)
        assert answer.json == {"devices": [{"serial": SERIAL, "values": [{"value": "230.1", "unit": "V"}]}]}
        name, arguments = laid.line.asked[-1]
        assert (name, arguments) == (
            "execute",
            {"serials": [SERIAL], "obis": [1, 0, 32, 7, 0, 255], "class_id": 3,
             "attributes": [{"value": 2, "unit": 3}]},
        )  # fmt: skip
    many = await laid.ask("POST", asked.path, asked.body | {"devices": [SERIAL] * 33})
    assert many.status == 400
    assert (await laid.ask("POST", asked.path, asked.body | {"devices": [SERIAL, OTHER]})).status == 403
