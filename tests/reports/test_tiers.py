"""What a report says of clients with parts of the network: costs, scores, and what each budget costs in quality."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedreid.pruning.channel_map import ChannelMap
from fedreid.pruning.prefixes import prefix_map
from fedreid.pruning.tiers import Tier, Tiers
from fedreid.scenario import load_scenario, to_toml
from tests.reports.made_up import make_run
from tests.reports.page import metric, read, write

FULL = ChannelMap("resnet10", {"a": 8}, {"a": tuple(range(8))})
SCORES = {"0.5": 52.125, "0.25": 41.0}
PARTS = "the part with 50 % of the multiplications"

pytestmark = pytest.mark.usefixtures("text_only")


def part(share: float, name: str = "") -> Tier:
    amounts = {"macs": 30e6 * share, "params": 1e6 * share, "memory_mb": 50 * share, "round_mb": 2.5 * share}
    return Tier(name or f"{share:g}", share, prefix_map(FULL, share), amounts)


def make(folder: Path, of_client: tuple[int, ...], *overrides: str, parts: tuple[Tier, ...] = ()) -> Path:
    """A finished run of four clients whose tiers were scored after the last round."""
    make_run(folder, rounds=2)
    settings = ("pruning.tiers=[1.0,0.5,0.25]", *overrides)
    (folder / "scenario.toml").write_text(to_toml(load_scenario(folder / "scenario.toml", settings).scenario))
    Tiers(parts or (part(1.0), part(0.5), part(0.25)), of_client).save(folder)
    with (folder / "metrics.csv").open("a") as stream:
        stream.writelines(f"2,generic,,synthetic,tier-{name}/mAP,{score}\n" for name, score in SCORES.items())
    return folder


def test_each_tiers_scores_are_those_of_the_run(tmp_path: Path) -> None:
    folder = make(tmp_path / "run", (0, 1, 2, 2))
    whole = metric(folder, round="2", scope="generic", metric="mAP")[0]
    own = metric(folder, round="2", scope="personalized", metric="mAP")
    rows = write(folder).table("Tier", "Clients", "MACs")
    assert [row["Tier"] for row in rows] == ["1", "0.5", "0.25"]
    assert [row["Clients"] for row in rows] == ["0", "1", "2, 3"]
    assert [row["MACs"] for row in rows] == ["30.0 M", "15.0 M", "7.5 M"]
    assert [row["Memory (MB)"] for row in rows] == ["50.0", "25.0", "12.5"]
    assert [row["Generic mAP · synthetic"] for row in rows] == [f"{score:.1f}" for score in (whole, 52.125, 41.0)]
    means = (own[0], own[1], (own[2] + own[3]) / 2)
    assert [row["Personalized mAP"] for row in rows] == [f"{mean:.1f}" for mean in means]


def test_it_says_what_each_budget_costs(tmp_path: Path) -> None:
    folder = make(tmp_path / "run", (0, 1, 2, 2))
    whole = metric(folder, round="2", scope="generic", metric="mAP")[0]
    write(folder)
    text = read(folder, "report.md").replace("\u00a0", " ")
    losses = [f"−{whole - score:.1f}" for score in SCORES.values()]
    assert f"The whole network reaches {whole:.1f} % mAP on synthetic, {PARTS} 52.1 % ({losses[0]} points) and" in text
    assert f"| 52.1 {losses[0]} |" in text
    assert f"| 41.0 {losses[1]} |" in text
    assert "No client that took part" not in text


def test_pairs_of_faces_are_scored_by_their_accuracy(tmp_path: Path) -> None:
    folder = make(tmp_path / "run", (0, 1, 2, 2))
    with (folder / "metrics.csv").open("a") as stream:
        stream.writelines(
            f"2,generic,,pairs,{name},{score}\n" for name, score in (("accuracy", 90), ("tier-0.5/accuracy", 81.5))
        )
    assert [row["Generic accuracy · pairs"] for row in write(folder).table("Tier")] == ["90.0", "81.5", "–"]
    assert f"{PARTS} 81.5 % (−8.5 points)" in read(folder, "report.md").replace("\u00a0", " ")


@pytest.mark.parametrize(("of_client", "participants"), [((1, 1, 2, 2), ""), ((0, 1, 2, 2), "1,2")])
def test_a_whole_network_that_nobody_trains_is_no_measure(
    of_client: tuple[int, ...], participants: str, tmp_path: Path
) -> None:
    folder = make(tmp_path / "run", of_client, f"federation.participants=[{participants}]")
    write(folder)
    text = read(folder, "report.md").replace("\u00a0", " ")
    assert "No client that took part trained the whole network" in text
    assert "The part with 50 % of the multiplications reaches 52.1 % mAP on synthetic" in text
    assert "| 41.0 −11.1 |" in text


def test_parts_of_clients_own_come_in_any_order(tmp_path: Path) -> None:
    own = (part(0.5, "0.5-client-000"), part(1.0), part(0.25, "0.25-client-002"))
    folder = make(tmp_path / "run", (0, 1, 2, 1), "pruning.scores=local", "pruning.criterion=caie", parts=own)
    write(folder)
    text = read(folder, "report.md")
    assert "No client that took part" not in text, "client 1 did"
    assert "by each client's own images" in text


@pytest.mark.parametrize(
    ("settings", "sentences"),
    [
        ((), ("weighted by training images", "the best by l1, uniform, by the starting model's weights",
              "running statistics of its own")),
        (("pruning.maps=heterofl", "pruning.aggregation_weight=uniform", "pruning.batchnorm=recalibrate"),
         ("weighted by one vote for each client", "the first ones of each layer", "are measured again")),
        (("pruning.aggregation_weight=width", "pruning.batchnorm=coverage", "pruning.refresh_rounds=1"),
         ("training images times the share of the parameters", "chosen anew after every round",
          "averaged over those clients that have the channel")),
    ],
)  # fmt: skip
def test_it_says_how_parts_were_chosen_and_averaged(
    settings: tuple[str, ...], sentences: tuple[str, ...], tmp_path: Path
) -> None:
    folder = make(tmp_path / "run", (0, 1, 2, 2), *settings)
    write(folder)
    text = read(folder, "report.md")
    assert [sentence for sentence in sentences if sentence not in text] == []
