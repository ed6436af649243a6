"""Quality by round."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from fedreid.reports.comparison_figures.drawn import HEIGHT, INNER, band_opacity, draw_curve
from fedreid.reports.comparison_figures.ends import name_curves
from fedreid.reports.comparison_figures.levels import draw_levels, told
from fedreid.reports.comparison_figures.measured import Field, Subject
from fedreid.reports.comparison_figures.words import CLIENTS, NOBODY, means, muted, title_of
from fedreid.reports.curves import by_round
from fedreid.reports.drawing import Drawing, blank

MOST_SETS = 3  # test sets with a figure of their own; of more, their mean is drawn
Row = tuple[Subject, pd.DataFrame, pd.Series]  # rounds × seeds, and the final scores of seeds


def figures(field: Field) -> Iterator[Drawing]:
    """Generic scores by round, test set by test set or their mean, then personalized ones."""
    yield from _generic(field)
    rows = [(each, each.personalized, each.finals["personalized"]) for each in field.subjects]
    about = f"Mean over clients, each method's own models on {CLIENTS}."
    yield from _figure("rounds-personalized", "Personalized mAP by round", "personalized mAP (%)", about, rows, floor=1)


def generic_of(field: Field, subject: Subject, dataset: str | None) -> pd.DataFrame:
    """Rounds × seeds of a test set; of None, the mean over `field.sets` where all of them were evaluated."""
    if dataset is not None:
        return subject.generic.get(dataset, pd.DataFrame())
    found = [subject.generic[name] for name in field.sets if name in subject.generic]
    if not found or len(found) < len(field.sets):
        return pd.DataFrame()
    total = found[0]
    for each in found[1:]:
        total = total + each
    return (total / len(found)).dropna(how="all").dropna(axis="columns", how="all")


def has_rounds(subject: Subject, values: pd.DataFrame) -> bool:
    """Whether there is a curve: not where clients trained alone once, and not where there is only the start."""
    is_alone = subject.look.bound == "local" and len(values) < 2
    return not is_alone and len(values) > 0 and bool(values.index.max() > 0)


def _generic(field: Field) -> Iterator[Drawing]:
    metric = title_of(field.metric)
    has_mean = len(field.sets) > MOST_SETS
    if has_mean:
        about = f"The shared model on {NOBODY}, mean over {len(field.sets)} test sets."
        rows = [(each, generic_of(field, each, None), each.finals["generic"]) for each in field.subjects]
        title = f"Generic {metric} by round"
        yield from _figure("rounds-generic", title, f"generic {metric} (%)", about, rows, floor=0)
    listed = ({} if has_mean else dict(field.sets)) | dict(field.others)
    for place, (dataset, key) in enumerate(listed.items(), start=1 + has_mean):
        title = f"Generic {title_of(key)} by round" + f": {dataset}" * (len(listed) + has_mean > 1)
        rows = [(each, generic_of(field, each, dataset), _final(each, dataset, key)) for each in field.subjects]
        name = "rounds-generic" if place == 1 else f"rounds-generic-{place}"
        about = f"The shared model on {NOBODY}, of {dataset}."
        yield from _figure(name, title, f"generic {title_of(key)} (%)", about, rows, floor=0)


def _final(subject: Subject, dataset: str, metric: str) -> pd.Series:
    known = len(subject.finals["generic"]) > 0 or dataset in subject.generic
    return pd.Series(subject.variant.scores("generic", dataset, metric) if known else {}, dtype=float)


def _figure(name: str, title: str, label: str, about: str, rows: Sequence[Row], floor: int) -> Iterator[Drawing]:
    """Curves of those with rounds, level lines of the others; nothing where no curve has two rounds."""
    curves = [(subject, values) for subject, values, _ in rows if has_rounds(subject, values)]
    if max((len(values) for _, values in curves), default=0) < 2:
        return
    flat = [(subject, final) for subject, values, final in rows if not has_rounds(subject, values) and len(final)]
    figure, axes = blank(HEIGHT)
    shade = band_opacity([subject.look.curve for subject, _ in curves])
    ends = [draw_curve(axes, subject.look.curve, values, shade) for subject, values in curves]
    by_round(axes, label, floor=floor)
    named, far = draw_levels(axes, [(subject.look.curve, values) for subject, values in flat])
    name_curves(axes, [*(end for end in ends if end is not None), *named], INNER)
    level = [look.name for look, _ in named]
    lines = f" Level, without rounds: {' and '.join(level)}." if level else ""
    seeds = means((values.shape[1] for _, values in curves), band="bands" if shade else "")
    grey = muted(subject.look.curve for subject, *_ in rows)
    yield Drawing(name, "curves", title, f"{about} {seeds}{lines}{told(far)}{grey}", figure)
