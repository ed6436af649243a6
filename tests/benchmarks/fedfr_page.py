"""The page about the reference runs of FedFR: tables over seeds, which of the paper's orderings hold, two figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev

import matplotlib as mpl
import pandas as pd
from matplotlib.ticker import MaxNLocator

from fedreid.reports.drawing import MARKERS, SERIES, STYLE, blank, legend
from tests.benchmarks.fedfr_ablation import IDENTITIES, THRESHOLDS
from tests.benchmarks.fedfr_jobs import BASES, SEEDS
from tests.benchmarks.fedfr_tuning import tuning_rows
from tests.benchmarks.tools import table

DATASET = "market1501"
GENERIC = ("mAP", "rank1", "TAR@FAR=1e-4", "TAR@FAR=1e-3", "TPIR@FPIR=1e-2", "TPIR@FPIR=1e-1")
PERSONAL = ("mAP", "rank1", "TAR@FAR=1e-4", "TAR@FAR=1e-3", "TPIR@FPIR=1e-2", "TPIR@FPIR=1e-1")
ORDERED_BY = ("mAP", "TPIR@FPIR=1e-1")
Scores = dict[str, float]


@dataclass(frozen=True)
class Run:
    """The tables of one run."""

    metrics: pd.DataFrame
    references: pd.DataFrame

    @classmethod
    def read(cls, folder: Path) -> Run:
        return cls(pd.read_csv(folder / "metrics.csv"), pd.read_csv(folder / "references.csv"))

    def generic(self, number: int | None = None) -> Scores:
        """The shared model's scores after a round; None: the last."""
        return self._scores("generic", number)

    def personal(self, number: int | None = None, prefix: str = "") -> Scores:
        """Means over clients of their own models' scores."""
        found = self._scores("personalized", number)
        return {name.removeprefix(prefix): value for name, value in found.items() if name.startswith(prefix)}

    def reference(self, name: str) -> Scores:
        """Means over clients of a reference's scores on their own people."""
        rows = self.references
        return means(rows[(rows.reference == name) & (rows.scope == "personalized")])

    def train(self, metric: str) -> float:
        """Mean over clients and rounds."""
        rows = self.metrics
        return float(rows[(rows.scope.isin(["train", "cost"])) & (rows.metric == metric)].value.mean())

    def _scores(self, scope: str, number: int | None) -> Scores:
        rows = self.metrics[self.metrics.scope == scope]
        return means(rows[rows["round"] == (rows["round"].max() if number is None else number)])


def means(rows: pd.DataFrame) -> Scores:
    """Mean over clients; a rate that some client can't resolve is left out."""
    counts = rows.groupby("metric").value.agg(["mean", "count"])
    most = counts["count"].max()
    return {str(name): float(row["mean"]) for name, row in counts.iterrows() if row["count"] == most}


def spread(values: Sequence[float]) -> str:
    """Mean and standard deviation over seeds."""
    if len(values) < 2:
        return f"{values[0]:.1f}" if values else "–"
    return f"{fmean(values):.1f} ± {stdev(values):.1f}"


