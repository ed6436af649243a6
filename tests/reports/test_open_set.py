"""Tables of verification and identification: numbers as in metrics.csv, and what the data can't resolve."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedreid.evaluation.rates import rate_name
from fedreid.reports.numbers import scientific
from fedreid.reports.open_set import IDENTIFICATION, VERIFICATION, comparable, rates_among, resolution
from tests.reports.made_up import make_run
from tests.reports.made_up_open_set import add_open_set, append
from tests.reports.page import metric, read, write

TAR = ["TAR@FAR=1e-4", "TAR@FAR=1e-3", "TAR@FAR=1e-2"]


def scores(clients: list[int], rates: dict[str, list[float]], genuine: int = 9, impostors: int = 50) -> pd.DataFrame:
    counts = {"genuine_pairs": genuine, "impostor_pairs": impostors}
    return pd.DataFrame({**rates, **counts}, index=pd.Index(clients, name="client"), dtype="float64")


@given(st.floats(1e-9, 1))
def test_rates_are_written_as_metrics_csv_names_them(rate: float) -> None:
    assert scientific(rate) == rate_name(rate)


def test_the_smallest_rate_and_what_is_below_it() -> None:
    wanted = (1e-2, 1e-6, 1e-4, 1e-3, 1e-5)
    assert resolution(VERIFICATION, [12_345], wanted, TAR) == (
        "12,345 impostor pairs: the smallest false accept rate that can be measured is 8.1e-5; smaller ones that the "
        "scenario asks for (1e-6, 1e-5) are left out."
    )  # 1 / 12345 = 0.000081004
    assert resolution(VERIFICATION, [12_345], (1e-2, 1e-5, 1e-3), TAR).endswith("asks for (1e-5) is left out.")
    assert resolution(VERIFICATION, [12_345], (1e-3,), TAR).endswith("is 8.1e-5.")


def test_of_several_clients_the_one_with_fewest_decides() -> None:
    assert resolution(IDENTIFICATION, [400, 160, 200], (1e-2,), ["TPIR@FPIR=1e-2"]) == (
        "160 to 400 non-mated probes for each client: the smallest false positive identification rate that can be "
        "measured by every one of them is 6.3e-3."  # 1 / 160 = 0.00625
    )
    assert resolution(IDENTIFICATION, [1, 1], (), []).startswith("1 non-mated probe for each client")


def test_rates_are_sorted_by_size_and_kind() -> None:
    names = ["mAP", "TAR@FAR=1e-2", "TPIR@FPIR=1e-1", "TAR@FAR=1e-4", "TAR@FAR=2.5e-3", "genuine_pairs"]
    assert rates_among(names, VERIFICATION) == ["TAR@FAR=1e-4", "TAR@FAR=2.5e-3", "TAR@FAR=1e-2"]


def test_means_are_of_clients_and_rates_that_all_tables_have() -> None:
    first = scores([0, 1, 2], {"TAR@FAR=1e-2": [5, 6, 7], "TAR@FAR=1e-3": [1, np.nan, 2]})
    second = scores([1, 2, 3], {"TAR@FAR=1e-2": [5, 6, 7], "TAR@FAR=1e-3": [1, 1, 1]})
    unmeasured = pd.DataFrame({"mAP": [50.0]}, index=[9])
    found = comparable([first, unmeasured, second], VERIFICATION)
    assert list(found.clients) == [1, 2]
    assert found.metrics == ("TAR@FAR=1e-2",)  # client 1 can't resolve 1e-3 in the first table
    assert comparable([first, second], IDENTIFICATION).metrics == ()


def test_a_client_without_a_genuine_pair_keeps_no_one_else_from_a_mean() -> None:
    table = scores([0, 1], {"TAR@FAR=1e-2": [5, np.nan]})
    table.loc[1, "genuine_pairs"] = 0
    found = comparable([table], VERIFICATION)
    assert (list(found.clients), found.metrics) == ([0], ("TAR@FAR=1e-2",))


@pytest.mark.usefixtures("text_only")
def test_the_generic_table_has_the_numbers_of_metrics_csv(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run")
    add_open_set(run_dir)
    rows = {row[""]: row for row in write(run_dir).table("", "TAR@FAR 1e-6", "TPIR@FPIR 1e-1")}
    for title, number in (("Pre-trained model (round 0)", "0"), ("Federation, final (round 5)", "5")):
        for name in ("TAR@FAR=1e-6", "TAR@FAR=1e-2", "TPIR@FPIR=1e-2", "TPIR@FPIR=1e-1"):
            (value,) = metric(run_dir, round=number, scope="generic", metric=name)
            assert rows[title][name.replace("=", " ")] == f"{value:.1f}"
    alone = metric(run_dir, "references.csv", reference="local_only", scope="generic", metric="TAR@FAR=1e-4")
    assert rows["Local only (mean over clients)"]["TAR@FAR 1e-4"] == f"{sum(alone) / len(alone):.1f}"
    text = read(run_dir, "report.md")
    assert "1,272,210 impostor pairs: the smallest false accept rate that can be measured is 7.9e-7." in text
    # 674 probes in two searches: 1 / 337 = 0.00297
    assert "about 337 non-mated probes: the smallest false positive identification rate" in text
    assert "is 3e-3; smaller ones that the scenario asks for (1e-5, 1e-4, 1e-3) are left out." in text


@pytest.mark.usefixtures("text_only")
def test_the_client_table_has_the_numbers_of_metrics_csv_and_means_of_what_all_can_measure(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run")
    add_open_set(run_dir, fewest=9_000)  # 9,000 to 39,000 impostor pairs: all but client 0 resolve 1e-4
    *rows, mean = write(run_dir).table("Client", "Genuine pairs", "TAR@FAR 1e-4")
    for client, row in enumerate(rows):
        for name in ("TAR@FAR=1e-4", "TAR@FAR=1e-3", "TPIR@FPIR=1e-1"):
            found = metric(run_dir, round="5", scope="personalized", client=str(client), metric=name)
            assert row[name.replace("=", " ")] == (f"{found[0]:.1f}" if found else "–")
        assert row["Impostor pairs"] == f"{9_000 + 10_000 * client:,}"
    assert rows[0]["TAR@FAR 1e-4"] == mean["TAR@FAR 1e-4"] == "–"
    values = metric(run_dir, round="5", scope="personalized", metric="TAR@FAR=1e-3")
    assert mean["TAR@FAR 1e-3"] == f"{sum(values) / 4:.1f}"
    assert "A mean is taken only where every client has a figure." in read(run_dir, "report.md")


@pytest.mark.usefixtures("text_only")
def test_data_too_small_for_any_rate_get_a_sentence_instead_of_a_table(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run")
    counts = {"genuine_pairs": 12, "impostor_pairs": 48, "mated_probes": 0, "non_mated_probes": 0}
    append(run_dir / "metrics.csv", [(5, "generic", "", "synthetic", name, value) for name, value in counts.items()])
    write(run_dir)
    text = read(run_dir, "report.md")
    assert "### Verification and identification: synthetic" in text
    assert (
        "12 genuine pairs and 48 impostor pairs: the smallest false accept rate that can be measured is 2.1e-2" in text
    )
    assert "No TPIR@FPIR: 0 mated probes and 0 non-mated probes." in text


@pytest.mark.usefixtures("text_only")
def test_a_run_that_neither_verified_nor_identified_says_nothing_of_it(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run")
    write(run_dir)
    assert not {"TAR@FAR", "TPIR@FPIR", "Strangers"} & set(read(run_dir).replace(".", " ").split())
    assert "Verification" not in read(run_dir)


@pytest.mark.usefixtures("text_only")
def test_of_many_clients_there_is_the_spread(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run", clients=201, rounds=1)
    add_open_set(run_dir)
    rows = write(run_dir).table("Client", "Genuine pairs")
    assert [row["Client"] for row in rows] == ["Lowest", "10 %", "Median", "90 %", "Highest"]
    assert rows[0]["Impostor pairs"] == "12,345"
