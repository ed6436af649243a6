"""The result in plain sentences, the bad news as plainly as the good."""

from __future__ import annotations

import pandas as pd

from fedreid.reports.findings import Findings, Generic
from fedreid.reports.loading import RunFolder
from fedreid.reports.methods import STRATEGIES, epochs
from fedreid.reports.names import Names, capitalised
from fedreid.reports.numbers import is_missing, percent, plural, points
from fedreid.reports.open_set import IDENTIFICATION, heading, rates_among
from fedreid.reports.overview import MANY, sentences
from fedreid.reports.tier_words import paragraph
from fedreid.scenario.source_schema import is_unseen

SAME = 0.05  # a difference that one decimal shows as 0.0
NAMED = 3  # clients that lose are named up to this many


def start_name(run: RunFolder) -> str:
    """What round 0 is: a pre-trained model, or one that saw no public image."""
    return "pre-trained" if run.summary.get("pretrain", {}).get("images") else "initial"


def summary(run: RunFolder, findings: Findings) -> list[str]:
    """The report's first words, a paragraph for each question: what was run, how general, how personal."""
    nothing = "No dataset has query and gallery images, so nothing can be said about people nobody trained on."
    generic = [_generic(run, result, findings.names) for result in findings.generic] or [[nothing]]
    if len(generic) >= MANY and (together := sentences(run, findings, start_name(run))):
        generic = [together]
    paragraphs = [[_what(run, findings)], *generic, paragraph(run, findings), _personalized(run, findings)]
    return [" ".join(sentences) for sentences in paragraphs if sentences]


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
    scenario, clients = run.scenario, plural(len(findings.clients), "client")
    share = scenario.federation.fraction
    taking_part = f", {100 * share:.0f} % of them in each round" if share < 1 else ""
    time = f"for {plural(run.summary.get('rounds', 0), 'round')} of {epochs(scenario)}"
    if scenario.method.name == "centralised":
        return (
            f"Central training, no federation: one {_backbone(run)} was trained on the images of all {clients}"
            f"{_people(run)}, {time}."
        )
    if scenario.method.name == "local_only":
        return (
            f"Local training only, no federation: {clients}{_people(run)} trained {_backbone(run)} models of their own "
            f"{time}{taking_part}."
        )
    return f"{clients}{_people(run)} trained a shared {_backbone(run)} with {_how(run, findings)} {time}{taking_part}."


def _people(run: RunFolder) -> str:
    *first, last = [name for name, source in run.scenario.data.sources.items() if not is_unseen(source)]
    sources = f"{', '.join(first)} and {last}" if first else last
    private = run.data.get("private", {}).get("identities")
    return f" holding {plural(private, 'private identity')} of {sources}" if private else f" of {sources}"


def _how(run: RunFolder, findings: Findings) -> str:
    strategy = run.scenario.federation.strategy
    server = f" and {STRATEGIES[strategy].title} on the server" if strategy != "fedavg" else ""
    return f"{findings.names.method}{server}"


def _backbone(run: RunFolder) -> str:
    return run.scenario.model.backbone.replace("resnet", "ResNet-").replace("spherenet", "SphereNet-")


def key_metrics(result: Generic) -> dict[str, str]:
    """The one or two scores of a test set that a reader looks for, and their names."""
    if result.is_ranked:
        return {"mAP": "mAP", "rank1": "rank-1"}
    found = rates_among((str(name) for name in result.rounds), IDENTIFICATION)
    return {metric: heading(metric) for metric in (result.metric, *found[-1:])}


