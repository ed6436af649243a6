"""Open-set metrics of clients and of generic sets: names, percentages, counts, and sets that can't give them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fedreid.evaluation import (
    generic_metrics,
    identification_metrics,
    own_metrics,
    own_pairs,
    own_probes,
    search_probes,
    verification_metrics,
)
from tests.evaluation.open_set_oracle import best_rate, identified, own_scores, search_scores


def client(seed: int = 0):
    """(training features and ids, test features and ids, others): 4 people, 3 training and 3 test images each."""
    generator = np.random.default_rng(seed)
    ids = np.repeat([11, 14, 12, 19], 3)
    centres = dict(zip(np.unique(ids), generator.standard_normal((4, 6)), strict=True))
    of_each = np.stack([centres[identity] for identity in ids])
    training, own = (of_each + 0.7 * generator.standard_normal((12, 6)) for _ in range(2))
    return training, ids, own, ids, generator.standard_normal((40, 6))


def unit(features):
    return features / np.linalg.norm(features, axis=1, keepdims=True)


def test_own_metrics_are_percentages_by_rate_and_counts():
    training, training_ids, own, ids, others = client()
    genuine, impostor = own_scores(own, ids, others)
    people = np.unique(ids)
    gallery = [unit(training)[training_ids == identity].mean(axis=0) for identity in people]
    labels = np.searchsorted(people, ids)
    found = own_metrics(training, training_ids, own, ids, others, fars=(1e-2, 0.1), fpirs=(0.1, 0.25))
    assert found == pytest.approx(
        {
            "TAR@FAR=1e-2": 100 * best_rate(genuine, impostor, 0.01),
            "TAR@FAR=1e-1": 100 * best_rate(genuine, impostor, 0.1),
            "genuine_pairs": 12,
            "impostor_pairs": 6 * 9 + 12 * 40,
            "TPIR@FPIR=1e-1": 100 * identified(gallery, own, labels, others, 0.1),
            "TPIR@FPIR=2.5e-1": 100 * identified(gallery, own, labels, others, 0.25),
            "mated_probes": 12,
            "non_mated_probes": 40,
        }
    )
    assert 0 < found["TAR@FAR=1e-2"] < 100
    assert 0 < found["TPIR@FPIR=1e-1"] < 100


def test_rates_that_the_set_cannot_resolve_are_left_out():
    found = own_metrics(*client())  # 534 impostor pairs and 40 strangers
    assert [name for name in found if "@" in name] == ["TAR@FAR=1e-2", "TPIR@FPIR=1e-1"]


def test_impostors_can_be_other_clients_people_only():
    assert own_metrics(*client(), impostors="cross_client")["impostor_pairs"] == 12 * 40


def test_an_identity_branch_changes_nothing():
    training, training_ids, own, ids, others = client()
    branch = torch.nn.Linear(6, 6).double()
    torch.nn.init.eye_(branch.weight)
    torch.nn.init.zeros_(branch.bias)
    branched = [branch(torch.from_numpy(side)) for side in (training, own, others)]
    assert own_metrics(branched[0], training_ids, branched[1], ids, branched[2]) == own_metrics(*client())


def test_generic_metrics_average_the_halves():
    generator = np.random.default_rng(4)
    centres = generator.standard_normal((8, 6))
    query_ids, gallery_ids = (
        np.repeat(np.arange(1, 8), 3),
        np.concatenate([np.repeat(np.arange(1, 8), 5), np.zeros(30, int)]),
    )
    query, gallery = (centres[ids] + 0.8 * generator.standard_normal((len(ids), 6)) for ids in (query_ids, gallery_ids))
    query_cameras, gallery_cameras = np.arange(21) % 3, np.arange(65) % 4
    sides = (query, query_ids, query_cameras, gallery, gallery_ids, gallery_cameras)
    genuine, impostor = search_scores(*sides)
    halves = []
    for people in ([1, 3, 5, 7], [2, 4, 6]):
        is_mated = np.isin(query_ids, people)
        entries = [unit(gallery)[gallery_ids == identity].mean(axis=0) for identity in people]
        labels = np.searchsorted(people, query_ids[is_mated])
        halves.append(identified(entries, query[is_mated], labels, query[~is_mated], 0.2))
    assert halves[0] != halves[1]
    found = generic_metrics(*sides, fars=(1e-2,), fpirs=(0.2, 0.1))
    assert found == pytest.approx(
        {
            "TAR@FAR=1e-2": 100 * best_rate(genuine, impostor, 0.01),
            "genuine_pairs": len(genuine),
            "impostor_pairs": 21 * 65 - 7 * 3 * 5,
            "TPIR@FPIR=2e-1": 50 * sum(halves),  # 1e-1 isn't there: the first half has 9 strangers only
            "mated_probes": 21,
            "non_mated_probes": 21,
        }
    )


NOTHING = np.zeros((0, 3))
NO_PAIRS = {"genuine_pairs": 0, "impostor_pairs": 0}
NO_PROBES = {"mated_probes": 0, "non_mated_probes": 0}


def test_a_client_without_images_has_no_metrics():
    assert own_metrics(NOTHING, [], NOTHING, [], NOTHING) == {**NO_PAIRS, **NO_PROBES}


def test_one_image_of_each_person_leaves_no_genuine_pair():
    assert verification_metrics(own_pairs(np.eye(3), [1, 2, 3], np.eye(3)), (1.0,)) == {
        "genuine_pairs": 0,
        "impostor_pairs": 12,
    }


def test_a_federation_of_one_person_has_no_impostors():
    pairs, probes = (
        own_pairs(np.eye(3), [1, 1, 1], NOTHING),
        own_probes(np.eye(3), [1, 1, 1], np.eye(3), [1, 1, 1], NOTHING),
    )
    assert verification_metrics(pairs, (1.0,)) == {"genuine_pairs": 3, "impostor_pairs": 0}
    assert identification_metrics([probes], (1.0,)) == NO_PROBES


def test_a_test_set_of_one_person_has_no_half_with_strangers():
    halves = search_probes(np.eye(3), [1, 1, 1], np.eye(3), [1, 1, 1])
    assert identification_metrics(halves, (1.0,)) == NO_PROBES


def test_a_half_without_gallery_images_is_left_out():
    # 1 has gallery images, 2 has none: only the half of 1 counts, with 2 as its stranger.
    halves = search_probes(np.eye(2), [1, 2], np.eye(2)[:1], [1])
    assert identification_metrics(halves, (1.0,)) == {"TPIR@FPIR=1e0": 100, "mated_probes": 1, "non_mated_probes": 1}


def test_the_published_variant_can_be_asked_for():
    # Own entry .8 behind another at .9: not identified, unless coming first isn't asked for.
    training, own, stranger = np.array([[1.0, 0], [0, 1.0]]), np.array([[0.6, 0.8]]), np.array([[-1.0, 0.0]])
    both = [
        own_metrics(training, [1, 2], own, [1], stranger, fars=(), fpirs=(1.0,), mode=mode)["TPIR@FPIR=1e0"]
        for mode in ("standard", "pooled")
    ]
    assert both == [0.0, 100.0]
