"""A constant power for an hour and more."""

from __future__ import annotations

import pytest

from tests.gateway.engines.bench import BSM, DAY, HOUR, Bench, constant, utc


@pytest.mark.proves("G-356")
async def test_a_kilowatt_for_an_hour():
    start = utc(2026, 6, 1, 10)
    bench = Bench(BSM, start, constant(1000, start, 5_000_000), lambda at: {96: 100_000})
    await bench.start()
    bench.run(start + HOUR)
    values = bench.engine.values(bench.at)
    assert values[9].mantissa == 1_000_000 and values[10].mantissa == 0
    head, items = await bench.rows(73, channel=1)
    assert head == {"mapping": ["active_energy_import_total", "Wh"], "interval": 900}
    assert items == [
        {"status": 1, "timestamp": "2026-06-01T12:15:00", "value": "5250.000"},
        {"status": 1, "timestamp": "2026-06-01T12:30:00", "value": "5500.000"},
        {"status": 1, "timestamp": "2026-06-01T12:45:00", "value": "5750.000"},
        {"status": 1, "timestamp": "2026-06-01T13:00:00", "value": "6000.000"},
    ]
    head, items = await bench.rows(73, channel=2)
    assert head == {"mapping": ["active_power_total", "W"], "interval": 900}
    assert [item["value"] for item in items] == ["1000.00"] * 4
    bench.run(start + DAY)
    head, items = await bench.rows(69)
    assert items == [{"values": [[1, "17000.000"]], "time": "2026-06-02T00:00:00"}]
