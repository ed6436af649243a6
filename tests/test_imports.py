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
        "comparison",
        "reports",
        "progress",
        "cli",
    )
    assert imported("import fedreid\n" + "\n".join(f"import fedreid.{name}" for name in modules)) == []


LAUNCHED = """
from fedreid.cli import _status
from fedreid.reports import environment, figure_files
figure_files.write_png = figure_files.write_pdf = lambda *_: None  # not what is tested here
environment.to_svg = lambda *_: "<svg></svg>"
scenario, first, second, *settings = sys.argv[1:]
def run(out, engine):
    return _status(["run", scenario, "--out", out, *settings, "--engine", engine])
statuses = [run(first, "serial")]
found = [name for name in ("flwr", "ray") if sys.modules.get(name)]
sys.modules["ray"] = None  # import ray: ModuleNotFoundError, as on a machine without it
statuses += [run(second, "ray"), run(second, "serial")]
print(found, statuses, file=sys.stderr)
"""


def test_only_the_ray_engine_imports_ray_and_without_it_says_what_to_do(scenario: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    settings = ("federation.rounds=1", "pretrain.epochs=0", "evaluation.local_only=false")
    done = python(LAUNCHED, scenario, first, second, *(each for setting in settings for each in ("--set", setting)))
    assert done.returncode == 0, done.stderr
    text, remedy, *rest = done.stderr.splitlines()
    assert text.startswith("runtime.engine = ray, but ray can't be imported (")
    assert remedy == "  Install it with: pip install 'flwr[simulation]', or use --engine serial."
    assert rest == ["['flwr'] [0, 2, 0]"], "the same command with another --engine works"
    assert (first / "report.html").exists()
    assert (second / "report.html").exists()
