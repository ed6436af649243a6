"""Whom a client's people are compared with."""

from __future__ import annotations

import numpy as np

from clients.evaluation import strangers_in
from tests.training.made_up import made_up_images


def test_people_whom_a_client_knows_are_no_strangers_to_it():
    images = made_up_images(identities=4, each=3)
    people = np.unique(images.identities)
    left = strangers_in(images, people[:1])
    assert set(left.identities) == set(people[1:])
    assert len(left) == 9
    assert np.array_equal(left.batch(np.arange(9)), images.batch(np.flatnonzero(images.identities != people[0])))
    assert strangers_in(images, people[:0]) is images
    assert len(strangers_in(images, people)) == 0
