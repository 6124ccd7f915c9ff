"""Power loss, checkpoints and options: sections 18, 23 and 27."""

from __future__ import annotations

import json
import tracemalloc

import pytest

from wattproof.errors import InvalidValue, StorageError, UnknownName
from wattproof.meters.bsm.enums import SnapshotType
from wattproof.meters.bsm.virtual.meter import create
from wattproof.meters.bsm.virtual.options import OPTIONS
from wattproof.virtual.base import SECOND, SimulationOptions

CURRENT, ON, OFF, START, END = SnapshotType


@pytest.mark.proves("B-050", "B-055", "B-066", "B-069", "B-070", "B-073", "B-081", "B-083")
@pytest.mark.parametrize(("variant", "counted"), [("cm13", 0), ("cm12", 1), ("cm11", 1), ("fw17", 1)])
@pytest.mark.parametrize("way", ["process", "supply"])
def test_what_survives_a_power_failure(bench, variant, counted, way):
    meter = bench(variant=variant, energy="3.3", load="constant:7777")
    meter.charge()
    meter.wait(1000.5)
    meter.set("bs_meter.Meta1", "x")
    meter.put(40068, b"\x00\x11" + bytes(26) + (115200).to_bytes(4, "big"))
    names = ("OS", "RCnt", "PDCnt", "RCR", "EpochSetCnt", "EpochSetOS", "MA1", "SNM", "SNC", "PK")
    before = {name: meter.raw(f"bs_meter.{name}") for name in names} | {"total": meter.raw("ac_meter.TotWhImp")}
    hidden = meter.meter.electrics.energy.total
    if way == "process":
        state = meter.meter.checkpoint()
        assert state is not None
        meter = bench(variant=variant, energy="9", state=state, load="constant:7777")
    else:
        meter.fault(power_cut=600)
        meter.wait(602)
    after = {name: meter.raw(f"bs_meter.{name}") for name in names} | {"total": meter.raw("ac_meter.TotWhImp")}
    expected = before | {"RCnt": before["RCnt"] + counted, "PDCnt": before["PDCnt"] + 1}
    assert after == expected | {"OS": after["OS"]}
    assert after["OS"] - before["OS"] == (0 if way == "process" else 2)
    assert meter.meter.electrics.energy.total == hidden
    assert (meter.meter.unit, meter.meter.baudrate, meter.raw("common.DA")) == (17, 115200, 17)
    assert [meter.status(kind) for kind in SnapshotType] == [1] * 5
    assert [meter.raw(f"bs_meter.{name}") for name in ("Epoch", "TZO", "Meta1", "DO", "DIChgOS")] == [
        None, None, None, 0, None,
    ]  # fmt: skip
    assert meter.snapshot(CURRENT) == 0 and meter.field(CURRENT, "RCnt") == expected["RCnt"] + 1


def test_a_checkpoint_comes_when_something_shown_has_changed(bench):
    meter = bench(load="none")
    assert meter.meter.checkpoint() is not None
    assert meter.meter.checkpoint() is None
    meter.wait(0.5)
    assert meter.meter.checkpoint() is None
    meter.wait(0.5)
    assert json.loads(meter.meter.checkpoint())["os"] == 1
    for change in (
        lambda: meter.set_time(),
        lambda: meter.put(40068, b"\0\x05"),
        lambda: meter.fault(counter_jump=1000),
        lambda: meter.fault(pagination_gap=1),
    ):
        change()
        assert meter.meter.checkpoint() is not None
        assert meter.meter.checkpoint() is None
    meter.control(doe=False)
    assert meter.meter.checkpoint() is None


def test_no_response_counter_is_used_twice_wherever_the_process_dies(bench):
    """A checkpoint is kept before anything that shows it leaves; whatever was signed before the end is not reused."""
    meter = bench()
    signatures: dict[int, set[bytes]] = {}
    kept = meter.meter.checkpoint()
    for tenths in range(34):
        meter.set_time()
        meter.trigger(CURRENT)
        kept = meter.meter.checkpoint() or kept
        for _ in range(tenths):
            meter.wait(0.1)
            kept = meter.meter.checkpoint() or kept
            if meter.status(CURRENT) == 0:
                signatures.setdefault(meter.field(CURRENT, "RCnt"), set()).add(meter.field(CURRENT, "Sig"))
        meter = bench(state=kept)  # the process died here
    assert len(signatures) == 34 - 28
    assert all(len(made) == 1 for made in signatures.values())


