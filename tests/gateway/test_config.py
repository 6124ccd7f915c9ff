"""The configuration file of the gateway: what it takes, and how it says no."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wattproof.cli import run
from wattproof.gateway import config
from wattproof.io.tomlfile import InvalidFile

#: The example of g13-api.md 10.4.
EXAMPLE = """\
[gateway]
listen = "https://127.0.0.1:8443"
timezone = "Europe/Berlin"

[[bus]]
name = "line1"
url = "rtu:///dev/ttyUSB0?baudrate=19200&parity=E"

[[bus]]
name = "hall"
url = "tcp://192.168.1.40:502"

[[meter]]
bus = "line1"
family = "bsm"
unit = 42
location = "Charging park"

[[meter]]
bus = "hall"
family = "map"
unit = 1
map = "acme-3p.toml"
alias = "Chiller"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "gateway.toml"
    path.write_text(text, "utf-8")
    return path


@pytest.mark.proves("G-342")
def test_example_loads_as_printed(tmp_path: Path) -> None:
    found = config.load(written(tmp_path, EXAMPLE))
    assert found.listen == ("https://127.0.0.1:8443",)
    assert found.timezone == "Europe/Berlin"
    assert [bus.name for bus in found.buses] == ["line1", "hall"]
    assert found.bus("hall").retries == 2
    bsm, chiller = found.meters
    assert (bsm.family, bsm.unit, bsm.location, bsm.keep_time) == ("bsm", 42, "Charging park", True)
    assert (chiller.map, chiller.alias) == (str(tmp_path / "acme-3p.toml"), "Chiller")


def test_defaults_without_a_file() -> None:
    found = config.Config()
    assert (found.listen, found.compat, found.allow_network) == (("https://127.0.0.1:8443",), "none", False)
    assert (found.max_image_mib, found.rate_limit, found.offline, found.offline_max_age_s) == (16, 0, "error", 86400)
    assert found.data.name == "wattproof"


BUS = '[[bus]]\nname = "a"\nurl = "tcp://127.0.0.1:502"\n'
METER = BUS + '[[meter]]\nbus = "a"\nfamily = "bsm"\n'

