"""Enrolment, and who asks whom."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fedreid.evaluation import ProbeSet, enrol, identify_embeddings, own_probes, search_probes

TRAINING = [(1, 0), (0.6, 0.8), (0.8, 0.6)]  # the specification's example A11
ABOVE = np.array([0.0, 1.0])
EMPTY = np.zeros((0, 2))


def test_worked_example_renormalised():
    gallery = enrol(np.array(TRAINING), [0, 0, 0])
    assert gallery.shape == (1, 2)
    assert gallery[0] @ ABOVE == pytest.approx(0.5038710, abs=1e-7)
    assert np.linalg.norm(gallery[0]) == pytest.approx(1)


def test_worked_example_as_the_plain_mean():
    gallery = enrol(np.array(TRAINING), [0, 0, 0], renormalise=False)
    assert gallery[0] == pytest.approx([0.8, 0.4666667], abs=1e-7)
    assert np.linalg.norm(gallery[0]) == pytest.approx(0.9261629, abs=1e-7)


def test_each_image_counts_the_same_whatever_its_length():
    lengths = np.array([[100.0], [1.0], [0.01]])
    assert enrol(np.array(TRAINING) * lengths, [0, 0, 0]) == pytest.approx(enrol(np.array(TRAINING), [0, 0, 0]))


def test_rows_of_the_gallery_are_labels():
    gallery = enrol(torch.tensor([[0.0, 3.0], [2.0, 0.0], [0.0, 5.0]]), torch.tensor([1, 0, 1]))
    assert gallery.tolist() == [[1, 0], [0, 1]]
    assert gallery.dtype == np.float64


def test_opposite_images_leave_no_direction():
    assert enrol(np.array([[1.0, 0.0], [-1.0, 0.0]]), [0, 0]).tolist() == [[0, 0]]


@pytest.mark.parametrize(
    ("labels", "found"),
    [([0, 2], "2 different ones from 0 to 2"), ([1, 1], "1 different ones from 1 to 1"), ([-1, 0], "from -1 to 0")],
)
def test_refuses_labels_with_gaps(labels, found):
    with pytest.raises(ValueError, match=rf"labels must be 0 to identities - 1, each at least once; found.*{found}"):
        enrol(np.eye(2), labels)


def angles(*degrees: float) -> np.ndarray:
    radians = np.deg2rad(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


def test_own_people_are_registered_with_their_training_images():
    # Person 20 at 90 degrees, person 10 at 0 (the mean of -10 and 10). Test images of 30 are a stranger's.
    probes = own_probes(
        angles(90, -10, 10), [20, 10, 10], angles(5, 80, 40), [10, 20, 30], angles(200, 210, 220, 230)
    )  # fmt: skip
    assert probes.gallery == pytest.approx(angles(0, 90))
    assert probes.mated_labels.tolist() == [0, 1]
    assert probes.mated.features == pytest.approx(angles(5, 80).astype(np.float64))
    assert [len(part) for part in probes.non_mated] == [1, 4]
    assert probes.strangers == 5


def test_halves_of_a_test_set_take_turns():
    # Queries have identities 2, 5, 7, 9; of even rank are 2 and 7, of odd rank 5 and 9. 9 has no gallery image, so its
    # query is nobody's mate; 0 is a distractor and isn't registered.
    query, query_ids = angles(1, 2, 3, 4, 5), np.array([9, 7, 2, 5, 2])
    gallery, gallery_ids = angles(70, 20, 40, 0, 50), np.array([7, 2, 2, 0, 5])
    first, second = search_probes(query, query_ids, gallery, gallery_ids)
    assert first.gallery == pytest.approx(angles(30, 70))
    assert (first.mated.ids.tolist(), first.mated_labels.tolist()) == ([7, 2, 2], [1, 0, 0])
    assert [part.ids.tolist() for part in first.non_mated] == [[9, 5]]
    assert second.gallery == pytest.approx(angles(50))
    assert (second.mated.ids.tolist(), second.mated_labels.tolist()) == ([5], [0])
    assert [part.ids.tolist() for part in second.non_mated] == [[9, 7, 2, 2]]


def test_nobody_to_register():
    probes = own_probes(EMPTY, np.zeros(0, int), angles(1, 2), [1, 2], EMPTY)
    assert (len(probes.gallery), len(probes.mated), probes.strangers) == (0, 0, 2)


def test_refuses_features_that_cannot_be_compared():
    with pytest.raises(ValueError, match="features must all have the same number of dimensions, found 2, 2, 3"):
        own_probes(np.eye(2), [0, 1], np.eye(2), [0, 1], np.eye(3))


@pytest.mark.parametrize(
    ("probes", "message"),
    [
        (own_probes(EMPTY, [], np.eye(2), [0, 1], np.eye(2)), "at least one identity in the gallery, found none"),
        (own_probes(np.eye(2), [0, 1], np.eye(2), [8, 9], np.eye(2)), "at least one mated probe, found none"),
        (own_probes(np.eye(2), [0, 1], np.eye(2), [0, 1], EMPTY), "at least one non-mated probe, found none"),
    ],
)  # fmt: skip
def test_refuses_sets_without_probes(probes: ProbeSet, message):
    with pytest.raises(ValueError, match=message):
        identify_embeddings(probes, 0.1)