def test_a_number_that_may_have_signed_something_is_not_used_again(bench):
    meter = bench()
    meter.trigger(CURRENT)
    meter.wait(2.6)  # signing
    state = meter.meter.checkpoint()
    assert meter.raw("bs_meter.RCnt") == 0
    after = bench(state=state)
    assert after.snapshot(CURRENT) == 0 and after.field(CURRENT, "RCnt") == 2


def test_a_given_key_stays_with_the_state(bench):
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    def pem(number):
        key = ec.derive_private_key(number, ec.SECP256R1())
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    meter = bench(key=pem(99))
    state = meter.meter.checkpoint()
    assert bench(state=state).meter.public_key == meter.meter.public_key
    assert bench(state=state, key=pem(99)).meter.public_key == meter.meter.public_key
    with pytest.raises(InvalidValue, match="key"):
        bench(state=state, key=pem(98))
    with pytest.raises(InvalidValue, match="key"):
        bench(state=bench().meter.checkpoint(), key=pem(99))


def test_a_state_of_another_meter_or_none_at_all(bench):
    state = bench().meter.checkpoint()
    with pytest.raises(InvalidValue, match="001BZR9900000001"):
        bench(state=state, serial="001BZR9900000002")
    assert bench(state=state, serial=None).meter.serial == "001BZR9900000001"
    good = json.loads(state)
    for change in ({"os": -1}, {"os": "1"}, {"unit": 248}, {"version": 2}, {"language": "fr"}, {"os": True}, {"x": 1}):
        with pytest.raises(StorageError, match="state directory"):
            bench(state=json.dumps(good | change).encode())
    for junk in (b"", b"{", b"[]", b"null", b"\xff", b'{"version":1}'):
        with pytest.raises(StorageError, match="state directory"):
            bench(state=junk)


# 27


@pytest.mark.proves("B-186")
def test_the_options_and_their_limits(bench):
    good = {
        "profile": ("cm11",), "blocking": ("yes", "no"), "answer-delay": ("0", "10", "0.5"),
        "wiring": ("contactor", "direct"), "contactor-delay": ("0", "60"), "collect-delay": ("0", "600"),
        "collect-delay-switching": ("0", "600"), "sign-delay": ("0", "600"), "start-delay": ("0", "600"),
        "start-resets-rcr": ("yes", "no"), "cone-seconds": ("0", "3600"), "cone-percent": ("0", "100"),
        "time-expiry": ("0", "31536000"), "start-threshold": ("0", "1"), "energy": ("0", "999999.99"),
        "time": ("invalid", "now", "2022-07-08T10:00:28+02:00"), "language": ("en", "de"),
        "optical": ("c", "a", "d0"), "optical-password": ("12345678",), "d0-list": ("short", "full"),
    }  # fmt: skip
    bad = {
        "profile": ("cm14", "f1d3d06"), "blocking": ("true", ""), "answer-delay": ("10.1", "-1", "x", "nan", "inf"),
        "wiring": ("open",), "contactor-delay": ("61",), "collect-delay": ("601",),
        "collect-delay-switching": ("601",), "sign-delay": ("601",), "start-delay": ("601",),
        "start-resets-rcr": ("maybe",), "cone-seconds": ("3601",), "cone-percent": ("101",),
        "time-expiry": ("31536001", "1.5"), "start-threshold": ("1.1",), "energy": ("1000000", "-1"),
        "time": ("2022-07-08T10:00:28", "tomorrow", "1969-01-01T00:00:00+00:00"), "language": ("fr",),
        "optical": ("b",), "optical-password": ("1234567", "123456789", "1234567)"), "d0-list": ("long",),
    }  # fmt: skip
    assert list(good) == list(bad) == [row.name for row in OPTIONS.rows]
    for name, texts in good.items():
        for text in texts:
            bench(**{name.replace("-", "_"): text})
    for name, texts in bad.items():
        for text in texts:
            with pytest.raises(InvalidValue, match=name):
                bench(**{name.replace("-", "_"): text})
    with pytest.raises(UnknownName, match="door"):
        bench(door="open")