#: What is written, the line of the mistake, and what the message says. Limits: the last value that passes is below.
REFUSED = [
    ('[gateway]\nlisten = "http://127.0.0.1:80"\n', 2, "listen: 'http://127.0.0.1:80': https://HOST:PORT"),
    ('[gateway]\nlisten = ["https://127.0.0.1"]\n', 2, "listen"),
    ("[gateway]\nlisten = 8443\n", 2, "8443 is not text or a list"),
    ('[gateway]\n\ncompat = "g14"\n', 3, "compat: 'g14': one of none, g13"),
    ("[gateway]\nallow_network = 1\n", 2, "1 is not true or false"),
    ('[gateway]\nallow_test_keys = "yes"\n', 2, "'yes' is not true or false"),
    ("[gateway]\nrate_limit = true\n", 2, "True is not a whole number"),
    ('[gateway]\ntimezone = "Mars/Olympus"\n', 2, "a time zone such as Europe/Berlin"),
    ('[gateway]\ntimezone = "../../etc/passwd"\n', 2, "a time zone"),
    ("[gateway]\nmax_image_mib = 0\n", 2, "from 1 to 256"),
    ("[gateway]\nmax_image_mib = 257\n", 2, "from 1 to 256"),
    ('[gateway]\ntrusted_proxies = ["10.0.0.1/8"]\n', 2, "networks such as"),
    ('[gateway]\noffline = "never"\n', 2, "one of error, last"),
    ('[gateway]\ncertificate = "a.pem"\n', 1, "key_file: missing"),
    ("[gateway]\nlissen = 1\n", 2, "unknown key; did you mean listen?"),
    ('[gatway]\nlisten = ""\n', 1, "gatway: unknown key; did you mean gateway?"),
    ("[firmware]\ninstall_command = []\n", 2, "the program first"),
    ('[store]\nurl = "mysql://x"\n', 2, "sqlite or postgresql://"),
    ('[store]\nurl = "postgresql://me:secret@host/db"\n', 2, "no password in the address"),
    ('[[bus]]\nurl = "tcp://127.0.0.1:502"\n', 1, "name: missing"),
    ('[[bus]]\nname = "A"\nurl = "tcp://127.0.0.1:502"\n', 2, "1 to 32 of a-z"),
    ('[[bus]]\nname = "a"\nurl = "tcp://127.0.0.1:502?baudrat=1"\n', 3, "baudrat"),
    (BUS + "retries = 11\n", 4, "from 0 to 10"),
    (BUS + "max_connections = 9\n", 4, "from 1 to 8"),
    (BUS + BUS, 5, "two buses are called 'a'"),
    (BUS + BUS.replace('"a"', '"b"'), 6, "url: the bus 'a' is at the same place, tcp://127.0.0.1:502"),
    (BUS + '[[bus]]\nname = "b"\nurl = "rtu://127.0.0.1:502?timeout=2"\n', 6, "the bus 'a' is at the same place"),
    (
        '[[bus]]\nname = "a"\nurl = "rtu:///dev/ttyS9?parity=E"\n'
        '[[bus]]\nname = "b"\nurl = "ascii:///dev/../dev/ttyS9"\n',
        6,
        "the bus 'a' is at the same place",
    ),
    ('[bus]\nname = "a"\n', 1, "write it as [[bus]]"),
    (METER + "unit = 248\n", 7, "from 1 to 247"),
    (METER + "channel = 5\n", 7, "from 1 to 4"),
    (METER + f'alias = "{"x" * 21}"\n', 7, "1 to 20 characters"),
    (METER + f'location = "{"x" * 51}"\n', 7, "1 to 50 characters"),
    (METER + 'serial = "a b"\n', 7, "1 to 16 of"),
    (METER + 'engines = "on"\n', 7, "one of auto, off"),
    (METER + 'tls_pin = "sha256:00"\n', 7, "64 hexadecimal digits"),
    (BUS + '[[meter]]\nbus = "b"\nfamily = "bsm"\n', 5, "there is no bus 'b'; known: a"),
    (BUS + '[[meter]]\nbus = "a"\nfamily = "map"\n', 4, "map: missing"),
    (BUS + '[[meter]]\nbus = "a"\nfamily = "bsmm"\n', 6, "did you mean 'bsm'?"),
    (
        BUS + '[[meter]]\nbus = "a"\nfamily = "abb"\n',
        6,
        "is read over M-Bus and COSEM; the bus 'a' speaks Modbus",
    ),
    (BUS + '[[meter]]\nbus = "a"\nfamily = "mbus"\n', 6, "'mbus' is not read by the gateway"),
    (METER + '[[meter]]\nbus = "a"\nfamily = "bsm"\nunit = 42\n', 8, "another [[meter]] is at the same place"),
    ('[[bus]]\nname = "a"\nurl = "tcp://127.0.0.1:502?unit=7"\n', 3, "write it under [[meter]]"),
    ('[[bus]]\nname = "a"\nurl = "iec://127.0.0.1:502"\n', 3, "the gateway polls meters on Modbus"),
    ("[gateway]\ncompat = 'none'\ncompat = 'g13'\n", 3, "this is not TOML"),
]


