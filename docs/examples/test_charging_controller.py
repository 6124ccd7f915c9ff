"""What the controller does when the contactor welds: tests that need no meter on the desk."""

from __future__ import annotations

from charging_controller import ChargingController

from wattproof import verify


def test_a_session_is_signed_and_verifies(virtual_meter):
    meter = virtual_meter("bsm", speed=500, answer_delay=0)
    controller = ChargingController(meter.url)

    assert controller.start("12345678")
    meter.controls["step"] = 600  # ten minutes of charging pass at once
    assert controller.stop()

    report = verify("\n".join(controller.records), meter.public_key.hex(), allow_test_keys=True)
    (session,) = report.as_dict()["sessions"]
    assert session["overall"] == "green"
    assert 1.8 < float(session["energy"]["value"]) < 2.0  # 11 kW for ten minutes


def test_a_contactor_that_welds_between_trigger_and_signature_raises_the_alarm(virtual_meter):
    meter = virtual_meter("bsm", speed=500, answer_delay=0)
    controller = ChargingController(meter.url)
    assert controller.start("12345678")

    meter.change(faults={"contactor-stuck-closed": True}, when="turn-off:opening")
    stopped = controller.stop()

    assert not stopped
    assert "contactor" in controller.alarm
    assert len(controller.records) == 1  # no end record was invented
    signals = meter.state["signals"]
    assert signals["do"] is False  # the meter wants it open ...
    assert signals["contactor"] is True  # ... but it is still closed and current flows
    requests = [entry for entry in meter.journal if entry["kind"] == "request"]
    assert requests, "the journal holds what the controller asked"


def test_a_meter_that_never_finishes_is_given_up(virtual_meter):
    meter = virtual_meter("bsm", speed=500, answer_delay=0, faults={"signing-fails": 1})
    controller = ChargingController(meter.url)

    assert not controller.start("12345678")
    assert controller.alarm.startswith("turn-on:")
