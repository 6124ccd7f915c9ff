"""WATTPROOF_NO_SKIP: what CI does not run, it does not prove."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CASES = {
    "a whole module": "import pytest\npytest.importorskip('no_such_module')\n\ndef test_one(): pass\n",
    "a mark": "import pytest\n\n@pytest.mark.skip(reason='later')\ndef test_one(): pass\n",
    "a call": "import pytest\n\ndef test_one(): pytest.skip('later')\n",
}


@pytest.mark.parametrize("source", CASES.values(), ids=CASES)
def test_a_skip_fails_where_skipping_is_forbidden(source: str, tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(Path(__file__).with_name("conftest.py").read_text(encoding="utf-8"))
    (tmp_path / "test_it.py").write_text(source)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")

    def pytest_in(folder: Path, forbidden: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:schemathesis", str(folder)]
        environment = {**os.environ, "WATTPROOF_NO_SKIP": forbidden}
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)

    allowed = pytest_in(tmp_path, "0")
    assert "1 skipped" in allowed.stdout
    assert "failed" not in allowed.stdout
    forbidden = pytest_in(tmp_path, "1")
    assert forbidden.returncode in (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED)
    assert "was skipped, which WATTPROOF_NO_SKIP forbids" in forbidden.stdout
