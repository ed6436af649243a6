"""What a reader must know about how the numbers came about: protocol, data, and how to repeat them."""

from __future__ import annotations

from fedreid.reports.faces import protocol as faces_protocol
from fedreid.reports.findings import Findings
from fedreid.reports.loading import RunFolder
from fedreid.reports.methods import STRATEGIES, deviations, epochs, method_sentence, strategy_sentence, weights
from fedreid.reports.names import Names, capitalised
from fedreid.reports.numbers import count, plural, seconds
from fedreid.reports.protocol_words import (
    BATCHNORM,
    CHANCE,
    GENERIC,
    LAST,
    LAST_OF_ALONE,
    LOCAL_ONLY,
    NO_BATCHNORM,
    OPEN_SET,
    PARTICIPATION,
    PERSONALIZED,
    RECALIBRATED,
    SHARED_PEOPLE,
    STRANGERS,
    TEST_SET,
)  # fmt: skip
from fedreid.reports.tier_words import in_parts
from fedreid.reports.tier_words import protocol as tiers_protocol
from fedreid.reports.tier_words import statistics as tiers_statistics
from fedreid.reports.words import start_name

MOST_NAMED = 20  # unreadable images or clients named in one sentence; the page lists more, summary.json all


def protocol(run: RunFolder, findings: Findings) -> list[tuple[str, str]]:
    """(term, explanation) of what was trained and how it was evaluated."""
    scenario, start, names = run.scenario, start_name(run), findings.names
    notes = [("Method", f"{names.method}. {method_sentence(scenario.method)}")]
    notes.append(("Aggregation", capitalised(strategy_sentence(scenario, in_parts(run, weights(scenario))))))
    notes += tiers_protocol(run)
    if not findings.generic or any(result.is_ranked for result in findings.generic):
        notes.append(("Generic", GENERIC.format(shared=names.shared)))
    notes += faces_protocol(findings, scenario)
    notes.append(("Personalized", _personalized(run, names)))
    notes += _open_set(run, findings)
    notes.append(("Which model", LAST if names.shared != "starting model" else LAST_OF_ALONE))
    notes.append((f"{start.capitalize()} model", _start(run)))
    if findings.has_alone or any(result.alone for result in findings.generic):
        lonely = scenario.average_epochs(max(1, len(run.data.get("clients", ()))))
        notes.append(("Local only", LOCAL_ONLY.format(start=start, epochs=plural(lonely, "epoch"))))
    again = RECALIBRATED if scenario.batchnorm != "average" and run.data.get("public", {}).get("images") else ""
    policy = f"Policy {scenario.batchnorm}: {BATCHNORM[scenario.batchnorm]}{again}{tiers_statistics(run)}"
    notes.append(("BatchNorm", policy if scenario.model.has_batchnorm else NO_BATCHNORM))
    if scenario.federation.fraction < 1:
        notes.append(("Participation", PARTICIPATION.format(percent=100 * scenario.federation.fraction)))
    if changed := deviations(scenario.faithful):
        notes.append(("Deviations", f"As FedFR's published code does, and its text doesn't: {'; '.join(changed)}."))
    return [*notes, ("Chance", CHANCE.format(seed=scenario.seed))]


def _personalized(run: RunFolder, names: Names) -> str:
    if names.on_test_set:
        return TEST_SET.format(subject=names.subject)
    percent = 100 * run.scenario.partition.held_out
    return PERSONALIZED.format(subject=names.subject, people=names.people, percent=percent)


def _open_set(run: RunFolder, findings: Findings) -> list[tuple[str, str]]:
    """How verification and identification were done, and with whose images; nothing where they weren't."""
    counts = ("impostor_pairs", "non_mated_probes")
    on_clients = any(name in scores for scores in findings.models.values() for name in counts)
    if not on_clients and not any(name in result.rounds for result in findings.generic for name in counts):
        return []
    notes = [("Open set", OPEN_SET)]
    if on_clients:
        kind = run.scenario.evaluation.impostors
        shared = run.data.get("shared_identities", 0) if kind != "public" else 0
        people = SHARED_PEOPLE.format(people=plural(shared, "identity")) if shared else ""
        notes.append(("Strangers", STRANGERS[kind] + people))
    return notes


def client_notes(findings: Findings) -> list[str]:
    """Why clients, or all of them, have no ranking on their own people."""
    clients = findings.unmatched
    if not clients:
        return []
    whose = "its" if len(clients) == 1 else "their"
    if len(clients) == len(findings.clients):
        who = "The client has no" if len(clients) == 1 else "No client has a"
    else:
        named = ", ".join(map(str, clients[:MOST_NAMED])) + (", ..." if len(clients) > MOST_NAMED else "")
        who = f"Client {named} has no" if len(clients) == 1 else f"{len(clients):,} clients ({named}) have no"
    return [
        f"{who} personalized mAP, since none of {whose} held-out images has a match: each shows a person whose "
        "held-out images all come from one camera, or who has only this one. To hold out more: partition.held_out; in "
        "lists, the column use."
    ]


