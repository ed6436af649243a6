"""A map of embeddings: a few people across cameras, in the plane that shows most of their differences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from fedreid.data.examples import Examples
from fedreid.reports.drawing import INK, MARKERS, PAPER, SERIES, Drawing, blank, legend
from fedreid.reports.numbers import plural

MOST_MAPS = 4  # test sets
FEWEST = 3  # images: fewer have no plane
SIZE = 11  # points of a marker, with the camera's number in it
NARROW = {"^": 1.25, "v": 1.25, "P": 1.2}  # these have less room inside


def figures(found: Mapping[str, Examples]) -> Iterator[Drawing]:
    """One for each of the first test sets that kept embeddings."""
    maps = [(name, each) for name, each in found.items() if len(each.people) >= FEWEST]
    for name, examples in maps[:MOST_MAPS]:
        yield _map(name, examples)


def in_the_plane(embeddings: np.ndarray) -> tuple[np.ndarray, float]:
    """First two principal components, (n, 2), and the share of the variance that they show.

    Each component's largest entry is positive, so that equal data give equal maps.

    Args:
        embeddings: (n, dim); one dimension alone gives a plane with zeros.
    """
    centred = embeddings.astype(np.float64) - embeddings.mean(0, dtype=np.float64)
    variances, directions = np.linalg.eigh(centred @ centred.T)  # of few images in many dimensions: less than an SVD
    largest = np.argsort(variances)[::-1][: min(2, *centred.shape)]
    found = directions[:, largest] * np.sqrt(variances[largest].clip(0))
    signs = np.sign(found[np.abs(found).argmax(0), np.arange(found.shape[1])])
    places = np.zeros((len(centred), 2))
    places[:, : found.shape[1]] = found * np.where(signs == 0, 1, signs)
    total = float(variances.sum())
    return places, float(variances[largest].sum()) / total if total > 0 else 0.0


def _map(name: str, examples: Examples) -> Drawing:
    places, share = in_the_plane(examples.embeddings)
    who = np.array([image.identity for image in examples.people])
    figure, axes = blank(4.6)
    people = np.unique(who)
    for number, person in enumerate(people):
        colour = SERIES[number % len(SERIES)]
        marker = MARKERS[(number + number // len(SERIES)) % len(MARKERS)]
        chosen = np.flatnonzero(who == person)
        axes.plot(
            *places[chosen].T, marker, color=colour, markerfacecolor=PAPER, markersize=SIZE * NARROW.get(marker, 1.0),
            markeredgewidth=1.8, label=str(person),
        )  # fmt: skip
        for place in chosen:
            camera = examples.people[place].camera
            axes.annotate(
                str(camera) if camera >= 0 else "?",
                places[place],
                ha="center",
                va="center_baseline",
                fontsize=6.5,
                color=INK,
            )
    axes.set_xlabel("first principal component")
    axes.set_ylabel("second")
    axes.tick_params(labelbottom=False, labelleft=False)
    axes.margins(0.07)
    legend(axes, columns=5)
    caption = (
        f"{plural(len(people), 'identity')} of {name} that most cameras saw, a colour and shape each; the number in a "
        "marker is the camera. Markers of one person should lie together, whatever the camera. Principal components of "
        f"these {plural(len(who), 'embedding')}: the plane shows {100 * share:.0f} % of their variance, so that people "
        "who overlap here may be apart in the other dimensions."
    )
    return Drawing(f"embeddings-{name}", "finds", f"People on the map: {name}", caption, figure)