class Page:
    """All runs by name and seed."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.runs: dict[tuple[str, int], Run] = {
            (name, seed): Run.read(work / "runs" / f"{name}-{seed}")
            for name in BASES
            if name != "fedface"
            for seed in SEEDS
        }

    def over_seeds(self, name: str, scores: Callable[[Run], Scores]) -> list[Scores]:
        return [scores(self.runs[name, seed]) for seed in SEEDS]

    def row(self, title: str, generic: list[Scores] | None, personal: list[Scores] | None) -> list[str]:
        cells = [title]
        for columns, found in ((GENERIC, generic), (PERSONAL, personal)):
            for metric in columns:
                values = [scores[metric] for scores in found or () if metric in scores]
                cells.append(spread(values) if found and len(values) == len(found) else "–")
        return cells

    def ablation(self) -> list[list[str]]:
        """Table 7.1."""
        rows = [
            self.row(
                "pre-trained",
                self.over_seeds("fedavg", lambda run: run.generic(0)),
                self.over_seeds("fedavg", lambda run: run.personal(0)),
            )
        ]
        for name, title in ROWS.items():
            rows.append(self.row(title, self.over_seeds(name, Run.generic), self.over_seeds(name, Run.personal)))
        return rows

    def personalization(self) -> list[list[str]]:
        """Table 7.2, and training alone."""
        found = [
            ("trained alone", "fedavg", lambda run: run.reference("local_only")),
            ("+ contrastive, stage 1", "contrastive", Run.personal),
            ("fine-tuned", "fine_tune", lambda run: run.reference("fine_tune")),
            ("distilled", "distillation", lambda run: run.reference("distillation")),
            ("branch with CosFace", "branch_cosface", Run.personal),
            ("branch with binary losses (FedFR)", "fedfr", Run.personal),
        ]
        return [self.personal_row(title, self.over_seeds(name, scores)) for title, name, scores in found]

    def models(self) -> list[list[str]]:
        """Table 7.3."""
        found = [
            ("Θg, the shared model", lambda run: run.reference("global_model")),
            ("Θi, the client's own", lambda run: run.personal(prefix="local_model/")),
            ("[Θi, Πi], with its branch", Run.personal),
        ]
        return [self.personal_row(title, self.over_seeds("fedfr", scores)) for title, scores in found]

    def personal_row(self, title: str, found: list[Scores]) -> list[str]:
        return [title, *self.row("", None, found)[1 + len(GENERIC) :]]

    def orderings(self) -> list[list[str]]:
        """The paper's orderings, each with the differences that were found here."""
        start_generic, start_own = (lambda run: run.generic(0)), (lambda run: run.personal(0))
        claims = [
            ("FedAvg is below pre-trained, generic", "fedavg", Run.generic, "fedavg", start_generic, -1),
            ("+ hard negatives above pre-trained, generic", "hard_negatives", Run.generic, "fedavg", start_generic, 1),
            (
                "+ hard negatives above pre-trained, personalized", "hard_negatives", Run.personal, "fedavg", start_own,
                1,
            ),
            (
                "+ contrastive above + hard negatives, generic", "contrastive", Run.generic, "hard_negatives",
                Run.generic, 1,
            ),
            (
                "+ contrastive below + hard negatives, personalized", "contrastive", Run.personal, "hard_negatives",
                Run.personal, -1,
            ),
            ("+ branch above + contrastive, personalized", "fedfr", Run.personal, "contrastive", Run.personal, 1),
            ("+ branch above + hard negatives, personalized", "fedfr", Run.personal, "hard_negatives", Run.personal, 1),
            ("+ branch doesn't hurt, generic", "fedfr", Run.generic, "contrastive", Run.generic, 1),
            ("centralised above FedFR, generic", "centralised", Run.generic, "fedfr", Run.generic, 1),
            ("centralised above FedFR, personalized", "centralised", Run.personal, "fedfr", Run.personal, 1),
            (
                "binary losses above CosFace in the branch, personalized", "fedfr", Run.personal, "branch_cosface",
                Run.personal, 1,
            ),
        ]  # fmt: skip
        rows = []
        for title, name, scores, other, other_scores, sign in claims:
            pairs = list(zip(self.over_seeds(name, scores), self.over_seeds(other, other_scores), strict=True))
            cells = [title]
            for metric in ORDERED_BY:
                differences = [one[metric] - two[metric] for one, two in pairs]
                agreeing = sum(sign * difference > 0 for difference in differences)
                answer = {len(SEEDS): "yes", 0: "no"}.get(agreeing, "unclear")
                cells += [" ".join(f"{difference:+.1f}" for difference in differences), answer]
            rows.append(cells)
        return rows

    def costs(self) -> list[list[str]]:
        """What a client does in a round."""
        rows = []
        for name, title in ROWS.items():
            steps = [self.runs[name, seed].train("steps") for seed in SEEDS]
            images = [self.runs[name, seed].train("images") for seed in SEEDS]
            rows.append([title, f"{fmean(steps):.0f}", f"{fmean(images):,.0f}"])
        return rows


ROWS = {
    "fedavg": "FedAvg",
    "hard_negatives": "+ hard negatives",
    "contrastive": "+ contrastive",
    "fedfr": "+ branch (FedFR)",
    "centralised": "centralised",
}


def threshold_figure(work: Path, path: Path) -> list[list[str]]:
    """Figure 7.3: quality and steps against the threshold; returns its numbers."""
    rows, points = [], []
    for threshold in THRESHOLDS:
        run = Run.read(work / "runs" / f"threshold-{threshold}")
        share, steps = run.train("hard_negative_share"), run.train("steps")
        points.append((threshold, run.generic()["mAP"], run.personal()["mAP"], steps))
        rows.append([f"{threshold}", f"{share:.1f}", f"{steps:.0f}", *(f"{value:.1f}" for value in points[-1][1:3])])
    with mpl.rc_context(STYLE):
        figure, axes = blank()
        xs = [point[0] for point in points]
        for place, (label, column) in enumerate((("generic mAP", 1), ("personalized mAP", 2))):
            axes.plot(xs, [point[column] for point in points], color=SERIES[place], marker=MARKERS[place], label=label)
        axes.set_xlabel("hard-negative threshold")
        axes.set_ylabel("mAP (%)")
        steps_axes = axes.twinx()
        steps_axes.plot(xs, [point[3] for point in points], color=SERIES[2], linestyle=(0, (4, 2)), label="steps")
        steps_axes.set_ylabel("training steps of a client in a round")
        steps_axes.set_ylim(bottom=0)
        steps_axes.grid(visible=False)
        axes.plot([], [], color=SERIES[2], linestyle=(0, (4, 2)), label="training steps")
        legend(axes)
        figure.savefig(path, dpi=150)
    return rows


