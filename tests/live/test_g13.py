"""`wattproof read` and `write` against a G13 made of the printed examples, over TLS with its certificate pinned."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.g13.fake import PASSWORD, SERIAL, FakeG13, error
from wattproof.cli import run

Capture = pytest.CaptureFixture[str]


def self_issued(folder: Path) -> tuple[ssl.SSLContext, str]:
    """The certificate that every such gateway makes for itself, and its digest."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "G13")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    file = folder / "g13.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context, hashlib.sha256(made.public_bytes(serialization.Encoding.DER)).hexdigest()


class Served:
    """A fake gateway on a port, one connection after the other."""

    def __init__(self, fake: FakeG13, folder: Path) -> None:
        self.fake = fake
        context, digest = self_issued(folder)
        (folder / "password").write_text(PASSWORD + "\n")
        self.listener = context.wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()
        options = f"pin=sha256:{digest}&password-file={folder / 'password'}"
        self.gateway = f"g13+https://127.0.0.1:{self.port}?{options}"
        self.meter = f"{self.gateway}&serial={SERIAL}"

    def serve(self) -> None:
        while True:
            try:
                peer, _ = self.listener.accept()
            except ssl.SSLError:
                continue
            except OSError:
                return
            with peer, contextlib.suppress(OSError):
                peer.settimeout(5)
                if (data := request_of(peer)) is not None:
                    peer.sendall(self.fake.reply(data))

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(10)


def request_of(peer: ssl.SSLSocket) -> bytes | None:
    """One request, or ``None`` if the client goes away instead."""
    data = b""
    while True:
        head, end, body = data.partition(b"\r\n\r\n")
        length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0] or b"0")
        if end and len(body) >= length:
            return data
        more = peer.recv(4096)
        if not more:
            return None
        data += more


@pytest.fixture(params=[False, True], ids=["ours", "original"])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    made = Served(FakeG13(compat=request.param), tmp_path)
    yield made
    made.close()


def test_a_meter_behind_a_gateway_is_read_and_set(served: Served, capsys: Capture) -> None:
    lacking = (400, error("Invalid Request"))
    served.fake.answers["GET", f"/meters/{SERIAL}/energy/reactive"] = lacking
    assert run(["read", served.meter, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {name: found["meter"][name] for name in ("model", "serial")} == {"model": "g13", "serial": SERIAL}
    values = {row["quantity"]: (row["value"], row["unit"]) for row in found["readings"]}
    assert values["voltage_l1"] == ("227.1", "V")
    assert values["active_energy_import_total"] == ("1271.31", "kWh")
    assert values["active_power_total"] == ("2000000", "W")
    assert run(["read", served.gateway]) == 0
    assert "ABB_9.status" in capsys.readouterr().out
    assert run(["write", served.meter, "TARIFF_ACTIVE=2"]) == 0
    method, path, body = served.fake.asked[-1]
    assert (method, path, json.loads(body)) in [("POST", f"/meters/{SERIAL}/tariff", {"tariff": n}) for n in (2, "2")]


def test_another_certificate_or_password_is_told(served: Served, capsys: Capture, tmp_path: Path) -> None:
    assert run(["read", re.sub("sha256:[0-9a-f]{64}", f"sha256:{'0' * 64}", served.meter)]) == 4
    assert "pin" in capsys.readouterr().err
    assert not served.fake.asked
    (tmp_path / "password").write_text("wrong\n")
    assert run(["read", served.meter]) == 1
    assert "?password-file=PATH" in capsys.readouterr().err