def _generic(run: RunFolder, result: Generic, names: Names) -> list[str]:
    where = f"On the {'test identities' if result.is_ranked else 'faces'} of {result.dataset}, which nobody trained on"
    metric, score = result.metric, heading(result.metric)
    final, is_lonely = result.final.get(metric), run.scenario.method.name == "local_only"
    if final is None or is_missing(final):
        why = "ranked: no query has a match in the gallery" if result.is_ranked else "measured: there are too few pairs"
        return [f"{where}, nothing can be {why}."]
    if result.last_round == 0:
        level = f"{where}, the {start_name(run)} model's {score} is {percent(final)} %"
        if not is_lonely:
            return [f"{level}; no later round was evaluated."]
        sentences = [f"{level}; the server's model stays that one."]
    elif result.start is None:
        sentences = [f"{where}, the {names.shared} reaches {percent(final)} % {score}."]
    else:
        change = final - result.start[metric]
        verb = "rose" if change >= SAME else "fell" if change <= -SAME else "stayed where it was"
        moved = f"from {percent(result.start[metric])} % ({start_name(run)}) to {percent(final)} %"
        moved = f", {moved}" if abs(change) < SAME else f" {moved}, {points(change)} points"
        what = "the federation" if names.is_federation else "training"
        worse = f": {what} made it worse" if change <= -SAME else ""
        sentences = [f"{where}, the {names.shared}'s {score} {verb}{moved}{worse}."]
    if result.alone is not None and not is_missing(alone := result.alone.get(metric, float("nan"))):
        sentences.append(_against_alone(final - alone, alone, names.shared))
    if result.best_round != result.last_round and result.best[metric] - final >= SAME:
        sentences.append(f"Round {result.best_round} was better on it, at {percent(result.best[metric])} %.")
    return sentences


def _against_alone(gain: float, alone: float, shared: str) -> str:
    level = f"Clients that trained alone reach {percent(alone)} % there on average"
    if abs(gain) < SAME:
        return f"{level}, the same."
    return f"{level}, {percent(abs(gain))} points {'less' if gain > 0 else f'more than the {shared}'}."


def _personalized(run: RunFolder, findings: Findings) -> list[str]:
    clients, names = findings.clients[findings.clients["final"].notna()], findings.names
    if clients.empty:
        nothing = "On the clients' own people nothing can be ranked: no held-out image has a match among the others."
        return [nothing] if findings.unmatched else []
    against = []
    for column, name in (("start", f"with the {start_name(run)} model"), ("alone", "after training alone")):
        if not is_missing(clients[column].mean()):
            against.append(f"{percent(clients[column].mean())} % {name}")
    compared = f", against {' and '.join(against)}" if against else ""
    sentence = f"{_own(clients, names)}{compared}."
    gains = clients["gain"].dropna()
    others = _other_models(findings, clients)
    return [sentence, *([_who_gains(gains, findings.against)] if len(gains) else []), *([others] if others else [])]


def _own(clients: pd.DataFrame, names: Names) -> str:
    level = f"{percent(clients['final'].mean())} %"
    if names.own == names.shared:
        average = " on average" if len(clients) > 1 else ""
        return f"On {names.theirs}, {names.owns} reaches {level} mAP{average}"
    if len(clients) == 1:
        return f"The client's {names.own} reaches {level} mAP on {names.its}"
    theirs = "the test sets of their datasets" if names.on_test_set else "their own people"
    return f"On {theirs}, {names.owns} reach {level} mAP on average"


def _other_models(findings: Findings, clients: pd.DataFrame) -> str:
    """What else serves clients on their own people, where it was measured for all of them."""
    final, means = clients["final"].mean(), {}
    for name, scores in findings.models.items():
        if "mAP" in scores and scores["mAP"].reindex(clients.index).notna().all():
            means[name] = float(scores["mAP"].reindex(clients.index).mean())
    parts = []
    if "shared" in means:
        less = final - means["shared"]
        difference = "the same" if abs(less) < SAME else f"{percent(abs(less))} points {'less' if less > 0 else 'more'}"
        later = [f"{percent(means[name])} % when {how}" for name, how in LATER.items() if name in means]
        also = f", and {', '.join(later)}" if later else ""
        parts.append(f"the shared model reaches {percent(means['shared'])} % there, {difference}{also}")
    if "plain" in means:
        parts.append(f"without their branches the own models reach {percent(means['plain'])} %")
    return f"{capitalised('; '.join(parts))}." if parts else ""


LATER = {"fine_tune": "fine-tuned to each client", "distillation": "distilled"}


def _who_gains(gains: pd.Series, against: str) -> str:
    reference = "than alone" if against == "alone" else "than at the start"
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
