"""What is imported when: the domain without Flower, everything but the Ray engine without Ray."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REPORT = "print(*sorted(name for name in ('flwr', 'ray') if sys.modules.get(name)))"


def python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs code in a fresh process."""
    command = [sys.executable, "-c", f"import sys\n{code}", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def imported(code: str, *arguments: object) -> list[str]:
    done = python(f"{code}\n{REPORT}", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].split()


def test_the_domain_imports_neither_flower_nor_ray() -> None:
    modules = (
        "scenario",
        "data.federation",
        "losses",
        "models",
        "training",
        "evaluation",
        "pruning",
        "pruning.schedules",
        "compression",
        "reports",
        "progress",
        "cli",
    )
    assert imported("import fedreid\n" + "\n".join(f"import fedreid.{name}" for name in modules)) == []


def test_launching_imports_flower_and_not_ray(scenario: Path, tmp_path: Path) -> None:
    code = (
        "import fedreid\n"
        "fedreid.run(sys.argv[1], out=sys.argv[2],"
        " overrides=['federation.rounds=1', 'pretrain.epochs=0', 'evaluation.local_only=false'])"
    )
    assert imported(code, scenario, tmp_path / "run") == ["flwr"]
    assert (tmp_path / "run" / "report.html").exists()


WITHOUT_RAY = """
sys.modules["ray"] = None  # import ray: ModuleNotFoundError, as on a machine without it
from fedreid.cli import _status
scenario, out, *settings = sys.argv[1:]
command = ["run", scenario, "--out", out, *settings, "--engine"]
print(_status([*command, "ray"]), file=sys.stderr)
print(_status([*command, "serial"]), file=sys.stderr)
"""


def test_without_ray_the_ray_engine_says_what_to_do_and_the_serial_one_works(scenario: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    settings = ("federation.rounds=1", "pretrain.epochs=0", "evaluation.local_only=false")
    done = python(WITHOUT_RAY, scenario, out, *(each for setting in settings for each in ("--set", setting)))
    assert done.returncode == 0, done.stderr
    first, second, *rest = done.stderr.splitlines()
    assert first.startswith("runtime.engine = ray, but ray can't be imported (")
    assert second == "  Install it with: pip install 'flwr[simulation]', or use --engine serial."
    assert rest == ["2", "0"], "the same command with another --engine works"
    assert (out / "report.html").exists()