def _start(run: RunFolder) -> str:
    facts, settings = run.summary.get("pretrain", {}), run.scenario.pretrain
    weights_from = " from the weights of model.weights" if run.scenario.model.weights else ""
    if not facts.get("images"):
        return f"Round 0. There was no pre-training: the network starts{weights_from or ' with random weights'}."
    cached = " It came from the cache of an earlier run with the same settings." if facts.get("from_cache") else ""
    return (
        f"Round 0: trained{weights_from} with CosFace on the public set, {plural(facts['identities'], 'identity')} "
        f"with {plural(facts['images'], 'image')}, for {plural(facts.get('epochs', settings.epochs), 'epoch')}.{cached}"
    )


def setup(run: RunFolder, names: Names) -> list[tuple[str, str]]:
    """(term, value): the federation at a glance."""
    scenario, model = run.scenario, run.summary.get("model", {})
    method, height_width = scenario.method, " × ".join(map(str, scenario.data.image_size))
    width = f", width {scenario.model.width:g}" if scenario.model.width != 1 else ""
    parameters = f", {count(model['parameters'])} parameters" if model.get("parameters") else ""
    backbone = f"{scenario.model.backbone}{width}{parameters}"
    return [
        ("Model", f"{backbone}, {scenario.model.embedding_dim}-dimensional embeddings"),
        ("Input", f"{height_width} pixels (height × width)"),
        ("Loss", _loss(run)),
        ("Client step", f"{names.method}: {epochs(scenario)} of SGD, batch {method.batch_size}, "
         f"learning rate {method.learning_rate:g}, momentum {method.momentum:g}, weight decay {method.weight_decay:g}"),
        ("Server step", _server_step(run)),
        ("Clients", f"by {scenario.partition.by}"),
        ("Engine", str(run.summary.get("engine", scenario.runtime.engine))),
        ("Seed", str(scenario.seed)),
    ]  # fmt: skip


def _loss(run: RunFolder) -> str:
    loss, method = run.scenario.loss, run.scenario.method
    text = f"CosFace, scale {loss.scale:g}, margin {loss.margin:g}"
    if loss.triplet != "none":
        text += f"; {loss.triplet_weight:g} × {loss.triplet.replace('_', '-')} triplet"
    if method.name == "moon" or method.has("contrastive"):
        weight = method.moon.weight if method.name == "moon" else method.contrastive.weight
        text += f"; {weight:g} × contrastive"
    return text + (f"; {method.branch.weight:g} × branch ({method.branch.loss})" if method.has("branch") else "")


def _server_step(run: RunFolder) -> str:
    if run.scenario.method.name in ("centralised", "local_only"):
        return "none"
    strategy = run.scenario.federation.strategy
    return STRATEGIES[strategy].title + (
        f", weights by {in_parts(run, weights(run.scenario))}" if strategy == "fedavg" else ""
    )


def data_notes(run: RunFolder) -> list[str]:
    """Splits, overlap, left-out images and remarks, one sentence each."""
    data = run.data
    shared = data.get("shared_identities", 0)
    notes = [*_splits(run)]
    notes += [
        f"{plural(shared, 'identity')} {'is' if shared == 1 else 'are'} held by more than one client."
        if shared
        else "No identity is held by more than one client."
    ]
    if data.get("public", {}).get("images"):
        notes.append("No client's identity is public, and no public one is a client's.")
    notes += [str(note) for note in data.get("notes", ())]
    if bad := [str(image) for image in data.get("bad_images", ())]:
        named = "; ".join(bad[:MOST_NAMED]) + ("; ..." if len(bad) > MOST_NAMED else "")
        is_one = len(bad) == 1
        notes.append(
            f"{plural(len(bad), 'image')} could not be read and {'was' if is_one else 'were'} left out: {named}"
        )
    return notes


def _splits(run: RunFolder) -> list[str]:
    """Into what the clients' images are divided."""
    clients = run.data.get("clients", ())
    trained, held = (sum(client.get(use, 0) for client in clients) for use in ("train_images", "held_out_images"))
    if not trained:
        return []
    by, seed = run.scenario.partition.by, run.scenario.seed
    drawn = "as lists say" if by == "lists" else f"by {by}, drawn with seed {seed}"
    kept = f"{held:,} are held out for their own evaluation" if held else "none are held out"
    return [
        f"Training people are divided among {plural(len(clients), 'client')} {drawn}: of their images {trained:,} are "
        f"trained on and {kept}. No image is both trained on and tested with; who is where is in splits/."
    ]


def failures(run: RunFolder) -> list[str]:
    """One line for each client that failed, and the run's own error."""
    lines = [
        f"Client {entry['client']} failed in round {entry['round']} while {entry['stage']}: {entry['cause']}"
        for entry in run.summary.get("failures", ())
    ]
    error = str(run.summary.get("error") or "")
    return [*([error] if error else []), *lines]


def totals(run: RunFolder) -> list[tuple[str, str]]:
    """(what, how long) of the run's parts."""
    names = {
        "total_seconds": "Whole run", "prepare_seconds": "Preparing images", "pretrain_seconds": "Pre-training",
        "train_phase_seconds": "Training phases (wall time)", "training_seconds": "Pure training (sum over clients)",
        "evaluate_seconds": "Generic evaluation",
    }  # fmt: skip
    timing = run.summary.get("timing", {})
    shown = [(title, seconds(timing[key])) for key, title in names.items() if key in timing]
    if timing.get("images_per_second"):
        shown.append(("Images per second, training", count(timing["images_per_second"])))
    return shown
