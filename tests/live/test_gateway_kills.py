"""``kill -9`` loses no acknowledged write, no interval and no signed record.

``KILLS=1000 pytest -s tests/live/test_gateway_kills.py`` is the long campaign.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.live.kills import LOAD, Campaign
from tests.live.running_gateway import gateway, simulated

KILLS = int(os.environ.get("KILLS", "6"))
CONFIG = """
[[bus]]
name = "hall"
url = "{hall}"
[[bus]]
name = "park"
url = "{park}"
[[meter]]
bus = "hall"
family = "bsm"
[[meter]]
bus = "park"
family = "bsm"
keep_time = false
"""


@pytest.mark.slow
@pytest.mark.proves("G-014")
def test_what_was_acknowledged_is_there(tmp_path: Path) -> None:
    # The one that charges signs ten times as fast as a real one, so that sessions come between the kills.
    options = ("--listen", "tcp://127.0.0.1:0", "--load", f"constant:{LOAD}", "--set", "answer-delay=0")
    with (
        simulated("bsm", *options, "--seed", "7") as hall,
        simulated("bsm", *options, "--seed", "9", "--speed", "10") as park,
        gateway(tmp_path, CONFIG.format(hall=hall["listen"][0], park=park["listen"][0])) as running,
    ):
        running.change_password()
        running.until("/api/v1/meters", lambda found: len(found["meters"]) == 2)
        campaign = Campaign(running, (hall["serial"], park["serial"]), seed=int(os.environ.get("KILLS_SEED", "1")))
        with campaign.load():
            campaign.kill(KILLS)
        writes, sessions, rows = campaign.check_writes(), campaign.check_sessions(), campaign.check_profiles()
        print(f"\n{campaign.report()}\n{writes} writes, {sessions} sessions ({campaign.true} true), {rows} rows")
        assert writes > KILLS
        assert "Traceback" not in (tmp_path / "gateway.log").read_text()
