"""Independent DLMS clients at a virtual ABB meter, as anybody would start it: gurux-dlms and dlms-cosem 21.3.2.

gurux-dlms is under the GPL, so it only runs in processes of its own (``peers/``) and is never imported here.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.interop.conftest import Simulate

PEER = Path(__file__).resolve().parent / "peers" / "gurux_abb.py"
START = ("--set", "time=2026-03-01T12:00:00", "--load", "constant:1000", "--control", "http://127.0.0.1:0")
#: What a client may read according to class 15, but not at this meter: no security setup, no password, and the
#: counters and stored states of ports that are outputs.
REFUSED = [
    ["0.0.40.0.0.255", 9, 4], ["0.0.40.0.1.255", 7, 4], ["0.0.40.0.1.255", 9, 4], ["0.0.40.0.2.255", 9, 4],
    ["0.1.96.3.129.255", 2, 4], ["0.2.96.3.129.255", 2, 4],
]  # fmt: skip


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


def started(simulate: Simulate, *listen: str) -> dict[str, Any]:
    """A meter at 14 o'clock, two hours after its start: 250 Wh each quarter."""
    first, *others = listen
    ready = simulate(*START, *(text for url in others for text in ("--listen", url)), model="abb", listen=first)
    body = json.dumps({"controls": {"step": 7200}}).encode()
    headers = {"Authorization": f"Bearer {ready['token']}", "Content-Type": "application/json"}
    urlopen(Request(ready["control"], body, headers, method="PATCH"), timeout=10).close()
    return ready


@pytest.mark.proves("A-132", "A-196")
@pytest.mark.parametrize(("interface", "client", "password"), [("HDLC", 1, "00000000"), ("WRAPPER", 16, None)])
def test_gurux_reads_every_attribute_and_writes(
    simulate: Simulate, interface: str, client: int, password: str | None
) -> None:
    if importlib.util.find_spec("gurux_dlms") is None:
        pytest.skip("gurux-dlms is not installed")
    meter = started(simulate, "hdlc://127.0.0.1:0", "dlms://127.0.0.1:0")
    port = port_of(meter["listen"][("HDLC", "WRAPPER").index(interface)])
    options = {"port": port, "interface": interface, "client": client, "server": 17, "password": password, "pdu": 1200}
    options |= {"begin": [2026, 3, 1, 12, 15], "end": [2026, 3, 1, 12, 45]}
    done = subprocess.run(
        [sys.executable, str(PEER), json.dumps(options)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["objects"], found["failed"], found["read"]) == (266, [], 809)
    assert [row for row in found["refused"] if row not in REFUSED] == []
    assert found["frequency"] == [5000, 44] and found["clock"].startswith("2026-03-01T14:00:")
    assert found["columns"] == [["0.0.1.0.0.255", 2], ["0.1.96.10.1.255", 2], ["1.0.1.8.0.255", 2]]
    assert (found["rows"], found["entries"], len(found["scripts"])) == (8, [8, 2880, 900], 12)
    assert found["range"] == [[f"2026-03-01T12:{15 * n}:00", 1, 250.0 * n] for n in (1, 2, 3)]
    assert found["by entry"] == [*found["range"][1:], ["2026-03-01T13:00:00", 1, 1000.0]]
    if client == 1:
        assert (found["set"], found["tariff"], found["script"], found["after script"]) == ("done", 3, "done", 4)
        assert found["set clock"] == "done" and found["new clock"].startswith("2027-05-06T07:08:")
        assert (found["set calendar"], found["activate"]) == (["done"] * 3, "done")
        assert (found["set source"], found["by calendar"]) == ("done", 2)


@pytest.mark.proves("A-133", "A-196")
def test_dlms_cosem_reads_and_writes(simulate: Simulate) -> None:
    """Over TCP; on a line that library takes every 7E for the end of a frame."""
    clients = pytest.importorskip("dlms_cosem.clients.dlms_client")
    enums = pytest.importorskip("dlms_cosem.enumerations")
    ready = started(simulate, "dlms://127.0.0.1:0")
    client = clients.DlmsClient.with_tcp_transport(
        "127.0.0.1",
        port_of(ready["listen"][0]),
        client_logical_address=1,
        server_logical_address=1,
        authentication_method=enums.AuthenticationMechanism.LLS,
        password=b"00000000",
        block_transfer=True,
        max_pdu_size=1000,
    )
    with client.session():
        talk(client, enums)


def talk(client: Any, enums: Any) -> None:
    """What this client can do: registers, clock, object list in blocks, a profile by range, and a write."""
    from dlms_cosem import cosem, parsers, utils
    from dlms_cosem.cosem.capture_object import CaptureObject
    from dlms_cosem.cosem.selective_access import RangeDescriptor

    def at(interface: Any, code: str, attribute: int) -> Any:
        return cosem.CosemAttribute(interface, cosem.Obis.from_string(code), attribute)

    kinds = enums.CosemInterface
    voltage = at(kinds.REGISTER, "1.0.32.7.0.255", 2)
    assert utils.parse_as_dlms_data(client.get(voltage)) == 2300
    time = at(kinds.CLOCK, "0.0.1.0.0.255", 2)
    assert bytes(utils.parse_as_dlms_data(client.get(time)))[:7].hex() == "07ea0301070e00"
    listed = client.get(at(kinds.ASSOCIATION_LN, "0.0.40.0.0.255", 2))
    objects = parsers.AssociationObjectListParser.parse_bytes(listed)
    assert len(objects) == 266 and len(listed) > 10_000
    profile = at(kinds.PROFILE_GENERIC, "1.0.99.1.1.255", 2)
    columns = [time, at(kinds.DATA, "0.1.96.10.1.255", 2), at(kinds.REGISTER, "1.0.1.8.0.255", 2)]
    limits = (datetime(2026, 3, 1, 12, minute) for minute in (15, 30))  # noqa: DTZ001 - local time of the meter
    part = RangeDescriptor(CaptureObject(time), *limits)
    parser = parsers.ProfileGenericBufferParser(columns, 15)
    rows = [[cell.value for cell in row] for row in parser.parse_bytes(client.get(profile, part))]
    assert rows == [[datetime(2026, 3, 1, 12, minute), 1, 10 * minute // 6] for minute in (15, 30)]  # noqa: DTZ001
    tariff = at(kinds.DATA, "0.0.96.14.0.255", 2)
    client.set(tariff, b"\x11\x04")
    assert utils.parse_as_dlms_data(client.get(tariff)) == 4
