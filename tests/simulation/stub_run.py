"""Stands for `python -m fedreid.cli run|resume`: writes a run's files in no time, and fails or hangs by its name.

Behaviour by the scenario's name: `meets-B` goes on when B has begun; `fails`, `crashes` and `dies`; `hangs` until
Ctrl-C, and when it goes on it ends; `deaf` hangs whatever happens.
"""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import signal
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import tomli_w

PATIENCE = 60  # seconds after which a test has failed anyway


def main() -> int:
    command, target, *rest = sys.argv[1:]
    is_new = command == "run"
    out = Path(rest[rest.index("--out") + 1]) if is_new else Path(target)
    out.mkdir(parents=True, exist_ok=True)
    scenario = tomllib.loads((Path(target) if is_new else out / "scenario.toml").read_text())
    for key, value in itertools.pairwise(rest):
        if key == "--set":
            change(scenario, value)
    with (out / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        (out / "scenario.toml").write_text(tomli_w.dumps(scenario))
        (out / "splits").mkdir(exist_ok=True)
        (out / "splits" / "data.json").write_text("{}")
        (out / "preloaded").write_text(os.environ.get("LD_PRELOAD", ""))
        sys.stdout.write(f"{command} {scenario['name']}\n")
        return act(scenario["name"], out, is_new, scenario["federation"]["rounds"])


def change(scenario: dict[str, Any], override: str) -> None:
    key, _, value = override.partition("=")
    *tables, name = key.split(".")
    for table in tables:
        scenario = scenario.setdefault(table, {})
    scenario[name] = tomllib.loads(f"value = {value}")["value"]


def act(name: str, out: Path, is_new: bool, rounds: int) -> int:
    if name.startswith("meets-"):
        wait_for(out.parent, f"{name.removeprefix('meets-')}-*/scenario.toml")
    if name == "fails":
        sys.stderr.write("careful\n")
        sys.stderr.write("client 3 failed in round 1 while training: loss is nan\n  Its learning rate is 9.\n")
        return 1
    if name == "crashes":
        raise ZeroDivisionError("by zero")
    if name == "dies":
        sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "deaf":
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    (out / "setup.json").write_text("{}")
    if name == "deaf" or (name == "hangs" and is_new):
        (out / "metrics.csv").write_text("round,scope,client,dataset,metric,value\n0,generic,,a,mAP,10.0\n")
        try:
            time.sleep(PATIENCE)
        except KeyboardInterrupt:
            (out / "summary.json").write_text('{"status": "interrupted"}')
            return 130
        return 1
    rows = [f"{number},generic,,a,mAP,{10.0 + number}\n" for number in range(rounds + 1)]
    (out / "metrics.csv").write_text("".join(["round,scope,client,dataset,metric,value\n", *rows]))
    (out / "summary.json").write_text(json.dumps({"status": "finished", "timing": {"total_seconds": 1.5}}))
    return 0


def wait_for(folder: Path, pattern: str) -> None:
    end = time.monotonic() + PATIENCE
    while not any(folder.glob(pattern)):
        if time.monotonic() > end:
            sys.exit(f"{pattern} never came")
        time.sleep(0.02)


if __name__ == "__main__":
    sys.exit(main())
