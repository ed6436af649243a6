"""What a reader must know about how the numbers came about: protocol, data, and how to repeat them."""

from __future__ import annotations

from fedreid.reports.findings import Findings
from fedreid.reports.loading import RunFolder
from fedreid.reports.numbers import count, plural, seconds
from fedreid.reports.words import start_name

BATCHNORM = {
    "average": "all of it travels and is averaged: scale, shift and running statistics.",
    "local": "none of it travels; every client keeps its own.",
    "statistics_local": "scale and shift travel and are averaged; running statistics stay with the client.",
}
RECALIBRATED = " For generic evaluation the running statistics are measured again, on the public images."
GENERIC = (
    "The shared model ranks each dataset's gallery for each query, by cosine similarity. Neither a client nor the "
    "pre-training saw these identities. Gallery images of the same identity from the same camera as the query are left "
    "out; a query whose identity no other camera shows is skipped and counted. AP is the mean of the precision at each "
    "true match; mINP is the mean inverse negative penalty."
)
PERSONALIZED = (
    "Each client's own model, after its local training and before aggregation, ranks the held-out images of that "
    "client's own people ({percent:.0f} % of each person's images, never trained on): each image is a query against "
    "all others, under the same rules; where a client's images come from one camera only, just the query is left out. "
    "In means over clients every client has the same weight."
)
LAST = "The one after the last round, chosen by no test image; the best round is shown for orientation only."
LOCAL_ONLY = (
    "Each client starts from the same {start} model and trains on its own images only, for {epochs}, as many as "
    "a client trains in the federation on average, and never sends or receives a model. On generic images: the mean of "
    "these models' scores."
)
PARTICIPATION = (
    "{percent:.0f} % of the clients train in each round, drawn from the seed. Curves show those evaluated in a "
    "round; tables show each client's last evaluation."
)
CHANCE = "One run with one seed ({seed}): small differences may be luck. Repeat with other seeds to know."

MOST_NAMED = 20  # unreadable images named in one sentence; the page lists more, summary.json all


def protocol(run: RunFolder, findings: Findings) -> list[tuple[str, str]]:
    """(term, explanation) of how it was evaluated."""
    scenario, start = run.scenario, start_name(run)
    federation = scenario.federation
    notes = [
        ("Generic", GENERIC),
        ("Personalized", PERSONALIZED.format(percent=100 * scenario.partition.held_out)),
        ("Which model", LAST),
        (f"{start.capitalize()} model", _start(run)),
    ]
    if findings.has_alone or any(result.alone for result in findings.generic):
        epochs = scenario.average_epochs(max(1, len(run.data.get("clients", ()))))
        notes.append(("Local only", LOCAL_ONLY.format(start=start, epochs=plural(epochs, "epoch"))))
    again = RECALIBRATED if federation.batchnorm != "average" and run.data.get("public", {}).get("images") else ""
    notes.append(("BatchNorm", f"Policy {federation.batchnorm}: {BATCHNORM[federation.batchnorm]}{again}"))
    if federation.fraction < 1:
        notes.append(("Participation", PARTICIPATION.format(percent=100 * federation.fraction)))
    return [*notes, ("Chance", CHANCE.format(seed=scenario.seed))]


def _start(run: RunFolder) -> str:
    facts, settings = run.summary.get("pretrain", {}), run.scenario.pretrain
    weights = " from ImageNet weights" if run.scenario.model.weights else ""
    if not facts.get("images"):
        return f"Round 0. There was no pre-training: the network starts{weights or ' with random weights'}."
    cached = " It came from the cache of an earlier run with the same settings." if facts.get("from_cache") else ""
    return (
        f"Round 0: trained{weights} with CosFace on the public set, {plural(facts['identities'], 'identity')} with "
        f"{plural(facts['images'], 'image')}, for {plural(facts.get('epochs', settings.epochs), 'epoch')}.{cached}"
    )


def setup(run: RunFolder) -> list[tuple[str, str]]:
    """(term, value): the federation at a glance."""
    scenario, model = run.scenario, run.summary.get("model", {})
    method, height_width = scenario.method, " × ".join(map(str, scenario.data.image_size))
    width = f", width {scenario.model.width:g}" if scenario.model.width != 1 else ""
    parameters = f", {count(model['parameters'])} parameters" if model.get("parameters") else ""
    backbone = f"{scenario.model.backbone}{width}{parameters}"
    return [
        ("Model", f"{backbone}, {scenario.model.embedding_dim}-dimensional embeddings"),
        ("Input", f"{height_width} pixels (height × width)"),
        ("Loss", f"CosFace, scale {scenario.loss.scale:g}, margin {scenario.loss.margin:g}"),
        ("Client step", f"{method.name}: {plural(method.epochs, 'epoch')} of SGD, batch {method.batch_size}, "
         f"learning rate {method.learning_rate:g}, momentum {method.momentum:g}, weight decay {method.weight_decay:g}"),
        ("Server step", f"{scenario.federation.strategy}, weights by training images"),
        ("Clients", f"by {scenario.partition.by}"),
        ("Engine", str(run.summary.get("engine", scenario.runtime.engine))),
        ("Seed", str(scenario.seed)),
    ]  # fmt: skip


def data_notes(run: RunFolder) -> list[str]:
    """Overlap, left-out images and remarks, one sentence each."""
    data = run.data
    shared = data.get("shared_identities", 0)
    notes = [
        f"{plural(shared, 'identity')} {'is' if shared == 1 else 'are'} held by more than one client."
        if shared
        else "No identity is held by more than one client, and no client's identity is public."
    ]
    notes += [str(note) for note in data.get("notes", ())]
    if bad := [str(image) for image in data.get("bad_images", ())]:
        named = "; ".join(bad[:MOST_NAMED]) + ("; ..." if len(bad) > MOST_NAMED else "")
        is_one = len(bad) == 1
        notes.append(
            f"{plural(len(bad), 'image')} could not be read and {'was' if is_one else 'were'} left out: {named}"
        )
    return notes


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
