"""The result in plain sentences, the bad news as plainly as the good."""

from __future__ import annotations

import pandas as pd

from fedreid.reports.findings import Findings, Generic
from fedreid.reports.loading import RunFolder
from fedreid.reports.numbers import is_missing, percent, plural, points

SAME = 0.05  # a difference that one decimal shows as 0.0
NAMED = 3  # clients that lose are named up to this many


def start_name(run: RunFolder) -> str:
    """What round 0 is: a pre-trained model, or one that saw no public image."""
    return "pre-trained" if run.summary.get("pretrain", {}).get("images") else "initial"


def summary(run: RunFolder, findings: Findings) -> list[str]:
    """The report's first words, a paragraph for each question: what was run, how general, how personal."""
    nothing = "No dataset has query and gallery images, so nothing can be said about people nobody trained on."
    generic = [_generic(run, result) for result in findings.generic] or [[nothing]]
    paragraphs = [[_what(run, findings)], *generic, _personalized(run, findings)]
    return [" ".join(sentences).replace(" %", "\u00a0%") for sentences in paragraphs if sentences]


def status(run: RunFolder) -> str:
    """What the reader has to know first; empty for a run that finished."""
    done, planned = run.summary.get("rounds", 0), run.summary.get("rounds_planned", run.scenario.federation.rounds)
    texts = {
        "running": f"This run is not over: {done} of {plural(planned, 'round')} are done.",
        "interrupted": f"This run was interrupted after {done} of {plural(planned, 'round')}.",
        "failed": f"This run failed after {done} of {plural(planned, 'round')}.",
    }
    return texts.get(str(run.summary.get("status", "finished")), "")


def _what(run: RunFolder, findings: Findings) -> str:
    scenario, data = run.scenario, run.data
    *first, last = scenario.data.sources
    sources = f"{', '.join(first)} and {last}" if first else last
    private = data.get("private", {}).get("identities")
    people = f" holding {plural(private, 'private identity')}" if private else ""
    share = scenario.federation.fraction
    taking_part = f", {100 * share:.0f} % of them in each round" if share < 1 else ""
    rounds = run.summary.get("rounds", 0)
    return (
        f"{plural(len(findings.clients), 'client')}{people} of {sources} trained a shared {_backbone(run)} "
        f"for {plural(rounds, 'round')} of {plural(scenario.method.epochs, 'local epoch')}{taking_part}."
    )


def _backbone(run: RunFolder) -> str:
    return run.scenario.model.backbone.replace("resnet", "ResNet-")


def _generic(run: RunFolder, result: Generic) -> list[str]:
    where = f"On the test identities of {result.dataset}, which nobody trained on"
    final = result.final["mAP"]
    if result.last_round == 0:
        return [f"{where}, the {start_name(run)} model's mAP is {percent(final)} %; no later round was evaluated."]
    if result.start is None:
        sentences = [f"{where}, the shared model reaches {percent(final)} % mAP."]
    else:
        change = final - result.start["mAP"]
        verb = "rose" if change >= SAME else "fell" if change <= -SAME else "stayed where it was"
        moved = f"from {percent(result.start['mAP'])} % ({start_name(run)}) to {percent(final)} %"
        moved = f", {moved}" if abs(change) < SAME else f" {moved}, {points(change)} points"
        worse = ": the federation made it worse" if change <= -SAME else ""
        sentences = [f"{where}, the shared model's mAP {verb}{moved}{worse}."]
    if result.alone is not None:
        sentences.append(_against_alone(final - result.alone["mAP"], result.alone["mAP"]))
    if result.best_round != result.last_round and result.best["mAP"] - final >= SAME:
        sentences.append(f"Round {result.best_round} was better on it, at {percent(result.best['mAP'])} %.")
    return sentences


def _against_alone(gain: float, alone: float) -> str:
    level = f"Clients that trained alone reach {percent(alone)} % there on average"
    if abs(gain) < SAME:
        return f"{level}, the same."
    return f"{level}, {percent(abs(gain))} points {'less' if gain > 0 else 'more than the shared model'}."


def _personalized(run: RunFolder, findings: Findings) -> list[str]:
    clients = findings.clients[findings.clients["final"].notna()]
    if clients.empty:
        return []
    against = []
    for column, name in (("start", f"with the {start_name(run)} model"), ("alone", "after training alone")):
        if not is_missing(clients[column].mean()):
            against.append(f"{percent(clients[column].mean())} % {name}")
    compared = f", against {' and '.join(against)}" if against else ""
    own = (
        "The client's own model reaches" if len(clients) == 1 else "On their own people, the clients' own models reach"
    )
    average = " on average" if len(clients) > 1 else " mAP on its own people"
    mAP = " mAP" if len(clients) > 1 else ""
    sentence = f"{own} {percent(clients['final'].mean())} %{mAP}{average}{compared}."
    gains = clients["gain"].dropna()
    return [sentence] if gains.empty else [sentence, _who_gains(gains, findings.has_alone)]


def _who_gains(gains: pd.Series, has_alone: bool) -> str:
    reference = "than alone" if has_alone else "than at the start"
    better, worse = gains[gains >= SAME], gains[gains <= -SAME].sort_values()
    text = (
        f"{len(better):,} of {plural(len(gains), 'client')} {'does' if len(better) == 1 else 'do'} better {reference}"
    )
    if worse.empty:
        return f"{text}; none does worse."
    named = [f"client {client} ({points(gain)})" for client, gain in worse.items()]
    if len(worse) > NAMED:
        return f"{text}; {len(worse):,} do worse, most of all {named[0]}."
    return f"{text}; {' and '.join(named)} {'does' if len(worse) == 1 else 'do'} worse."