@pytest.mark.proves("G-341")
@pytest.mark.parametrize(("text", "line", "message"), REFUSED)
def test_mistakes_are_told_with_file_line_and_key(tmp_path: Path, text: str, line: int, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(InvalidFile) as raised:
        config.load(path)
    said = str(raised.value)
    assert str(path) in said and message in said
    assert re.search(rf"\bline {line}\b", said), said
    assert raised.value.exit_code == 2


@pytest.mark.proves("G-341")
def test_limits_themselves_pass(tmp_path: Path) -> None:
    text = '[gateway]\nmax_image_mib = 256\nlisten = ["https://127.0.0.1:0", "https://[::1]:8443"]\ncompat = "g13"\n'
    text += METER.replace("[[meter]]", "retries = 10\nmax_connections = 8\npoll_live_s = 0.5\n[[meter]]")
    text += f'unit = 247\nchannel = 4\nalias = "{"x" * 20}"\nlocation = "{"ü" * 50}"\nserial = "A-1_.z"\n'
    found = config.load(written(tmp_path, text))
    assert found.max_image_mib == 256 and found.buses[0].max_connections == 8
    assert found.meters[0].location == "ü" * 50


def test_meters_of_one_line_that_are_apart(tmp_path: Path) -> None:
    text = '[[bus]]\nname = "a"\nurl = "https://127.0.0.1"\n'
    text += "".join(f'[[meter]]\nbus = "a"\nfamily = "g13"\nserial = "ABB_{n}"\n' for n in (1, 2))
    text += "".join(f'[[meter]]\nbus = "a"\nfamily = "dmed4"\nchannel = {n}\n' for n in (1, 2))
    assert len(config.load(written(tmp_path, text)).meters) == 4


def test_buses_that_are_apart(tmp_path: Path) -> None:
    urls = ("tcp://a:502", "tcp://a:503", "tcp://b:502", "dlms://a:4059", "dlms+udp://a:4059", "rtu:///dev/ttyS8",
            "mbus:///dev/ttyS9", "http://a", "https://a")  # fmt: skip
    text = "".join(f'[[bus]]\nname = "n{n}"\nurl = "{url}"\n' for n, url in enumerate(urls))
    assert len(config.load(written(tmp_path, text)).buses) == len(urls)


#: What is written with the file that it names, the line, and what the message says.
NAMED = [
    ('[gateway]\ncertificate = "{file}"\nkey_file = "{good}"\n', 2, "[gateway] certificate:"),
    ('[gateway]\ncertificate = "{good}"\nkey_file = "{file}"\n', 3, "[gateway] key_file:"),
    ('[store]\nurl = "postgresql://me@host/db"\npassword_file = "{file}"\n', 3, "[store] password_file:"),
    (METER + 'password_file = "{file}"\n', 7, "[meter] password_file:"),
    ('[[bus]]\nname = "a"\nurl = "https://a?password-file={folder}/{file}"\n', 3, "[bus] url:"),
    ('[[bus]]\nname = "a"\nurl = "tls://a?certificate={folder}/{file}&key={folder}/{good}"\n', 3, "[bus] url:"),
]


@pytest.mark.proves("G-341")
@pytest.mark.parametrize(("text", "line", "message"), NAMED)
def test_files_that_are_named_are_read_before_anything_is_opened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, line: int, message: str
) -> None:
    (tmp_path / "good").write_text("secret\n")
    path = written(tmp_path, text.format(file="absent", good="good", folder=tmp_path))
    assert run(["gateway", "--config", str(path), "--data", str(tmp_path / "data")]) == 2
    said = capsys.readouterr().err
    assert f"{path}, line {line}: {message} {tmp_path / 'absent'} cannot be read: No such file" in said
    assert "make it, or name another" in said
    assert not (tmp_path / "data").exists()
    (tmp_path / "absent").write_text("secret\n")
    config.check_files(path)


def test_a_password_file_without_a_password(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    path = written(tmp_path, METER + 'password_file = "empty"\n')
    with pytest.raises(InvalidFile, match=r"line 7: \[meter\] password_file: .*empty has no password; write it on"):
        config.check_files(path)
    config.check_files(path, ("gateway", "store"))  # whoever starts again does without


def test_what_is_no_file_of_ours(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match="No such file"):
        config.load(tmp_path / "absent.toml")
    broken = tmp_path / "broken.toml"
    broken.write_bytes(b"\xff\xfe[gateway]")
    with pytest.raises(InvalidFile, match="not UTF-8"):
        config.load(broken)


@pytest.mark.proves("G-341")
def test_map_files_are_read_before_anything_is_opened(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = BUS + '[[meter]]\nbus = "a"\nfamily = "map"\nmap = "acme"\n'
    path = written(tmp_path, text)

    def refusal() -> str:
        assert run(["gateway", "--config", str(path), "--data", str(tmp_path / "data")]) == 2
        assert not (tmp_path / "data").exists()
        return capsys.readouterr().err

    assert "[meter] map: there is no map file 'acme'" in refusal()
    (tmp_path / "acme.toml").write_text('name = "acme"\n')
    assert "acme.toml: title: missing" in refusal()
