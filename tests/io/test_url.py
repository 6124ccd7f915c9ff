from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattproof.errors import InvalidURL
from wattproof.io.url import OPTIONS, SCHEMES, MeterURL, parse_url

READ = [
    ("tcp://127.0.0.1:5020", MeterURL(None, "tcp", "127.0.0.1", 5020)),
    ("tcp://127.0.0.1", MeterURL(None, "tcp", "127.0.0.1", 502)),
    ("bsm+tcp://127.0.0.1:5020?unit=42", MeterURL("bsm", "tcp", "127.0.0.1", 5020, "", {"unit": "42"})),
    ("bsm:cm12+tcp://h:0", MeterURL("bsm:cm12", "tcp", "h", 0)),
    ("BSM+TCP://h:1", MeterURL("bsm", "tcp", "h", 1)),
    ("dmed4:404R0600+rtu://h:1", MeterURL("dmed4:404R0600", "rtu", "h", 1)),
    ("tls://[::1]:802?verify=no", MeterURL(None, "tls", "::1", 802, "", {"verify": "no"})),
    ("tls://meter", MeterURL(None, "tls", "meter", 802)),
    (
        "rtu:///dev/ttyUSB0?baudrate=19200&parity=E",
        MeterURL(None, "rtu", None, None, "/dev/ttyUSB0", {"baudrate": "19200", "parity": "E"}),
    ),
    ("ascii://h:4001", MeterURL(None, "ascii", "h", 4001)),
    (
        "pty:///tmp/a%20b?protocol=rtu&baudrate=19200",
        MeterURL(None, "pty", None, None, "/tmp/a b", {"protocol": "rtu", "baudrate": "19200"}),
    ),
    ("pty://", MeterURL(None, "pty")),
    ("dmed4+http://192.168.1.1?channel=2", MeterURL("dmed4", "http", "192.168.1.1", 80, "", {"channel": "2"})),
    ("http://h/base/", MeterURL(None, "http", "h", 80, "/base/")),
    ("http://h/", MeterURL(None, "http", "h", 80)),
    ("abb+mbus:///dev/ttyUSB1?address=5", MeterURL("abb", "mbus", None, None, "/dev/ttyUSB1", {"address": "5"})),
    ("mbus://h:5021?ir=1", MeterURL(None, "mbus", "h", 5021, "", {"ir": "1"})),
    ("abb+dlms://h?client=1", MeterURL("abb", "dlms", "h", 4059, "", {"client": "1"})),
    ("abb+dlms+udp://h:1", MeterURL("abb", "dlms+udp", "h", 1)),
    ("dlms+udp://h:1", MeterURL(None, "dlms+udp", "h", 1)),
    ("hdlc:///dev/ttyS0", MeterURL(None, "hdlc", None, None, "/dev/ttyS0")),
    ("bsm+iec://h:9?mode=d0", MeterURL("bsm", "iec", "h", 9, "", {"mode": "d0"})),
    (
        f"g13+https://HOST?serial=A1&pin=sha256:{'ab' * 32}",
        MeterURL("g13", "https", "HOST", 443, "", {"serial": "A1", "pin": f"sha256:{'ab' * 32}"}),
    ),
    ("tcp://h:1?framing=rtu", MeterURL(None, "tcp", "h", 1, "", {"framing": "rtu"})),
]

REFUSED = [
    ("127.0.0.1:5020", "'://' is missing"),
    ("", "'://' is missing"),
    ("tpc://h:1", "did you mean tcp://"),
    ("zzz://h:1", "unknown scheme 'zzz'. Known: tcp"),
    ("b s m+tcp://h:1", "is no model"),
    ("+tcp://h:1", "is no model"),
    ("tcp://", "the host is missing"),
    ("tcp:///dev/ttyUSB0", "the host is missing"),
    ("tcp://:5020", "the host is missing"),
    ("tcp://h:70000", "'70000' is no port"),
    ("tcp://h:", "'' is no port"),
    ("tcp://h:x", "'x' is no port"),
    ("tcp://::1:502", "in brackets"),
    ("tcp://a b:502", "is no host name"),
    ("tcp://h:1/dev/x", "the path '/dev/x' has no meaning"),
    ("rtu://h", "the port is missing: rtu://h:PORT"),
    ("rtu://", "the host or the device is missing"),
    ("rtu:///", "the host or the device is missing"),
    ("pty://tmp/meter", "three slashes"),
    ("tcp://h:1?unit", "has no value"),
    ("tcp://h:1?unit=1&unit=2", "given twice"),
    ("tcp://h:1?unit=256", "unit=256 is not allowed: Modbus unit identifier is a whole number from 0 to 255"),
    ("tcp://h:1?unit=-1", "not allowed"),
    ("tcp://h:1?unti=1", "did you mean 'unit'"),
    ("tcp://h:1?baudrate=9600", "tcp has no option 'baudrate'"),
    ("tcp://h:1?zzz=9600", "known are unit"),
    ("rtu:///dev/x?parity=X", "one of N, E, O"),
    ("tcp://h:1?timeout=0", "from 0.001 to 600"),
    ("tcp://h:1?timeout=1e3", "from 0.001 to 600"),
    ("tls://h?pin=sha256:ab", "64 hexadecimal digits"),
    ("tcp://h:1#x", "'#' has no meaning"),
    ("pty:///tmp/a%00b", "NUL"),
]


