"""`flwr run .` launches the same apps on Flower's own engine, and they give the same numbers."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.federation.conftest import Finished
from tests.federation.runs import SHORT, same

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port: int, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise TimeoutError(f"nothing listens on port {port}")


@pytest.fixture
def superlink(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Flower's daemon for simulations, on a port of its own, and the environment in which `flwr` finds it."""
    port, home = free_port(), tmp_path / "flwr"
    home.mkdir()
    (home / "config.toml").write_text(
        f'[superlink]\ndefault = "test"\n[superlink.test]\naddress = "127.0.0.1:{port}"\ninsecure = true\n'
        "options.num-supernodes = 3\n"
    )
    environment = os.environ | {
        "FLWR_HOME": str(home),
        "FLWR_TELEMETRY_ENABLED": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
    }
    command = [
        str(BIN / "flower-superlink"), "--insecure", "--simulation", "--isolation", "subprocess",
        "--disable-runtime-dependency-installation", "--host", "127.0.0.1", "--port", str(port),
    ]  # fmt: skip
    with (tmp_path / "superlink.log").open("w") as log:
        daemon = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
        try:
            wait_for(port)
            yield environment
        finally:
            daemon.terminate()
            daemon.wait(20)


def run_on_flower(
    superlink: dict[str, str], scenario: Path, out: Path, overrides: Sequence[str], app: Path, timeout: float = 240
) -> None:
    """A run as `flwr run` makes it; `app`: an empty place for what the bundle is made of, fedreid being installed."""
    app.mkdir()
    for name in ("clients", "server", "scenarios", "pyproject.toml", "README.md", "LICENSE"):
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, app / name)
    config = f'scenario="{scenario}" out="{out}" set="{" ".join(overrides)}"'
    done = subprocess.run(
        [str(BIN / "flwr"), "run", str(app), "test", "--stream", "--run-config", config],
        env=superlink, capture_output=True, text=True, timeout=timeout,
    )  # fmt: skip
    assert (out / "report.html").exists(), done.stdout[-3000:] + done.stderr[-3000:]


def test_flwr_run_gives_the_numbers_of_the_serial_engine(
    superlink: dict[str, str], scenario: Path, tmp_path: Path, final_files: Callable[[Path], dict[str, bytes]],
    finished: Finished,
) -> None:  # fmt: skip
    out = tmp_path / "flower"
    run_on_flower(superlink, scenario, out, SHORT, tmp_path / "app")
    same(final_files(out), final_files(finished(*SHORT).run_dir))
