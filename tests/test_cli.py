"""The command line: exit status and text of every command."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from fedreid import cli
from fedreid.errors import RunError, UserError
from fedreid.scenario import Scenario, load_scenario
from fedreid.simulation import launch

Command = Callable[..., tuple[int, str, str]]
FOLDER = Path(__file__).parents[1] / "scenarios"
SCENARIOS = sorted([*FOLDER.glob("*.toml"), *(FOLDER / "twins").glob("*.toml")])


def test_a_run_prints_its_scores_and_where_they_are_and_its_report_can_be_written_again(
    fedreid_command: Command, scenario: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    settings = ("--set", "federation.rounds=1", "--set", "pretrain.epochs=0", "--set", "evaluation.local_only=false")
    status, text, errors = fedreid_command("run", scenario, "--out", out, "--engine", "serial", *settings)
    assert (status, errors) == (0, "")
    assert f"run folder: {out}" in text
    assert f"report:     {out / 'report.html'}" in text
    final = launch.RunResult(out, launch.json.loads((out / "summary.json").read_text()), out).final
    assert f"{final['generic/tiny/mAP']:6.2f} %" in text
    assert "personalized/tiny/rank1" in text
    (out / "report.html").unlink()
    assert fedreid_command("report", out) == (0, f"report: {out / 'report.html'}\n", "")
    assert (out / "report.html").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (UserError("no such dataset.\n  Set its path."), 2, "no such dataset.\n  Set its path.\n"),
        (RunError("client 3 failed"), 1, "client 3 failed\n"),
        (KeyboardInterrupt(), 130, ""),
        (
            launch.Interrupted(Path("/runs/a")),
            130,
            "the finished rounds are saved. Resume with: fedreid resume /runs/a",
        ),
    ],
)
def test_every_expected_failure_has_its_exit_status_and_one_clear_text(
    error: BaseException, status: int, text: str, fedreid_command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(launch, "resume", fail)
    found, out, errors = fedreid_command("resume", "/runs/a")
    assert (found, out) == (status, "")
    assert text in errors


def test_a_bug_keeps_its_traceback(fedreid_command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(launch, "resume", fail)
    with pytest.raises(ZeroDivisionError):
        fedreid_command("resume", "/runs/a")


def test_square_brackets_of_a_message_are_text_and_not_markup(
    fedreid_command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise UserError("scenarios/shop.toml: [method] treshold is not a setting")

    monkeypatch.setattr(launch, "resume", fail)
    assert "[method] treshold" in fedreid_command("resume", "/runs/a")[2]


def test_main_ends_the_process_with_the_status(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["resume", "/nowhere"])
    assert caught.value.code == 2


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["run"], "Missing argument 'SCENARIO'"),
        (["run", "x.toml", "--speed", "9"], "No such option"),
        (["train"], "No such command 'train'"),
        (["data", "show", "x.toml", "--identities", "0"], "is not in the range x>=1"),
    ],
)
def test_a_mistake_in_the_arguments(arguments: list[str], text: str, fedreid_command: Command) -> None:
    status, _, errors = fedreid_command(*arguments)
    assert status == 2
    assert text in errors


def test_help_is_no_failure(fedreid_command: Command) -> None:
    status, out, _ = fedreid_command("--help")
    assert status == 0
    assert "resume" in out


def test_help_says_what_an_argument_is(fedreid_command: Command) -> None:
    _, out, _ = fedreid_command("run", "--help")
    assert "scenario file" in out


def test_scenario_show_tells_every_setting_and_where_it_comes_from(fedreid_command: Command, scenario: Path) -> None:
    """Away from a terminal it is TOML, a setting a line, which gives the same scenario."""
    status, out, _ = fedreid_command("scenario", "show", scenario, "--set", "federation.rounds=7")
    assert status == 0
    assert Scenario.model_validate(tomllib.loads(out)) == load_scenario(scenario, ["federation.rounds=7"]).scenario
    assert "federation.rounds = 7  # --set: communication rounds\n" in out
    assert "federation.fraction = 1.0  # default: share of the clients in each round\n" in out
    line = scenario.read_text().splitlines().index("batch_size = 8") + 1
    assert f"method.batch_size = 8  # {scenario}:{line}: images in a step\n" in out


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_every_scenario_of_the_project_can_be_shown_and_what_is_shown_is_the_scenario(
    path: Path, fedreid_command: Command
) -> None:
    status, out, _ = fedreid_command("scenario", "show", path)
    assert status == 0
    assert Scenario.model_validate(tomllib.loads(out)) == load_scenario(path).scenario


def test_in_a_terminal_scenario_show_is_a_table(
    fedreid_command: Command, scenario: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "Console", partial(Console, force_terminal=True, color_system=None))
    status, out, _ = fedreid_command("scenario", "show", scenario, "--set", "federation.rounds=7")
    assert status == 0
    rows = {line.split()[0]: line.split()[1:3] for line in out.splitlines() if line.strip()}
    assert rows["setting"] == ["value", "from"]
    assert rows["federation.rounds"] == ["7", "--set"]
    assert rows["federation.fraction"] == ["1.0", "default"]


def test_data_show_writes_a_picture(fedreid_command: Command, scenario: Path, tmp_path: Path) -> None:
    picture = tmp_path / "sheet.png"
    status, out, _ = fedreid_command("data", "show", scenario, "--out", picture, "--identities", 3)
    assert status == 0
    assert f"{picture}: 96 images of 16 identities" in out
    with Image.open(picture) as image:
        assert min(image.size) > 30


def test_data_show_names_the_sources_there_are(fedreid_command: Command, scenario: Path) -> None:
    status, _, errors = fedreid_command("data", "show", scenario, "--source", "shop")
    assert status == 2
    assert f"{scenario}: there is no source shop; it has tiny." in errors


def test_a_picture_that_cannot_be_written(fedreid_command: Command, scenario: Path, tmp_path: Path) -> None:
    status, _, errors = fedreid_command("data", "show", scenario, "--out", tmp_path / "nowhere" / "sheet.png")
    assert status == 2
    assert f"can't write {tmp_path / 'nowhere' / 'sheet.png'}" in errors


def test_a_report_of_nothing(fedreid_command: Command, tmp_path: Path) -> None:
    status, _, errors = fedreid_command("report", tmp_path / "nowhere")
    assert status == 2
    assert "no such run folder" in errors