@pytest.mark.parametrize(("text", "expected"), READ, ids=[row[0] for row in READ])
def test_every_form_of_the_design_is_read_and_rendered(text: str, expected: MeterURL) -> None:
    url = parse_url(text)
    assert url == expected
    assert parse_url(str(url)) == url


@pytest.mark.parametrize(("text", "what"), REFUSED, ids=[row[0] for row in REFUSED])
def test_a_wrong_address_is_refused_with_cause_and_example(text: str, what: str) -> None:
    with pytest.raises(InvalidURL) as caught:
        parse_url(text)
    assert what in str(caught.value)
    assert "an example: " in str(caught.value)


@pytest.mark.parametrize(
    "text", ["https://admin:hunter2@h", "https://h?password=hunter2", "https://h?token=hunter2", "tcp://hunter2@h:1"]
)
def test_a_password_in_an_address_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(InvalidURL) as caught:
        parse_url(text)
    assert "hunter2" not in str(caught.value)
    assert "password-file" in str(caught.value)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_example_is_right_and_every_option_known(scheme: str) -> None:
    url = parse_url(SCHEMES[scheme].example)
    assert url.scheme == scheme
    assert set(SCHEMES[scheme].options) <= set(OPTIONS)


def test_the_line_of_a_meter_is_shared_by_all_its_meters() -> None:
    one = parse_url("bsm+rtu:///dev/ttyUSB0?baudrate=9600&unit=1")
    two = parse_url("sunspec+rtu:///dev/ttyUSB0?baudrate=9600&unit=2")
    assert one.line == two.line
    assert str(one.line) == "rtu:///dev/ttyUSB0?baudrate=9600"
    assert one.place == "rtu:///dev/ttyUSB0"


def test_parts_are_at_hand() -> None:
    url = parse_url("bsm:cm12+tcp://h:1?unit=7&timeout=2.5&framing=RTU&pipeline=4")
    assert (url.family, url.variant, url.unit, url.framing) == ("bsm", "cm12", 7, "rtu")
    assert url.number("timeout", 1.0) == 2.5
    assert url.number("pause", 0.5) == 0.5
    assert url.whole("pipeline", 1) == 4
    assert not url.is_device
    assert parse_url("pty:///tmp/x").framing == "rtu"
    assert parse_url("ascii:///dev/x").framing == "ascii"
    assert parse_url("rtu:///dev/x?rs485=1&dtr=no").switch("rs485") is True
    assert parse_url("rtu:///dev/x?rs485=1&dtr=no").switch("dtr") is False
    assert parse_url("rtu:///dev/x").switch("dtr") is None
    assert url.with_model(None).model is None


def test_options_are_changed_with_the_same_rules() -> None:
    url = parse_url("tcp://h:1?unit=7")
    assert str(url.with_options(unit=8, timeout=0.5)) == "tcp://h:1?unit=8&timeout=0.5"
    assert str(url.with_options(unit=None)) == "tcp://h:1"
    with pytest.raises(InvalidURL, match="unit=300"):
        url.with_options(unit=300)


@given(st.text(max_size=60))
@settings(max_examples=200)
def test_any_text_is_read_or_refused(text: str) -> None:
    for candidate in (text, f"tcp://{text}", f"rtu:///dev/{text}", f"https://h?{text}"):
        try:
            url = parse_url(candidate)
        except InvalidURL:
            continue
        assert parse_url(str(url)) == url
