"""Findings and words, on a run small enough to work out by hand."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pandas as pd
import pytest

from fedreid.reports.findings import find
from fedreid.reports.loading import RunFolder, read_run
from fedreid.reports.notes import client_notes
from fedreid.reports.words import start_name, status, summary
from tests.reports.made_up import make_run

METRICS = """round,scope,client,dataset,metric,value
0,generic,,shop,mAP,50
0,personalized,0,shop,mAP,60
0,personalized,1,shop,mAP,70
1,personalized,0,shop,mAP,64
1,train,0,,loss,2
1,train,1,,loss,4
1,cost,0,,images,100
1,cost,0,,bytes_down,1000
1,cost,1,,images,300
1,generic,,shop,mAP,58
2,personalized,1,shop,mAP,66
2,generic,,shop,mAP,55
"""
REFERENCES = """reference,scope,client,dataset,metric,value
local_only,personalized,0,shop,mAP,61
local_only,personalized,1,shop,mAP,68
local_only,generic,0,shop,mAP,40
local_only,generic,1,shop,mAP,44
global_model,personalized,1,shop,mAP,63
"""
TIMING = """round,client,metric,value
1,0,training_seconds,2
1,1,training_seconds,3
1,,train_phase_seconds,4
"""


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    folder = make_run(tmp_path / "run", clients=2, rounds=2, generic=("shop",), datasets=("shop",))
    for name, text in (("metrics", METRICS), ("references", REFERENCES), ("timing", TIMING)):
        (folder / f"{name}.csv").write_text(text)
    return read_run(folder)


def without(run: RunFolder, reference: str) -> RunFolder:
    return dataclasses.replace(run, references=run.references[run.references["reference"] != reference])


def test_generic_start_end_best_and_alone(run: RunFolder) -> None:
    (result,) = find(run).generic
    assert result.start
    assert (result.start["mAP"], result.final["mAP"], result.last_round) == (50, 55, 2)
    assert (result.best["mAP"], result.best_round) == (58, 1)
    assert result.alone == {"mAP": 42}


def test_a_clients_final_is_its_last_evaluation_and_its_gain_is_over_training_alone(run: RunFolder) -> None:
    clients = find(run).clients
    assert list(clients["final"]) == [64, 66]
    assert list(clients["gain"]) == [3, -2]
    assert clients.loc[1, "shared"] == 63


def test_without_training_alone_the_gain_is_over_the_start(run: RunFolder) -> None:
    assert list(find(without(run, "local_only")).clients["gain"]) == [4, -4]


def test_models_are_kept_apart_and_the_last_evaluation_counts(run: RunFolder) -> None:
    models = find(run).models
    assert {name: dict(table["mAP"]) for name, table in models.items()} == {
        "start": {0: 60, 1: 70}, "shared": {1: 63}, "own": {0: 64, 1: 66}, "alone": {0: 61, 1: 68},
    }  # fmt: skip


def test_the_other_models_are_compared_where_all_clients_have_them(run: RunFolder) -> None:
    rows = [
        ("global_model", "personalized", 0, "shop", "mAP", 59.0),
        ("fine_tune", "personalized", 0, "shop", "mAP", 70.0),
        ("fine_tune", "personalized", 1, "shop", "mAP", 67.0),
        ("distillation", "personalized", 1, "shop", "mAP", 99.0),  # of one client only: nothing to compare
    ]
    more = pd.DataFrame(rows, columns=run.references.columns)
    whole = dataclasses.replace(run, references=pd.concat([run.references, more], ignore_index=True))
    text = summary(whole, find(whole))[2].replace("\u00a0", " ")
    # own: (64 + 66) / 2 = 65; shared: (59 + 63) / 2 = 61; fine-tuned: (70 + 67) / 2 = 68.5
    assert text.endswith(
        "The shared model reaches 61.0 % there, 4.0 points less, and 68.5 % when fine-tuned to each client."
    )


def test_costs_have_the_clock_beside_them(run: RunFolder) -> None:
    cost = find(run).cost
    assert list(cost.reset_index().loc[1, ["client", "images", "seconds"]]) == [1, 300, 3]


def test_a_round_that_was_done_twice_counts_once(run: RunFolder) -> None:
    table = run.metrics
    again = table[table["round"] == 2].assign(value=1.0)
    repeated = dataclasses.replace(run, metrics=pd.concat([table, again], ignore_index=True))
    assert find(repeated).generic[0].final["mAP"] == 1.0


def test_the_summary_says_it_all(run: RunFolder) -> None:
    what, generic, personalized = (text.replace("\u00a0", " ") for text in summary(run, find(run)))
    assert what == (
        "2 clients holding 90 private identities of shop trained a shared ResNet-18 with FedAvg for 2 rounds of "
        "2 local epochs."
    )
    assert generic == (
        "On the test identities of shop, which nobody trained on, the shared model's mAP rose from 50.0 % "
        "(pre-trained) to 55.0 %, +5.0 points. Clients that trained alone reach 42.0 % there on average, 13.0 points "
        "less. Round 1 was better on it, at 58.0 %."
    )
    assert personalized == (
        "On their own people, the clients' own models reach 65.0 % mAP on average, against 65.0 % with the pre-trained "
        "model and 64.5 % after training alone. 1 of 2 clients does better than alone; client 1 (−2.0) does worse."
    )


def test_a_loss_is_called_a_loss(run: RunFolder) -> None:
    table = run.metrics.copy()
    table.loc[(table["scope"] == "generic") & (table["round"] == 2), "value"] = 41.0
    worse = dataclasses.replace(run, metrics=table)
    text = summary(worse, find(worse))[1].replace("\u00a0", " ")
    assert "fell from 50.0 % (pre-trained) to 41.0 %, −9.0 points: the federation made it worse." in text
    assert "1.0 points more than the shared model" in text


def test_no_pre_training_is_an_initial_model(run: RunFolder) -> None:
    fresh = dataclasses.replace(run, summary=run.summary | {"pretrain": {"images": 0}})
    assert start_name(fresh) == "initial"
    assert "(initial)" in summary(fresh, find(fresh))[1]


def test_only_the_start_was_evaluated(run: RunFolder) -> None:
    early = dataclasses.replace(run, metrics=run.metrics[run.metrics["round"] == 0], references=run.references.iloc[:0])
    texts = summary(early, find(early))
    assert "no later round was evaluated" in texts[1]
    assert len(texts) == 2


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ("finished", ""),
        ("interrupted", "This run was interrupted after 1 of 2 rounds."),
        ("failed", "This run failed after 1 of 2 rounds."),
    ],
)
def test_an_unfinished_run_is_said_so(run: RunFolder, state: str, text: str) -> None:
    assert status(dataclasses.replace(run, summary=run.summary | {"status": state, "rounds": 1})) == text


def test_findings_of_a_run_without_any_row(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", clients=2, rounds=1)
    for name in ("metrics", "timing", "references"):
        path = folder / f"{name}.csv"
        path.write_text(path.read_text().splitlines()[0] + "\n")
    findings = find(read_run(folder))
    assert findings.generic == ()
    assert list(findings.clients.index) == [0, 1]
    assert not findings.has_personalized
    assert json.loads((folder / "summary.json").read_text())["status"] == "finished"


@pytest.fixture
def unmatched(run: RunFolder) -> RunFolder:
    """Client 1 was scored, but none of its held-out images has a match."""
    metrics, references = run.metrics, run.references
    is_ranking = (metrics["scope"] == "personalized") & (metrics["client"] == 1)
    counts = [(number, "personalized", 1, "shop", "queries", 0.0) for number in (0, 2)]
    counts += [(number, "personalized", 1, "shop", "skipped", 7.0) for number in (0, 2)]
    rows = pd.concat([metrics[~is_ranking], pd.DataFrame(counts, columns=metrics.columns)], ignore_index=True)
    return dataclasses.replace(run, metrics=rows, references=references[references["client"] != 1])


def test_a_client_without_a_match_is_told_and_left_out_of_the_means(unmatched: RunFolder) -> None:
    findings = find(unmatched)
    assert findings.unmatched == (1,)
    (note,) = client_notes(findings)
    assert note.startswith("Client 1 has no personalized mAP, since none of its held-out images has a match: ")
    text = summary(unmatched, findings)[2].replace("\u00a0", " ")
    assert text.startswith("The client's own model reaches 64.0 % mAP on its own people")


def test_no_client_has_a_match(unmatched: RunFolder) -> None:
    metrics = unmatched.metrics
    first = metrics[(metrics["client"] == 1) & (metrics["scope"] == "personalized")].assign(client=0)
    others = metrics[(metrics["client"] != 0) | (metrics["scope"] != "personalized")]
    nobody = dataclasses.replace(
        unmatched, metrics=pd.concat([others, first], ignore_index=True), references=unmatched.references.iloc[:0]
    )
    findings = find(nobody)
    assert findings.unmatched == (0, 1)
    assert not findings.has_personalized
    (note,) = client_notes(findings)
    assert note.startswith("No client has a personalized mAP, since none of their held-out images has a match: ")
    assert summary(nobody, findings)[2].startswith("On the clients' own people nothing can be ranked")


def test_where_all_have_matches_there_is_nothing_to_say(run: RunFolder) -> None:
    assert client_notes(find(run)) == []


def test_without_a_federation_there_is_no_shared_model(run: RunFolder) -> None:
    findings = find(with_method(run, "centralised"))
    assert "shared" not in findings.models
    assert findings.clients["shared"].isna().all()
    assert find(run).clients.loc[1, "shared"] == 63


def test_local_training_alone_gains_over_the_start_and_leaves_the_servers_model_alone(run: RunFolder) -> None:
    findings = find(with_method(run, "local_only"))
    assert list(findings.clients["gain"]) == [4, -4]
    assert (findings.generic[0].last_round, findings.changed) == (0, ())


def with_method(run: RunFolder, name: str) -> RunFolder:
    method = run.scenario.method.model_copy(update={"name": name})
    return dataclasses.replace(run, scenario=run.scenario.model_copy(update={"method": method}))
