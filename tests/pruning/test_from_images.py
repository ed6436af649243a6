"""Images that channels are scored on: batches made as those of the loss."""

from __future__ import annotations

from itertools import islice

import numpy as np
import torch

from fedreid.pruning.from_images import endless
from fedreid.scenario import Scenario
from tests.training.made_up import made_up_images

CPU = torch.device("cpu")


def scenario(**sections: dict[str, object]) -> Scenario:
    people = {"people": {"format": "synthetic"}}
    return Scenario.model_validate({"data": {"sources": people}, "method": {"batch_size": 8}, **sections})


def labels_of(settings: Scenario, count: int) -> list[np.ndarray]:
    stream = endless(made_up_images(identities=5, each=6), settings, np.random.default_rng(0), CPU)
    return [labels.numpy() for _, labels in islice(stream, count)]


def test_p_times_k_batches_where_the_loss_has_them() -> None:
    for labels in labels_of(scenario(sampling={"identities": 3, "images": 2}), 12):
        people, counts = np.unique(labels, return_counts=True)
        assert (len(people), set(counts)) == (3, {2})


def test_shuffled_batches_of_all_images_otherwise() -> None:
    epoch = labels_of(scenario(), 4)
    assert sorted(map(len, epoch)) == [7, 7, 8, 8]
    assert np.bincount(np.concatenate(epoch)).tolist() == [6] * 5


def test_more_people_than_there_are_means_all_of_them() -> None:
    assert all(
        len(np.unique(labels)) == 5 for labels in labels_of(scenario(sampling={"identities": 50, "images": 2}), 3)
    )