@pytest.mark.proves("B-186")
def test_variant_and_profile(bench):
    assert bench(profile="cm11").meter.variant == bench(variant="cm11").meter.variant == "cm11"
    assert bench(profile="cm12", variant="cm12").meter.variant == "cm12"
    with pytest.raises(InvalidValue, match=r"cm11.*cm12"):
        bench(variant="cm11", profile="cm12")


def test_time_at_the_start(bench):
    meter = bench(time="now", wall=1_700_000_000)
    assert (meter.raw("bs_meter.Epoch"), meter.raw("bs_meter.TZO")) == (1_700_000_000, 0)
    assert meter.raw("bs_meter.EpochSetCnt") == 1
    meter = bench(time="2022-07-08T10:00:28+02:00")
    assert (meter.raw("bs_meter.Epoch"), meter.raw("bs_meter.TZO")) == (1657267228, 120)
    with pytest.raises(InvalidValue, match="time=now"):
        bench(time="now", wall=None)


@pytest.mark.proves("B-037")
def test_serials(bench):
    assert bench(serial="1BZR1520200416").meter.serial == "001BZR1520200416"
    drawn = {bench(serial=None, seed=seed).meter.serial for seed in (1, 2, 3)}
    assert len(drawn) == 3 and drawn == {bench(serial=None, seed=seed).meter.serial for seed in (1, 2, 3)}
    for bad in ("", "1", "001BZR99000000011", "001bzr9900000001", "111BZR9900000001", "001BZR990000000X"):
        with pytest.raises(InvalidValue, match="serial"):
            bench(serial=bad)


@pytest.mark.parametrize(
    ("field", "value"), [("unit", 0), ("unit", 248), ("speed", 0), ("speed", 100_001), ("speed", -1)]
)
def test_units_and_speeds_out_of_range(bench, field, value):
    with pytest.raises(InvalidValue, match=field):
        bench(**{field: value})


@pytest.mark.proves("B-182")
def test_speed_is_the_runtimes_affair(bench):
    """Inside, every delay is in meter time: equal meters at different speeds do the same at the same meter time."""
    slow, fast = bench(), bench(speed=1000)
    for meter in (slow, fast):
        meter.charge()
        meter.wait(100)
        meter.snapshot(OFF)
    assert slow.meter.registers.data == fast.meter.registers.data and slow.now == fast.now


def test_a_meter_is_small():
    def make(number):
        return create(SimulationOptions("bsm", serial=f"001BZR99{number:08d}", seed=number))

    make(0).advance(SECOND)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    meters = [make(number) for number in range(1, 51)]
    size = (tracemalloc.get_traced_memory()[0] - before) / len(meters)
    tracemalloc.stop()
    assert size < 20_000, f"{size:.0f} bytes a meter"


@pytest.mark.proves("B-186", "B-194")
def test_a_process_that_goes_on_with_kept_state_powers_up_first(bench):
    kept = bench().meter.checkpoint()
    for settings in ({"state": kept, "start_delay": "2"}, {"start_delay": "2"}):
        meter = bench(faults=("meter-fatal@power-up",), **settings)
        assert meter.meter.silent and meter.meter.starting
        meter.wait(1.999)
        assert meter.ask(b"\x03\x9c\x40\x00\x02") is None and meter.state["faults"] == {}
        meter.wait(0.001)
        assert not meter.meter.silent and not meter.meter.starting
        assert meter.raw("bs_meter.OS") == 2 and meter.raw("bs_meter.ErrM") == "00100000"
    assert not bench().meter.silent and not bench(start_delay="0").meter.silent


@pytest.mark.proves("B-186")
def test_a_start_that_is_cut_short_is_not_over(bench):
    meter = bench(start_delay="2", faults=("power-cut=1",))
    assert meter.meter.silent and not meter.meter.starting
    meter.wait(1)
    assert meter.meter.starting
    meter.wait(2)
    assert not meter.meter.silent and meter.raw("bs_meter.PDCnt") == 1
