"""`wattproof forge`: files, keys, refusals, and that what comes out goes into `verify`."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from wattproof.cli import output, run
from wattproof.signed.forging import GREY, MAKERS, VARIANTS, forge


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*arguments: object) -> SimpleNamespace:
        output.console.cache_clear()
        code = run([*map(str, arguments)])
        out, err = capsys.readouterr()
        return SimpleNamespace(code=code, out=out, err=err)

    return call


@pytest.mark.parametrize("format", MAKERS)
def test_what_is_forged_can_be_verified(call: Any, tmp_path: Path, format: str) -> None:
    path = tmp_path / "forged"
    made = call("forge", format, "--output", path, "--json")
    summary = json.loads(made.out)
    assert made.code == 0 and summary["output"] == str(path) and summary["test_key"]
    report = call("verify", path, "--json", "--public-key", summary["public_key"])
    if format in GREY:
        assert report.code == 3 and {"grey"} == {
            key for key in ("green", "yellow", "red", "grey") if json.loads(report.out)["summary"][key]
        }
        return
    assert report.code == 0 and json.loads(report.out)["summary"]["yellow"] == 1
    assert call("verify", path, "--public-key", summary["public_key"], "--allow-test-keys", "--strict").code == 0


def test_without_a_file_the_records_go_to_standard_output(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    output.console.cache_clear()
    assert run(["forge", "ocmf", "--variant", "tampered:RV"]) == 0
    data = capsysbinary.readouterr().out
    assert data == forge("OCMF", "tampered:RV").data
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert run(["verify", "-"]) == 1


@pytest.mark.proves("T-107")
def test_a_key_file_signs_instead(call: Any, tmp_path: Path) -> None:
    private = ec.generate_private_key(ec.SECP384R1())
    key = tmp_path / "private.pem"
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    key.write_bytes(private.private_bytes(encoding, form, serialization.NoEncryption()))
    path = tmp_path / "mine.xml"
    summary = json.loads(call("forge", "SAFE-XML", "--key", key, "--output", path, "--json").out)
    assert summary["curve"] == "secp384r1" and not summary["test_key"]
    found = json.loads(call("verify", path, "--public-key", summary["public_key"], "--json").out)
    assert found["summary"]["green"] == 1 and "F-TEST-KEY" not in json.dumps(found)
    assert call("forge", "bsm", "--key", key).code == 2


def test_keys_that_cannot_sign(call: Any, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    assert "cannot be read" in call("forge", "OCMF", "--key", key).err
    key.write_text("no key")
    assert "no readable private key" in call("forge", "OCMF", "--key", key).err
    encoding, form = serialization.Encoding.DER, serialization.PrivateFormat.PKCS8
    edwards = ed25519.Ed25519PrivateKey.generate()
    key.write_bytes(edwards.private_bytes(encoding, form, serialization.NoEncryption()))
    result = call("forge", "OCMF", "--key", key)
    assert result.code == 2 and "elliptic curve" in result.err


def test_the_list_names_formats_variants_and_fields(call: Any) -> None:
    result = call("forge")
    assert result.code == 0
    assert all(name in result.out for name in (*MAKERS, *VARIANTS, "brainpoolP384r1", "RCnt"))
    found = json.loads(call("forge", "--json").out)
    assert [row["format"] for row in found["formats"]] == list(MAKERS) and found["variants"].keys() == VARIANTS.keys()
    lacking = {row["format"] for row in found["formats"] if "missing-page" not in row["variants"]}
    assert lacking == {"PCDF", "ISA_EDL_40_P", "ChargePoint", "ChargePoint-files", "GDF"}


@pytest.mark.parametrize(
    "arguments", [["OCMF", "--json"], ["nothing"], ["OCMF", "--variant", "x"], ["OCMF", "--curve", "x"]]
)
def test_misuse_is_exit_code_two(call: Any, arguments: list[str]) -> None:
    result = call("forge", *arguments)
    assert result.code == 2 and not result.out and result.err.startswith("error:")


def test_a_file_that_cannot_be_written_is_exit_code_five(call: Any, tmp_path: Path) -> None:
    assert call("forge", "OCMF", "--output", tmp_path / "nowhere" / "file").code == 5
