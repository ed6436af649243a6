"""P x K batches: exact sizes, and what happens to left-overs."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedreid.data.sampling import identity_balanced_batches


def batches_of(labels, identities, images, seed=0):
    return identity_balanced_batches(
        np.array(labels), identities=identities, images=images, generator=np.random.default_rng(seed)
    )


@settings(max_examples=80, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=12),
    identities=st.integers(1, 5),
    images=st.integers(1, 5),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_batch_and_every_left_over(sizes, identities, images, seed):
    if len(sizes) < identities:
        return
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(sizes)), sizes))
    found = batches_of(labels, identities, images, seed)
    groups_used, images_used = Counter(), Counter()
    for batch in found:
        assert batch.dtype == np.int64
        people = labels[batch].reshape(identities, images)
        assert (people == people[:, :1]).all()  # side by side
        assert len(set(people[:, 0])) == identities
        groups_used.update(people[:, 0].tolist())
        images_used.update(batch.tolist())
    groups = {person: max(size // images, 1) for person, size in enumerate(sizes)}
    assert all(groups_used[person] <= groups[person] for person in groups)
    assert sum(groups_used[person] < groups[person] for person in groups) < identities  # else one more batch
    assert all(uses == 1 for image, uses in images_used.items() if sizes[labels[image]] >= images)


def test_as_many_people_as_a_batch_needs_all_come_each_time():
    labels = [7] * 5 + [-3] * 7 + [1000] * 4  # 2, 3 and 2 groups of two
    found = batches_of(labels, 3, 2)
    assert len(found) == 2
    for batch in found:
        assert Counter(np.array(labels)[batch].tolist()) == {7: 2, -3: 2, 1000: 2}


def test_equal_people_use_up_all_images():
    found = batches_of(np.arange(24) % 3, 3, 4)
    assert sorted(np.concatenate(found).tolist()) == list(range(24))


def test_few_images_are_drawn_with_replacement():
    labels = np.array([0, 0, 1, 2, 2, 2, 2])
    drawn = set()
    for seed in range(60):
        (batch,) = batches_of(labels, 3, 4, seed)
        images = {person: sorted(batch[labels[batch] == person].tolist()) for person in range(3)}
        assert images[1] == [2, 2, 2, 2]
        assert images[2] == [3, 4, 5, 6]
        assert set(images[0]) <= {0, 1}
        drawn.add(tuple(images[0]))
    assert drawn == {(0, 0, 0, 0), (0, 0, 0, 1), (0, 0, 1, 1), (0, 1, 1, 1), (1, 1, 1, 1)}


def test_an_image_left_out_once_comes_another_time():
    seen = [set(np.concatenate(batches_of([0] * 5 + [1] * 5, 2, 4, seed)).tolist()) for seed in range(40)]
    assert all(len(images) == 8 for images in seen)
    assert set.union(*seen) == set(range(10))


def test_all_people_are_drawn_equally_often():
    firsts = Counter()
    for seed in range(600):
        first = batches_of(np.repeat(np.arange(6), 4), 2, 2, seed)[0]
        firsts.update((first[::2] // 4).tolist())
    assert [firsts[person] for person in range(6)] == pytest.approx([200] * 6, rel=0.2)


def test_the_same_generator_gives_the_same_batches():
    labels = np.random.default_rng(0).integers(0, 9, 100)
    first, again, other = (np.stack(batches_of(labels, 4, 3, seed)) for seed in (1, 1, 2))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()


def test_an_epoch_differs_from_the_next():
    labels, generator = np.repeat(np.arange(8), 6), np.random.default_rng(0)
    epochs = [identity_balanced_batches(labels, identities=4, images=2, generator=generator) for _ in range(2)]
    assert np.stack(epochs[0]).tolist() != np.stack(epochs[1]).tolist()


def test_says_what_is_wrong():
    with pytest.raises(ValueError, match="batches of 4 identities need as many in the data, found 3"):
        batches_of([0, 1, 2, 2, 2], 4, 2)
    with pytest.raises(ValueError, match=r"at least one, found \(0,\) int64"):
        batches_of(np.zeros(0, dtype=np.int64), 1, 1)
    with pytest.raises(ValueError, match=r"found \(2, 2\) int64"):
        batches_of([[0, 1], [0, 1]], 2, 1)
    with pytest.raises(ValueError, match=r"found \(2,\) float64"):
        batches_of([0.0, 1.0], 2, 1)
    with pytest.raises(ValueError, match="identities of a batch must be at least 1, found 0"):
        batches_of([0, 1], 0, 1)
    with pytest.raises(ValueError, match="images of a batch must be at least 1, found 0"):
        batches_of([0, 1], 2, 0)
