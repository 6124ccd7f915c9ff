"""Bodies of requests: what is accepted in which form, what is refused with which text (13.2, GD-22, 6.3)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.g13.examples import REQUESTS, Example
from wattproof.g13.bodies import PRINTED, BadRequest, bad_request, check_arguments, validate
from wattproof.g13.bodies import REQUESTS as BODIES
from wattproof.g13.resources import BY_NUMBER, RESOURCES
from wattproof.g13.shapes.gateway import EQBUS_RATES, MBUS_TIMES

IP = {
    "dhcp": False,
    "dns": False,
    "ip": "192.168.1.12",
    "gateway": "192.168.1.1",
    "subnet": "255.255.255.0",
    "pdns": "0.0.0.0",
    "sdns": "0.0.0.0",
}
MBUS = {name: low for name, (low, _) in MBUS_TIMES.items()}
ALARM = {"id": 1, "quantity": 75, "onthreshold": 310, "offthreshold": 0, "ondelay": 240, "offdelay": 0, "log": True}
PULSE = {"id": 1, "port": 2, "length": 100, "frequency": 10000, "energytype": 2}
WEEK = {"dayid": [1, 2, 3, 4, 5, 6, 7], "profile": "Week1"}
SEASON = {"day": 1, "month": 5, "profile": "Summer", "weekprofile": "Week1"}
DATE = {"day": 1, "month": 255, "week": 255, "year": 2011}
SPECIAL = {"date": DATE, "dayprofile": 2, "profile": 2}
DEMAND = {"dmc": [[1, 1]], "interval": [900, 60], "period": "daily"}
SCAN_URLS = {"urls": ["tcp://192.168.1.20:502"]}


def taken(number: int, body: Any, *, compat: bool = False) -> dict[str, Any]:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return validate(BY_NUMBER[number], text, compat=compat)


def refused(number: int, body: Any, *, compat: bool = False) -> str:
    with pytest.raises(BadRequest) as caught:
        taken(number, body, compat=compat)
    assert caught.value.http_status == 400
    return caught.value.text


@pytest.mark.parametrize("example", REQUESTS, ids=lambda example: str(example.number))
def test_printed_requests_are_accepted_in_both_modes(example: Example) -> None:
    for compat in (False, True):
        assert taken(example.number, example.text.encode(), compat=compat)


#: Number, body, text; most of them differ from a good body in one thing.
REFUSED: list[tuple[int, Any, str]] = [
    *((5, {k: v for k, v in IP.items() if k != name}, f"missing {name} in JSON") for name in IP),
    *((5, IP | {name: 1}, f"invalid {name}") for name in IP),
    (5, IP | {"ip": "192.168.1.256"}, "invalid ip"),
    (5, IP | {"ip": "192.168.01.2"}, "invalid ip"),
    (5, IP | {"ip": "192.168.1"}, "invalid ip"),
    (5, IP | {"ip": "192.168.1.1.1"}, "invalid ip"),
    (5, IP | {"subnet": "255.0.255.0"}, "invalid subnet"),
    (5, IP | {"gateway": "192.168.2.1"}, "invalid gateway"),
    (5, IP | {"dns": True}, "static ip needs static dns"),
    (6, {}, "missing baudrate in JSON"),
    (6, {"baudrate": 9600}, "missing interoctettimeout in JSON"),
    (6, {"baudrate": 4800, "interoctettimeout": 40}, "invalid baudrate"),
    (6, {"baudrate": 9600, "interoctettimeout": 19}, "invalid interoctettimeout"),
    (6, {"baudrate": 9600, "interoctettimeout": 6001}, "invalid interoctettimeout"),
    *(
        (number, MBUS | {name: low - 1}, f"invalid {name}")
        for number in (7, 8)
        for name, (low, _) in MBUS_TIMES.items()
    ),
    *(
        (number, MBUS | {name: high + 1}, f"invalid {name}")
        for number in (7, 8)
        for name, (_, high) in MBUS_TIMES.items()
    ),
    (7, {}, "missing ack in JSON"),
    (10, {"location": "x"}, "missing alias in JSON"),
    (10, {"alias": "x"}, "missing location in JSON"),
    (10, {"alias": "x" * 21, "location": ""}, "invalid alias"),
    (10, {"alias": "", "location": "x" * 51}, "invalid location"),
    (10, {"alias": "a\x00b", "location": ""}, "invalid alias"),
    (10, {"alias": None, "location": ""}, "invalid alias"),
    (12, {}, "missing datetime tag in JSON"),
    (12, {"datetime": "2011-02-29T00:00:00"}, "invalid datetime"),
    (12, {"datetime": "1999-12-31T23:59:59"}, "invalid datetime"),
    (12, {"datetime": "2100-01-01T00:00:00"}, "invalid datetime"),
    (12, {"datetime": "2012-05-09T16:30:52Z"}, "invalid datetime"),
    (12, {"datetime": "2012-05-09 16:30:52"}, "invalid datetime"),
    (12, {"datetime": "2012-05-09T24:00:00"}, "invalid datetime"),
    (16, {"obis": "1.0.1.8.0.255", "classid": 3, "attributes": {"value": 2}}, "missing devices in JSON"),
    (16, {"devices": ["a"] * 33, "obis": "1.0.1.8.0.255", "classid": 3, "attributes": {"value": 2}}, "invalid devices"),
    (16, {"devices": [], "obis": "1.0.1.8.0.255", "classid": 3, "attributes": {"value": 2}}, "invalid devices"),
    (16, {"devices": ["a"], "obis": "1.0.1.8.0.256", "classid": 3, "attributes": {"value": 2}}, "invalid obis"),
    (16, {"devices": ["a"], "obis": [1, 0, 1, 8, 0], "classid": 3, "attributes": {"value": 2}}, "invalid obis"),
    (16, {"devices": ["a"], "obis": "1.0.1.8.0.255", "classid": 65536, "attributes": {"value": 2}}, "invalid classid"),
    (16, {"devices": ["a"], "obis": "1.0.1.8.0.255", "classid": 3, "attributes": {"unit": 2}}, "invalid attributes"),
    (18, {"name": "user1"}, "missing name and key tag in JSON"),
    (18, {"key": "12345678"}, "missing name and key tag in JSON"),
    (18, {"name": "user1", "oldkey": "12345678", "key": "12345678"}, "new key equals old key"),
    (18, {"name": "user1", "key": "1234567"}, "invalid key length"),
    (18, {"name": "user1", "key": "x" * 65}, "invalid key length"),
    (18, {"name": "user1", "key": "123456\n8"}, "invalid key"),
    (18, {"name": "user12345", "key": "User12345"}, "key equals name"),
    (19, {"name": "x" * 21, "key": "12345678"}, "invalid user name"),
    (19, {"name": "User1", "key": "12345678"}, "invalid user name"),
    (19, {"name": "", "key": "12345678"}, "invalid user name"),
    (22, {"name": "user1", "serial": "A", "access": "view only"}, "invalid access"),
    (22, {"name": "user1", "access": "View Only"}, "missing serial in JSON"),
    (22, {"name": "user1", "serial": "A"}, "missing access in JSON"),
    (23, {"name": "user1"}, "missing serial in JSON"),
    (27, {"meters": [f"M{n}" for n in range(11)]}, "too many meters"),
    (27, {"meters": ["M1", "M1"]}, "duplicate serial"),
    (27, {"meters": []}, "invalid meters"),
    (27, {}, "missing meters in JSON"),
    (32, {"location": "x"}, "missing alias in JSON"),
    (32, {"alias": "x" * 21, "location": ""}, "invalid alias"),
    (32, {"alias": "", "location": "x" * 51}, "invalid location"),
    (32, b"{", "JSON parse error"),
    (33, {"alias": "a", "location": "l"}, "missing serial in JSON"),
    (36, {}, "missing eqbus in JSON"),
    (36, {"eqbus": {"start": 2, "end": 1}}, "invalid start"),
    (36, {"eqbus": {"range": list(range(11))}}, "invalid range"),
    (36, {"eqbus": {"range": [1], "start": 1, "end": 2}}, "invalid range"),
    (36, {"eqbus": {"start": 1}}, "missing end in JSON"),
    (36, {"mbus-wired": {"start": 0, "end": 251, "baudrate": 2400}}, "invalid end"),
    (36, {"mbus-wired": {"start": 0, "end": 250}}, "missing baudrate in JSON"),
    (36, {"mbus-wired": {"start": 0, "end": 250, "baudrate": 1200.5}}, "invalid baudrate"),
    (36, {"mbus-wired": {"secondary": True, "start": 1, "end": 2, "baudrate": 2400}}, "invalid mode"),
    (36, {"mbus-ir": {"baudrate": 2400}}, "missing mode in JSON"),
    (36, {"mbus-ir": {"baudrate": 2400, "primary": True, "secondary": True}}, "invalid mode"),
    (36, {"modbus": SCAN_URLS | {"start": 0, "end": 3}}, "invalid start"),
    (36, {"modbus": SCAN_URLS | {"start": 1, "end": 248}}, "invalid end"),
    (36, {"modbus": {"start": 1, "end": 3}}, "missing urls in JSON"),
    (36, {"modbus": {"urls": ["tcp://h"] * 17}}, "invalid urls"),
    (36, {"rest": {}}, "missing urls in JSON"),
    (37, {"scanned": [{"serial": f"M{n}"} for n in range(16)]}, "too many meters"),
    (39, {"meters": [f"M{n}" for n in range(26)]}, "too many meters"),
    (39, {"meters": ["x" * 17]}, "invalid serial"),
    (39, {"meters": ["a b"]}, "invalid serial"),
    (40, {}, "missing meters in JSON"),
    (42, {}, "missing datetime in JSON"),
    (42, {"datetime": "2012-02-30T00:00:00"}, "invalid datetime"),
    (42, {"datetime": "2012-02-03T00:00:00", "dstenable": True}, "missing dststart in JSON"),
    (
        42,
        {
            "datetime": "2012-02-03T00:00:00",
            "dstenable": True,
            "dststart": {"month": 3, "day": 7, "week": 5, "hour": 2},
        },
        "missing dstend in JSON",
    ),
    (
        42,
        {
            "datetime": "2012-02-03T00:00:00",
            "dstenable": True,
            "dststart": {"month": 3, "day": 7, "week": 6, "hour": 2},
        },
        "invalid dststart",
    ),
    (45, {}, "missing conversionfactor in JSON"),
    (45, {"conversionfactor": {}}, "missing co2 in JSON"),
    (45, {"conversionfactor": {"co2": 9.999}}, "invalid co2"),
    (45, {"conversionfactor": {"co2": -0.001}}, "invalid co2"),
    (45, {"conversionfactor": {"co2": 0.0001}}, "invalid co2"),
    (45, {"conversionfactor": {"co2": "1,5"}}, "invalid co2"),
    (45, {"conversionfactor": {"currency": 999999}}, "invalid currency"),
    (45, {"conversionfactor": {"co2": 1, "currency": True}}, "invalid currency"),
    (48, {"ctnum": 1, "ctdenum": 1, "vtnum": 1}, "missing vtdenum in JSON"),
    (48, {"ctnum": 0, "ctdenum": 1, "vtnum": 1, "vtdenum": 1}, "invalid ratio"),
    (48, {"ctnum": 1000000, "ctdenum": 1, "vtnum": 1, "vtdenum": 1}, "invalid ratio"),
    (48, {"ctnum": 1, "ctdenum": 2, "vtnum": 1, "vtdenum": 1}, "invalid ratio"),
    (48, {"ctnum": 1, "ctdenum": 1, "vtnum": 9, "vtdenum": 10}, "invalid ratio"),
    (53, {}, "missing alarmconfig in JSON"),
    (53, {"alarmconfig": [ALARM | {"id": 0}]}, "invalid id"),
    (53, {"alarmconfig": [ALARM | {"id": 26}]}, "invalid id"),
    (53, {"alarmconfig": [ALARM, ALARM]}, "invalid id"),
    (53, {"alarmconfig": [{"quantity": 75}]}, "missing id in JSON"),
    (53, {"alarmconfig": [ALARM | {"quantity": 58}]}, "invalid quantity"),
    (53, {"alarmconfig": [ALARM | {"output": 5}]}, "invalid output"),
    (53, {"alarmconfig": [ALARM | {"log": 1}]}, "invalid log"),
    (53, {"alarmconfig": [ALARM | {"onthreshold": "NaN"}]}, "invalid onthreshold"),
    (53, {"alarmconfig": [{"id": 1, "quantity": 75}]}, "missing onthreshold in JSON"),
    (53, {"alarmconfig": [ALARM | {"colour": 1}]}, "Invalid Request"),
    (57, {}, "missing resettableenergy in JSON"),
    (57, {"resettableenergy": {"activeimport": 1}}, "invalid activeimport"),
    (57, {"resettableenergy": {}, "x": 1}, "Invalid Request"),
    (66, {"iostatus": [{"port": 5, "currentstate": 0}]}, "invalid port"),
    (66, {"iostatus": [{"port": 1, "currentstate": 2}]}, "invalid currentstate"),
    (66, {"iostatus": [{"port": 1, "reset": ["x"]}]}, "invalid reset"),
    (66, {"iostatus": [{"port": 1}]}, "missing currentstate in JSON"),
    (66, {"iostatus": [{"currentstate": 1}]}, "missing port in JSON"),
    (67, {"ioconfig": [0, 1, 2, 3, 4]}, "invalid io function"),
    (67, {"ioconfig": [7]}, "invalid io function"),
    (67, {"ioconfig": ["Input"]}, "invalid io function"),
    (67, {"ioconfig": 1}, "invalid io function"),
    (67, {}, "missing ioconfig in JSON"),
    (68, {"pulse": [PULSE | {"id": 0}]}, "invalid id"),
    (68, {"pulse": [PULSE | {"id": 5}]}, "invalid id"),
    (68, {"pulse": [PULSE | {"port": 0}]}, "invalid port"),
    (68, {"pulse": [PULSE | {"port": 5}]}, "invalid port"),
    (68, {"pulse": [PULSE | {"length": 9}]}, "invalid length"),
    (68, {"pulse": [PULSE | {"length": 991}]}, "invalid length"),
    (68, {"pulse": [PULSE | {"energytype": 5}]}, "invalid energytype"),
    (68, {"pulse": [PULSE | {"frequency": 0}]}, "invalid frequency"),
    (71, {"interval": "hourly", "pvconfig": [1]}, "invalid interval"),
    (71, {"interval": "daily", "pvconfig": [3, 400]}, "invalid pvconfig"),
    (71, {"interval": "daily", "pvconfig": [1, 1]}, "invalid pvconfig"),
    (71, {"interval": "daily", "pvconfig": [13]}, "invalid pvconfig"),
    (
        71,
        {"interval": "daily", "pvconfig": [*range(1, 13), 21, 22, *range(51, 55), 113, 122, *range(171, 175)]},
        "invalid pvconfig",
    ),
    (71, {"interval": "weekly", "weekday": 0, "pvconfig": [1]}, "invalid weekday"),
    (71, {"interval": "weekly", "weekday": 8, "pvconfig": [1]}, "invalid weekday"),
    (71, {"interval": "weekly", "pvconfig": [1]}, "missing weekday in JSON"),
    (75, {"lpconfig": [[450, 1, 1]]}, "invalid interval"),
    (75, {"lpconfig": [[900, 9, 1]]}, "invalid quantity"),
    (75, {"lpconfig": [[900, 1, 40001]]}, "too many items"),
    (75, {"lpconfig": [[900, 1, 40000], [60, 2, 1]]}, "too many items"),
    (75, {"lpconfig": [[900, 1, 1]] * 9}, "invalid lpconfig"),
    (75, {"lpconfig": [[900, 1]]}, "invalid lpconfig"),
    (75, {"lpconfig": [[900, 1, 0]]}, "invalid lpconfig"),
    *((79, DEMAND | {"dmc": [[1, code]]}, "invalid demand code") for code in (0, 4, 8, 12, 16)),
    (79, DEMAND | {"dmc": [[1, 1]] * 51}, "invalid dmc"),
    (79, DEMAND | {"dmc": [[9, 1]]}, "invalid quantity"),
    (79, DEMAND | {"interval": [900, 120]}, "invalid interval"),
    (79, DEMAND | {"interval": [900, 1800]}, "invalid interval"),
    (79, DEMAND | {"interval": [450, 450]}, "invalid interval"),
    (79, DEMAND | {"period": "weekly"}, "missing weekday in JSON"),
    (79, DEMAND | {"period": "yearly"}, "invalid period"),
    (82, {}, "missing tariff in JSON"),
    (82, {"tariff": 0}, "invalid tariff"),
    (82, {"tariff": 5}, "invalid tariff"),
    (82, {"tariff": 1, "source": 0}, "tariff source is not communication"),
    (82, {"source": 1, "inputconfig": [1, 2, 3, 4]}, "invalid inputconfig"),
    (82, {"tariff": 1, "inputconfig": [1, 2, 3, 4]}, "invalid inputconfig"),
    (82, {"source": 2, "inputconfig": [1, 5]}, "invalid inputconfig"),
    (82, {"source": 3}, "invalid source"),
    (84, {"actions": [[1, "00:00"]] * 31, "profile": 1}, "invalid actions"),
    (84, {"actions": [[13, "00:00"]], "profile": 1}, "invalid actions"),
    (84, {"actions": [[0, "00:00"]], "profile": 1}, "invalid actions"),
    (84, {"actions": [[1, "24:00"]], "profile": 1}, "invalid actions"),
    (84, {"actions": [[1, "0:00"]], "profile": 1}, "invalid actions"),
    (84, {"actions": [], "profile": 0}, "invalid profile"),
    (84, {"actions": [], "profile": 17}, "invalid profile"),
    (84, {"profile": 1}, "missing actions in JSON"),
    (86, {"weekprofiles": [WEEK | {"profile": f"W{n}"} for n in range(5)]}, "invalid weekprofiles"),
    (86, {"weekprofiles": [WEEK | {"dayid": [1] * 6}]}, "invalid weekprofiles"),
    (86, {"weekprofiles": [WEEK | {"dayid": [1] * 8}]}, "invalid weekprofiles"),
    (86, {"weekprofiles": [WEEK | {"profile": "x" * 30}]}, "invalid weekprofiles"),
    (86, {"weekprofiles": [WEEK | {"profile": "ä" * 15}]}, "invalid weekprofiles"),
    (86, {"weekprofiles": [WEEK, WEEK]}, "invalid weekprofiles"),
    (86, {"weekprofiles": [{"dayid": [1] * 7}]}, "missing profile in JSON"),
    (88, {"seasonprofiles": [SEASON | {"profile": f"S{n}"} for n in range(5)]}, "invalid seasonprofiles"),
    (88, {"seasonprofiles": [SEASON | {"day": 32}]}, "invalid seasonprofiles"),
    (88, {"seasonprofiles": [SEASON | {"month": 13}]}, "invalid seasonprofiles"),
    (90, {"specialdayprofiles": [SPECIAL | {"profile": 51}]}, "invalid profile"),
    (90, {"specialdayprofiles": [SPECIAL | {"dayprofile": 0}]}, "invalid dayprofile"),
    (90, {"specialdayprofiles": [SPECIAL | {"date": DATE | {"day": 0}}]}, "invalid date"),
    (90, {"specialdayprofiles": [SPECIAL | {"date": "2011-01-01"}]}, "invalid date"),
    (90, {"specialdayprofiles": [SPECIAL, SPECIAL | {"date": DATE | {"day": 2}}]}, "profile id in use"),
    (
        90,
        {"specialdayprofiles": [SPECIAL | {"profile": n} for n in range(1, 51)] + [SPECIAL]},
        "invalid specialdayprofiles",
    ),
]


#: What compat mode takes (GD-10, GD-24, GD-50, 9.1).
DIFFERENT = {
    (18, "invalid key length"),
    (19, "invalid user name"),
    (53, "Invalid Request"),
    (57, "Invalid Request"),
    (84, "invalid profile"),
    (90, "invalid dayprofile"),
}


@pytest.mark.proves("G-105", "G-106", "G-107", "G-108", "G-168")
@pytest.mark.parametrize(("number", "body", "text"), REFUSED)
def test_refusals_have_the_text_of_the_interface_and_of_the_original(number: int, body: Any, text: str) -> None:
    assert refused(number, body) == text
    if (number, text) not in DIFFERENT:
        assert refused(number, body, compat=True) == PRINTED.get(number, "Invalid Request")


#: Number, body, normal form.
ACCEPTED: list[tuple[int, Any, Any]] = [
    (5, IP | {"ip": "192.168.1.255", "colour": 1}, IP | {"ip": "192.168.1.255"}),
    (5, IP | {"gateway": "0.0.0.0"}, IP | {"gateway": "0.0.0.0"}),
    (5, IP | {"dhcp": True, "dns": True}, IP | {"dhcp": True, "dns": True}),
    *(
        (6, {"baudrate": rate, "interoctettimeout": time}, {"baudrate": rate, "interoctettimeout": time})
        for rate in EQBUS_RATES
        for time in (20, 6000)
    ),
    (6, b'{"baudrate":"9600","interoctettimeout":40.0}', {"baudrate": 9600, "interoctettimeout": 40}),
    (6, b'{"baudrate":9.6e3,"interoctettimeout":"40.00"}', {"baudrate": 9600, "interoctettimeout": 40}),
    *(
        (number, {name: limits[end] for name, limits in MBUS_TIMES.items()}, None)
        for number in (7, 8)
        for end in (0, 1)
    ),
    (10, {"alias": "ä" * 20, "location": "x" * 50}, None),
    (12, {"datetime": "2012-02-29T00:00:00"}, None),
    (
        16,
        {
            "devices": ["a"] * 32,
            "obis": "1-0:32.7.0*255",
            "classid": "3",
            "attributes": [{"value": 2}, {"value": "3", "unit": 4}],
        },
        {
            "devices": ["a"] * 32,
            "obis": [1, 0, 32, 7, 0, 255],
            "classid": 3,
            "attributes": [{"value": 2}, {"value": 3, "unit": 4}],
        },
    ),
    (
        16,
        {"devices": ["a"], "obis": "1-0-32-7-0-255", "classid": 3, "attributes": {"value": 2}},
        {"devices": ["a"], "obis": [1, 0, 32, 7, 0, 255], "classid": 3, "attributes": [{"value": 2}]},
    ),
    (18, {"name": "user1", "key": "x" * 8}, None),
    (18, {"name": "user1", "key": "x" * 64, "gatewayadmin": True}, None),
    (18, {"name": "user1", "gatewayadmin": False}, None),
    (18, {"name": "user1", "key": "e\u0301" * 33}, None),
    (19, {"name": "x" * 20, "key": "12345678"}, None),
    (23, {"name": "user1", "serial": "A"}, None),
    (27, {"meters": [f"M{n}" for n in range(10)]}, None),
    (32, {"alias": "x" * 20, "location": "x" * 50, "serial": "other"}, None),
    (
        36,
        {"mbus_wired": {"secondary": True, "baudrate": 2400}},
        {"mbus-wired": {"mode": "secondary", "baudrate": 2400}},
    ),
    (
        36,
        {"mbus wired": {"mode": "secondary", "baudrate": 300}},
        {"mbus-wired": {"mode": "secondary", "baudrate": 300}},
    ),
    (36, {"mbus/ir": {"primary": True, "baudrate": 9600}}, {"mbus-ir": {"mode": "primary", "baudrate": 9600}}),
    (36, {"eqbus": {"range": list(range(10))}, "token": 5}, {"eqbus": {"range": list(range(10))}}),
    (36, {"modbus": SCAN_URLS}, {"modbus": {**SCAN_URLS, "start": 1, "end": 247}}),
    (36, {"modbus": {"bus": "line1", "range": [1]}}, {"modbus": {"bus": ["line1"], "range": [1]}}),
    (36, {"rest": {"urls": ["https://192.168.1.1"]}}, None),
    (37, b"", {"scanned": None}),
    (37, {"scanned": [{"serial": f"M{n}"} for n in range(15)]}, None),
    (39, {"meters": [f"M{n}" for n in range(25)]}, None),
    (39, {"meters": ["x" * 16, "x" * 16]}, None),
    (39, {"meters": "ABB_3"}, {"meters": ["ABB_3"]}),
    (40, {"meters": ["no such meter"]}, None),
    (42, {"datetime": "2012-08-05T01:11:31"}, None),
    (
        42,
        {
            "datetime": "2012-08-05T01:11:31",
            "dstenable": False,
            "dststart": {"month": 3, "day": 7, "week": 254, "hour": 2},
        },
        {"datetime": "2012-08-05T01:11:31", "dstenable": False},
    ),
    (45, {"conversionfactor": {"co2": 9.998}}, {"conversionfactor": {"co2": "9.998"}}),
    (45, {"conversionfactor": {"currency": "999998.999"}}, {"conversionfactor": {"currency": "999998.999"}}),
    (45, b'{"conversionfactor":{"co2":1.10,"currency":0}}', {"conversionfactor": {"co2": "1.10", "currency": "0"}}),
    (48, {"ctnum": 999999, "ctdenum": 1, "vtnum": 1, "vtdenum": 1}, None),
    (53, {"alarmconfig": []}, None),
    (53, {"alarmconfig": [{"id": 25}]}, None),
    (53, {"alarmconfig": [ALARM]}, {"alarmconfig": [ALARM | {"onthreshold": "310", "offthreshold": "0", "output": 0}]}),
    (57, {"resettableenergy": {"activeimport": False}}, None),
    (57, {"resettableenergy": {}}, None),
    (67, {"ioconfig": [255, "communiation_out", "communication_out", 0]}, {"ioconfig": [255, 1, 1, 0]}),
    (
        68,
        {
            "pulse": [
                PULSE | {"length": 10, "energytype": 0},
                PULSE | {"id": 4, "length": 990, "port": 4, "energytype": 4},
            ]
        },
        None,
    ),
    (68, {"pulse": [PULSE | {"port": 255, "energytype": 255}]}, None),
    (71, {"interval": "daily", "weekday": 3, "pvconfig": []}, {"interval": "daily", "pvconfig": []}),
    (
        71,
        {"interval": "monthly", "pvconfig": [*range(1, 13), 21, 22, *range(51, 55), 113, 122, *range(171, 174)]},
        None,
    ),
    (75, {"lpconfig": [[900, 1, 40000], [0, 0, 0]]}, None),
    *(
        (75, {"lpconfig": [[interval, 1, 1]]}, None)
        for interval in (60, 120, 180, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
    ),
    (79, DEMAND | {"dmc": [[1, 1]] * 50}, None),
    *((79, DEMAND | {"dmc": [[104, code]]}, None) for code in (1, 2, 3, 5, 6, 7, 9, 10, 11, 13, 14, 15)),
    (
        79,
        DEMAND | {"interval": [3600, 1800], "period": "monthly", "weekday": 7},
        DEMAND | {"interval": [3600, 1800], "period": "monthly"},
    ),
    (82, {"tariff": 4, "source": 1}, None),
    (
        84,
        {"actions": [[2, "12:00"], [1, "00:00"], [5, "12:00"]], "profile": 16},
        {"actions": [[1, "00:00"], [2, "12:00"], [5, "12:00"]], "profile": 16},
    ),
    (84, {"actions": [[12, "23:59"]] * 30, "profile": 1}, None),
    (86, {"weekprofiles": [WEEK | {"profile": "x" * 29}]}, None),
    (88, {"seasonprofiles": [SEASON | {"day": day, "profile": str(day)} for day in (253, 254, 255)]}, None),
    (
        90,
        {"specialdayprofiles": [{"date": DATE, "dayprofileid": 2, "profile": 50}]},
        {"specialdayprofiles": [{"date": DATE, "dayprofile": 2, "profile": 50}]},
    ),
    (90, {"specialdayprofiles": [SPECIAL | {"profile": n} for n in range(1, 51)]}, None),
]


@pytest.mark.proves("G-105", "G-106", "G-107", "G-108", "G-168")
@pytest.mark.parametrize(("number", "body", "normal"), ACCEPTED)
def test_accepted_forms_have_one_normal_form(number: int, body: Any, normal: Any) -> None:
    found = taken(number, body)
    if normal is not None:
        assert found == normal
    elif isinstance(body, dict):
        assert found == body


def test_the_modes_differ_in_what_they_take() -> None:
    assert taken(19, {"name": "Username1", "key": "x"}, compat=True) == {"name": "username1", "key": "x"}
    assert taken(19, {"name": "u", "key": "x" * 16}, compat=True)
    assert refused(19, {"name": "u", "key": "x" * 17}, compat=True) == "missing name and key tag in JSON"
    assert refused(19, {"name": "u", "key": ""}, compat=True) == "missing name and key tag in JSON"
    assert taken(84, {"actions": [], "profile": 0}, compat=True) == {"actions": [], "profile": 0}
    assert refused(84, {"actions": [], "profile": 17}, compat=True) == "Invalid Request"
    assert taken(53, {"alarmconfig": [], "colour": 1}, compat=True) == {"alarmconfig": []}
    assert refused(53, {"alarmconfig": [], "colour": 1}) == "Invalid Request"
    assert taken(33, {"alias": "a", "location": "l", "serial": "S", "colour": 1})  # 52 to 90 alone are strict


@pytest.mark.proves("G-008")
def test_lengths_of_texts_count_characters() -> None:
    for number, limits in ((10, {"alias": 20, "location": 50}), (32, {"alias": 20, "location": 50})):
        for name, most in limits.items():
            for letter in "xä字\U0001f600":
                body = {"alias": "", "location": ""}
                assert taken(number, body | {name: letter * most})
                assert refused(number, body | {name: letter * (most + 1)}) == f"invalid {name}"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"17",
        b"\xff{}",
        b"\xef\xbb\xbf{}",
        b'{"alias":"a","alias":"b","location":""}',
        b'{"alias":NaN,"location":""}',
        b'{"alias":"a","location":Infinity}',
        b'{"alias":"\\ud800","location":""}',
        b'{"alias":"a","location":"","x":' + b"[" * 8 + b"]" * 8 + b"}",
        b"[" * 60000,
        b'{"a":' * 9 + b"1" + b"}" * 9,
        b'{"alias":"a","location":""} {}',
    ],
    ids=lambda body: body[:30],
)
def test_what_is_no_json_or_too_deep_is_a_parse_error(body: bytes) -> None:
    assert refused(10, body) == "JSON parse error"


def test_depth_of_eight_is_taken_and_brackets_in_texts_do_not_count() -> None:
    nested = b"[" * 7 + b"]" * 7
    assert taken(10, b'{"alias":"[[[[[[[[[[","location":"\\"{{{","x":' + nested + b"}")


@pytest.mark.parametrize("number", ["1e999999999", "1E+31", "0." + "1" * 40, "9" * 5000, "true", "[]", '"1e3"', '" 1"'])
def test_numbers_that_no_field_can_be_are_refused_without_effort(number: str) -> None:
    assert refused(6, f'{{"baudrate":9600,"interoctettimeout":{number}}}'.encode()) == "invalid interoctettimeout"


def test_resources_without_a_body_ignore_what_comes() -> None:
    for resource in RESOURCES:
        if resource.number not in BODIES:
            assert validate(resource, b"\xff{") == {}
    assert bad_request(BY_NUMBER[20], "last gateway admin").text == "last gateway admin"
    assert bad_request(BY_NUMBER[20], "last gateway admin", compat=True).text == "Invalid Request"


@pytest.mark.parametrize(
    ("number", "name", "good", "bad", "text"),
    [
        (51, "count", ["1", "100"], ["0", "101", "-1", "x", "1.0", "+1", "", "٣"], "invalid count"),
        (69, "count", ["1", "40000"], ["0", "-1", "9999999999"], "invalid count"),
        (77, "count", ["1", "500"], ["0", "501"], "invalid count"),
        (73, "channel", ["1", "8"], ["0", "9", "x"], "invalid channel"),
        (76, "channel", ["1", "8"], ["0", "9"], "invalid channel"),
        (
            51,
            "datetime",
            ["2011-12-19T10:12:00"],
            ["2011-12-19", "2011-13-19T10:12:00", "2011-12-19T10:12:00Z"],
            "invalid datetime",
        ),
        (69, "from", ["2012-02-29T00:00:00"], ["2011-02-29T00:00:00", "x"], "invalid datetime"),
        (73, "to", ["2012-02-29T00:00:00"], ["2012-02-29T25:00:00"], "invalid datetime"),
        (54, "type", ["active", "reactive", "apparent"], ["Active", "x"], "invalid energy type"),
        (55, "type", ["active"], ["reactive", "apparent", "x"], "invalid energy type"),
        (55, "mode", ["co2", "currency"], ["CO2", "x"], "invalid mode"),
        (36, "token", ["0", "4294967295"], ["4294967296", "-1", "x"], "invalid token"),
        (91, "id", ["0", "2147483647", "99999999999"], ["x", "-1", "1.5"], "invalid id"),
    ],
)
def test_arguments_of_paths(number: int, name: str, good: list[str], bad: list[str], text: str) -> None:
    resource = BY_NUMBER[number]
    for value in good:
        found = check_arguments(resource, {name: value})[name]
        assert str(found) == value
        assert isinstance(found, int) is value.isdecimal()
    for value in bad:
        with pytest.raises(BadRequest) as caught:
            check_arguments(resource, {name: value})
        assert caught.value.text == text


def test_compat_mode_folds_user_names_in_paths_and_prints_its_own_text() -> None:
    assert check_arguments(BY_NUMBER[20], {"user": "User1"}, compat=True) == {"user": "user1"}
    assert check_arguments(BY_NUMBER[20], {"user": "User1"}) == {"user": "User1"}
    with pytest.raises(BadRequest) as caught:
        check_arguments(BY_NUMBER[36], {"token": "x"}, compat=True)
    assert caught.value.text == "JSON parse error"


def test_the_load_profile_of_a_new_engine_can_be_sent_back() -> None:
    read = {"lpconfig": [[900, 1, 35040], [900, 96, 4960], *([0, 0, 0] for _ in range(6))]}
    assert validate(BY_NUMBER[75], json.dumps(read).encode(), compat=False) == read
