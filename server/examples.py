"""What the report shows of the final model: a few queries with what they find, and a few people across cameras."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from fedreid.data.examples import MOST_WIDTH, Examples, Found, RankedList, Shown, write_examples
from fedreid.data.generic_test import GenericTest
from fedreid.data.image_set import ImageSet
from fedreid.data.query_scores import QueryScores
from fedreid.evaluation.match_ranks import Labels
from fedreid.evaluation.ranked_lists import first_found, random_queries, seen_widely, spread_over_cameras
from server.setup import Setup

STREAM = 9  # of random numbers: which of equally widely seen people are shown, and which queries
MOST_IMAGES = 12  # of a person on the map


def keep_examples(
    setup: Setup, folder: Path, name: str, test: GenericTest, features: np.ndarray, scores: QueryScores
) -> None:
    """Write one test set's examples as the scenario's `report` says; of a protocol of random halves, the first one's.

    Args:
        features: (images, dim) of `test.images`.
        scores: of the queries.
    """
    settings = setup.scenario.report
    if not settings.ranked_lists and not settings.embedding_identities:
        return
    images, paths = test.images, setup.data.paths(name)
    query, gallery = test.draws[0]
    rng = np.random.default_rng([setup.scenario.seed, STREAM, 1])  # the same queries whatever the method
    drawn = random_queries(images.identities[query], scores.rank > 0, settings.ranked_lists, rng)
    chosen = query[drawn[np.argsort(scores.ap[drawn], kind="stable")]]
    found = first_found(
        features[chosen], _labels(images, chosen), features[gallery], _labels(images, gallery), ranks=settings.ranks
    )
    of_query = dict(zip(query, scores.ap, strict=True))
    lists, places = [], []
    for asked, (ranks, cosines) in zip(chosen, found, strict=True):
        results = gallery[ranks]
        is_right = images.identities[results] == images.identities[asked]
        shown = _shown(images, paths, np.append(asked, results))
        entries = map(Found, shown[1:], map(float, cosines), map(bool, is_right))
        lists.append(RankedList(shown[0], float(of_query[asked]), tuple(entries)))
        places.append(np.append(asked, results))
    pictures = _pictures(images, np.concatenate(places)) if places and settings.images else None
    on_map = _across_cameras(images, np.unique(images.identities[query]), settings.embedding_identities, setup)
    people = tuple(_shown(images, paths, on_map))
    folder.mkdir(exist_ok=True)
    write_examples(folder, name, Examples(tuple(lists), pictures, people, features[on_map]))


def _labels(images: ImageSet, places: np.ndarray) -> Labels:
    return Labels(images.identities[places], images.cameras[places])


def _shown(images: ImageSet, paths: dict[int, str], places: np.ndarray) -> list[Shown]:
    people, cameras, rows = images.own_identities[places], np.maximum(images.cameras[places], -1), images.rows[places]
    return [
        Shown(paths[int(row)], int(who), int(camera)) for row, who, camera in zip(rows, people, cameras, strict=True)
    ]


def _across_cameras(images: ImageSet, asked: np.ndarray, count: int, setup: Setup) -> np.ndarray:
    """Places of some people's images, person by person: of those who are looked for, and whom most cameras saw."""
    places = np.flatnonzero(np.isin(images.identities, asked))
    rng = np.random.default_rng([setup.scenario.seed, STREAM])
    people = seen_widely(images.identities[places], images.cameras[places], count, rng)
    chosen = [np.empty(0, np.int64)]
    for person in people:
        own = places[images.identities[places] == person]
        chosen.append(own[spread_over_cameras(np.maximum(images.cameras[own], -1), MOST_IMAGES)])
    return np.concatenate(chosen)


def _pictures(images: ImageSet, places: np.ndarray) -> np.ndarray:
    """(n, height, width, 3) uint8, at most MOST_WIDTH wide."""
    pictures = images.batch(places)
    height, width = pictures.shape[1:3]
    if width <= MOST_WIDTH:
        return pictures
    size = (MOST_WIDTH, max(1, round(height * MOST_WIDTH / width)))
    return np.stack([np.asarray(Image.fromarray(each).resize(size, Image.Resampling.LANCZOS)) for each in pictures])