def identities_figure(work: Path, path: Path) -> list[list[str]]:
    """Figure 7.4: FedFR and FedFace with fewer and fewer identities in each client; returns its numbers."""
    scores: dict[str, list[float]] = {"FedFR": [], "FedFace": []}
    start = []
    for count in IDENTITIES:
        first = "fedfr-0" if count == IDENTITIES[0] else f"identities-{count}-fedfr"
        runs = {"FedFR": Run.read(work / "runs" / first)}
        runs["FedFace"] = Run.read(work / "runs" / f"identities-{count}-fedface")
        for name, run in runs.items():
            scores[name].append(run.generic()["mAP"])
        start.append(runs["FedFR"].generic(0)["mAP"])
    with mpl.rc_context(STYLE):
        figure, axes = blank()
        places = range(len(IDENTITIES))
        for place, (name, values) in enumerate(scores.items()):
            axes.plot(places, values, color=SERIES[place], marker=MARKERS[place], label=name)
        axes.plot(places, start, color=SERIES[2], linestyle=(0, (5, 3)), label="pre-trained")
        axes.set_xticks(list(places), [str(count) for count in IDENTITIES])
        axes.yaxis.set_major_locator(MaxNLocator(nbins=6))
        axes.set_xlabel("identities of each of 10 clients")
        axes.set_ylabel("generic mAP (%)")
        legend(axes)
        figure.savefig(path, dpi=150)
    columns = (scores["FedFR"], scores["FedFace"], start)
    return [[str(count), *(f"{values[place]:.1f}" for values in columns)] for place, count in enumerate(IDENTITIES)]


def write_page(work: Path, results: Path) -> None:
    """results/fedfr-market1501/README.md, with its figures beside it; words about the numbers are in fedfr_words.md."""
    results.mkdir(parents=True, exist_ok=True)
    page = Page(work)
    names = {"rank1": "rank-1"}
    generic = [names.get(name, name) for name in GENERIC]
    personal = [f"P {names.get(name, name)}" for name in PERSONAL]
    thresholds = threshold_figure(work, results / "threshold.png")
    identities = identities_figure(work, results / "identities.png")
    words = Path(__file__).with_name("fedfr_words.md")
    lines = [
        "# FedFR on Market-1501: what each part brings",
        "",
        "`python -m tests.benchmarks.fedfr_ablation WORK_FOLDER`, scenario `scenarios/fedfr-market1501.toml`.",
        "Market-1501 train-split, held-out identities: 450 identities of its training half; figures are not comparable",
        "with published Market-1501 figures. 250 public identities, 10 clients with 20 others each, 4 rounds of 2",
        "epochs, ResNet-10 at a quarter of its width, 64 x 32. In percent; mean ± standard deviation over three seeds,",
        "which also draw who is public and who is whose. The model is the last. P: personalized, mean over clients.",
        "",
        *([words.read_text().strip(), ""] if words.exists() else []),
        "## The ablation (table 7.1)",
        "",
        *table(["Setup", *generic, *personal], page.ablation()),
        "",
        "## Which of the paper's orderings hold",
        "",
        "Differences in points, one for each seed; yes or no where all three agree.",
        "",
        *table(["The paper finds", "mAP", "holds", "TPIR@FPIR=1e-1", "holds"], page.orderings()),
        "",
        "## Ways to personalize (table 7.2)",
        "",
        *table(["Method", *personal], page.personalization()),
        "",
        "## Which model for a client's own people (table 7.3, FedFR's runs)",
        "",
        *table(["Model", *personal], page.models()),
        "",
        "## What a client does in a round",
        "",
        *table(["Setup", "Steps", "Images"], page.costs()),
        "",
        "Centralised: one client that has everybody's images.",
        "",
        "## The threshold (figure 7.3, one seed, 3 rounds of 1 epoch, hard negatives without the other parts)",
        "",
        "![Quality and training steps against the threshold](threshold.png)",
        "",
        *table(["Threshold", "Public images kept, %", "Steps", "Generic mAP", "Personalized mAP"], thresholds),
        "",
        "## Identities of each client (figure 7.4, one seed)",
        "",
        "![FedFR and FedFace against identities per client](identities.png)",
        "",
        *table(["Identities", "FedFR", "FedFace", "Pre-trained"], identities),
        "",
        "## Tuning",
        "",
        "Twelve trials for each method, on 50 training identities that are held out (generic mAP) and the clients' own",
        "people (personalized mAP); 2 rounds, seed 100, a federation of its own. Chosen by the mean of the two.",
        "FedFR, the branch with CosFace, fine-tuning and distillation share the first eight (+ hard negatives,",
        "+ contrastive), and have four of their own.",
        "",
        *table(["Method", "Trial", "Generic", "Personalized", ""], tuning_rows(work)),
    ]
    (results / "README.md").write_text("\n".join(lines) + "\n")
