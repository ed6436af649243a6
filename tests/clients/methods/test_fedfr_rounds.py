"""FedFR on real clients: which images it takes, what of it leaves, what stays, and where it follows published code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from clients.client import Client
from clients.methods.fedfr import balanced_and_public, fedfr, joined_images, whole_batches
from clients.workspace import workspace
from fedreid import wire
from fedreid.data.image_set import JoinedImages
from fedreid.errors import UserError
from fedreid.scenario.method_schema import BranchSettings
from fedreid.scenario.schema import SamplingSettings
from tests.clients.methods.rounds import (
    DIM,
    IDENTITIES,
    IMAGES,
    PUBLIC,
    arrays_of,
    evaluated,
    kept_by,
    start_of,
    train,
)
from tests.clients.methods.toy import toy_client, toy_workspace
from tests.training.made_up import made_up_images

NewRun = Callable[..., Path]
PUBLIC_IMAGES = 24


def test_without_parts_it_is_fedavg_bit_for_bit(new_run: NewRun) -> None:
    runs = new_run("method.name=fedfr", "method.parts=[]", name="none"), new_run(name="fedavg")
    first, second = (arrays_of(train(run_dir, start_of(run_dir))) for run_dir in runs)
    assert first.keys() == second.keys()
    assert all((first[name] == second[name]).all() for name in first)


def test_public_proxies_are_trained_and_sent(new_run: NewRun) -> None:
    run_dir = new_run("method.name=fedfr")
    start = start_of(run_dir)
    sent = arrays_of(train(run_dir, start))
    assert sent[wire.PUBLIC_PROXIES].shape == (PUBLIC, DIM)
    assert (sent[wire.PUBLIC_PROXIES] != start[wire.PUBLIC_PROXIES]).any(axis=1).all(), "even of people not sampled"


@pytest.mark.parametrize("is_frozen", [False, True])
def test_received_public_proxies_count_unless_the_published_code_is_followed(is_frozen: bool, new_run: NewRun) -> None:
    run_dir = new_run("method.name=fedfr", f"faithful.freeze_public_proxies={str(is_frozen).lower()}")
    start = start_of(run_dir)
    space = workspace(str(run_dir))
    space.receive(start | {wire.PUBLIC_PROXIES: -start[wire.PUBLIC_PROXIES]}, {})
    found = Client(0, 1, space, space.model, start).public_proxies.detach().numpy()
    np.testing.assert_array_equal(found, (1 if is_frozen else -1) * start[wire.PUBLIC_PROXIES])


def test_hard_negatives_are_chosen_anew_with_each_rounds_received_model(new_run: NewRun) -> None:
    """By brute force: strictly above the threshold for any of the client's images."""
    run_dir = new_run("method.name=fedfr", "method.hard_negatives.threshold=0.975")
    chosen = []
    for server_round in (1, 2):
        space, start = workspace(str(run_dir)), start_of(run_dir)
        shape = start["embedding.weight"].shape
        start["embedding.weight"] = np.random.default_rng(server_round).standard_normal(shape).astype(np.float32)
        client = Client(0, server_round, space, space.receive(start, {}), start)
        private, public = client.embed(client.images), client.embed(space.public)
        expected = [j for j, other in enumerate(public) if max(float(own @ other) for own in private) > 0.975]
        joined = joined_images(client)
        positions = [joined.labels[IMAGES:].tolist(), (IDENTITIES + space.public.labels[expected]).tolist()]
        assert positions[0] == positions[1]
        np.testing.assert_array_equal(
            joined.batch(np.arange(IMAGES, len(joined))), space.public.batch(np.array(expected, np.int64))
        )
        chosen.append(expected)
        kept, people, share = (client.reported[name] for name in wire.HARD_NEGATIVES)
        assert (kept, people) == (len(expected), len({int(space.public.labels[j]) for j in expected}))
        assert share == pytest.approx(100 * len(expected) / PUBLIC_IMAGES)
    assert chosen[0] != chosen[1]
    assert all(0 < len(each) < PUBLIC_IMAGES for each in chosen)


def test_without_hard_negatives_the_client_trains_on_its_own_images(new_run: NewRun) -> None:
    """A threshold of 1: nobody is that similar. All public proxies stay in the softmax."""
    run_dir = new_run("method.name=fedfr", "method.hard_negatives.threshold=1.0")
    start = start_of(run_dir)
    metrics = wire.metrics_of(train(run_dir, start))
    assert [metrics[name] for name in wire.HARD_NEGATIVES] == [0, 0, 0]
    assert metrics["images"] == IMAGES
    space = workspace(str(run_dir))
    assert space.shared[wire.PUBLIC_PROXIES].detach().numpy().shape == (PUBLIC, DIM)
    assert (space.shared[wire.PUBLIC_PROXIES].detach().numpy() != start[wire.PUBLIC_PROXIES]).any()


def test_without_sampling_all_public_images_take_part(new_run: NewRun) -> None:
    run_dir = new_run("method.name=fedfr", 'method.parts=["public"]')
    metrics = wire.metrics_of(train(run_dir, start_of(run_dir)))
    assert metrics["images"] == IMAGES + PUBLIC_IMAGES
    assert [metrics[name] for name in wire.HARD_NEGATIVES] == [PUBLIC_IMAGES, PUBLIC, 100]


@pytest.mark.parametrize("includes", [False, True])
def test_clients_weigh_by_their_own_images(includes: bool, new_run: NewRun) -> None:
    """Hard negatives count as well only where the published code is followed."""
    run_dir = new_run(
        "method.name=fedfr", "method.hard_negatives.threshold=-1.0",
        f"faithful.weights_include_hard_negatives={str(includes).lower()}",
    )  # fmt: skip
    metrics = wire.metrics_of(train(run_dir, start_of(run_dir)))
    assert metrics[wire.NUM_EXAMPLES] == IMAGES
    assert metrics.get(wire.WEIGHT, metrics[wire.NUM_EXAMPLES]) == (IMAGES + PUBLIC_IMAGES if includes else IMAGES)


def test_frozen_models_of_a_round_are_the_received_and_the_previous_one(new_run: NewRun) -> None:
    run_dir = new_run("method.name=fedfr")
    start = start_of(run_dir)
    train(run_dir, start)
    kept = kept_by(run_dir, 0, 1)
    second = {name: 0.9 * array for name, array in start.items()}
    train(run_dir, second, server_round=2)
    space = workspace(str(run_dir))
    previous = {key[9:]: kept[key].numpy() for key in kept if key.startswith("previous.")}
    for name, expected in (("global", second), ("previous", previous)):
        model = space.frozen(name)
        assert not model.training
        held = model.state_dict()
        shared = [key for key in expected if key in held]
        assert len(shared) > 10
        assert all((held[key].numpy() == expected[key]).all() for key in shared), name
        assert all(parameter.grad is None and not parameter.requires_grad for parameter in model.parameters())


def test_an_untrained_branch_scores_as_the_model_without_it(new_run: NewRun) -> None:
    """Pi = identity leaves every cosine as it was."""
    run_dir = new_run(
        "method.name=fedfr", "method.branch.weight=0.0", "method.weight_decay=0.0", "evaluation.far=[0.1]",
        "evaluation.fpir=[0.2]",
    )  # fmt: skip
    metrics = evaluated(run_dir, start_of(run_dir))
    prefix = "local_model:"
    plain = {name.removeprefix(prefix): value for name, value in metrics.items() if name.startswith(prefix)}
    assert {"mAP", "rank1"} < plain.keys()
    assert sum(name.startswith(wire.OPEN_SET_PREFIXES) for name in plain) == 2
    assert plain == {name: metrics[name] for name in plain}


def test_the_branch_lasts_from_round_to_round(new_run: NewRun) -> None:
    """It starts at the identity and at the class proxies, and goes on where it was."""
    run_dir = new_run("method.name=fedfr", "method.learning_rate=1e-12")
    start = start_of(run_dir)
    train(run_dir, start)
    kept = kept_by(run_dir, 0, 1)
    torch.testing.assert_close(kept["branch.transformation.weight"], torch.eye(DIM))
    torch.testing.assert_close(kept["branch.classifiers"], kept["proxies"])
    assert kept["branch.biases"].tolist() == pytest.approx([0] * IDENTITIES, abs=1e-9)
    changed = {name: tensor + 1 if name.startswith("branch.") else tensor for name, tensor in kept.items()}
    space = workspace(str(run_dir))
    client = Client(0, 2, space, space.receive(start, changed), start, changed)
    fedfr(client)
    assert client.branch is not None
    torch.testing.assert_close(client.branch.transformation.weight.detach(), torch.eye(DIM) + 1)
    torch.testing.assert_close(client.state["branch.classifiers"], kept["branch.classifiers"] + 1)


def test_balanced_biases(new_run: NewRun) -> None:
    """Each of 3 branches has 12 / 3 = 4 positives among 12 + 24 images; A7's equation holds at zero cosines."""
    run_dir = new_run(
        "method.name=fedfr", "method.hard_negatives.threshold=-1.0", "method.branch.bias=balanced",
        "method.learning_rate=1e-12",
    )  # fmt: skip
    train(run_dir, start_of(run_dir))
    bias = kept_by(run_dir, 0, 1)["branch.biases"].double()
    assert bias.min() == bias.max()
    settings = BranchSettings()
    middle = 2 * 0.5**settings.exponent - 1
    pulls = settings.balance * 4 * torch.sigmoid(-(settings.scale * (middle - settings.margin) + bias))
    pushes = (1 - settings.balance) * 32 * torch.sigmoid(settings.scale * (middle + settings.margin) + bias)
    torch.testing.assert_close(pulls, pushes, rtol=1e-4, atol=0)


@pytest.mark.parametrize("bias", ["zeros", "balanced"])
@pytest.mark.parametrize("threshold", [-1.0, 1.0])
def test_a_client_with_a_single_identity(bias: str, threshold: float, new_run: NewRun) -> None:
    """Public people are all there is to tell it from, in the softmax; in the branch only if an image is chosen."""
    run_dir = new_run("method.name=fedfr", f"method.hard_negatives.threshold={threshold}", f"method.branch.bias={bias}")
    space, start = workspace(str(run_dir)), start_of(run_dir)
    client = Client(0, 1, space, space.receive(start, {}), start)
    client.images = client.images.subset(np.flatnonzero(client.images.labels == 0))
    stats = fedfr(client)
    assert np.isfinite(stats.loss)
    assert client.state["proxies"].shape == client.state["branch.classifiers"].shape == (1, DIM)
    assert client.state["branch.biases"].isfinite().all()
    has_strangers = threshold < 0
    assert (abs(client.state["branch.biases"].item()) > 1) is (bias == "balanced" and has_strangers)


@pytest.mark.parametrize(("images", "lengths"), [(10, [4, 4]), (8, [4, 4]), (9, [4, 4]), (3, [3]), (4, [4]), (1, [1])])
def test_the_published_codes_batches_are_whole(images: int, lengths: list[int]) -> None:
    batches = whole_batches(images, 4, np.random.default_rng(0))
    assert [len(batch) for batch in batches] == lengths
    assert len(np.unique(np.concatenate(batches))) == sum(lengths)


@pytest.mark.parametrize(("drops", "steps", "images"), [(True, 4, 32), (False, 5, 36)])
def test_the_last_batch_of_mixed_images_is_left_out_on_request(
    drops: bool, steps: int, images: int, new_run: NewRun
) -> None:
    """12 + 24 images in batches of 8."""
    run_dir = new_run(
        "method.name=fedfr", "method.hard_negatives.threshold=-1.0", f"faithful.drop_last={str(drops).lower()}"
    )
    metrics = wire.metrics_of(train(run_dir, start_of(run_dir)))
    assert (metrics["steps"], metrics["images"]) == (steps, images)


def test_local_batchnorm_makes_the_public_features_the_clients_own(new_run: NewRun) -> None:
    """Another client's statistics give other features, so they must not be shared."""
    run_dir = new_run("method.name=fedfr", "federation.batchnorm=local")
    start = start_of(run_dir)
    space = workspace(str(run_dir))
    client = Client(0, 1, space, space.receive(start, {}), start)
    first = client.public_features()
    own = {"bn1.running_mean": torch.full_like(space.start["bn1.running_mean"], 0.5)}
    other = Client(1, 1, space, space.receive(start, own), start).public_features()
    assert np.abs(first[0] - other[0]).max() > 1e-3
    assert not (run_dir / "checkpoints" / "public_features").exists()


def test_two_of_the_parts_need_no_public_images() -> None:
    space = toy_workspace(name="fedfr", parts=["contrastive", "branch"])
    first = toy_client(space)
    fedfr(first)
    second = toy_client(space, first.state, server_round=2)
    fedfr(second)
    assert {"proxies", "branch.biases", "previous.body.weight"} <= second.state.keys()
    assert not torch.equal(second.state["branch.classifiers"], first.state["branch.classifiers"])


def test_public_images_that_are_not_there_are_asked_for() -> None:
    with pytest.raises(UserError, match="the method fedfr needs public images, and this run has none"):
        toy_workspace(name="fedfr")


def test_balanced_batches_are_of_the_clients_own_people_with_public_images_spread_over_them():
    own, public = made_up_images(identities=4, each=6), made_up_images(identities=3, each=5, seed=1)
    joined, settings = JoinedImages(own, public, np.arange(15)), SamplingSettings(identities=2, images=3)
    batches = balanced_and_public(joined, settings, 32, np.random.default_rng(0))
    chosen = [batch[batch < 24] for batch in batches]
    assert all(len(rows) == 6 for rows in chosen)
    assert all(len(np.unique(joined.labels[rows])) == 2 for rows in chosen)
    strangers = np.concatenate([batch[batch >= 24] for batch in batches])
    assert sorted(strangers) == list(range(24, 39)), "each public image once"
    sizes = [len(batch) for batch in batches]
    assert max(sizes) - min(sizes) <= 1


def test_public_images_that_do_not_fit_make_batches_of_their_own():
    own, public = made_up_images(identities=4, each=6), made_up_images(identities=3, each=5, seed=1)
    joined, settings = JoinedImages(own, public, np.arange(15)), SamplingSettings(identities=2, images=3)
    batches = balanced_and_public(joined, settings, 8, np.random.default_rng(0))
    mixed = [batch for batch in batches if (batch < 24).any()]
    assert all(len(batch) == 8 for batch in mixed), "6 of its own and 2 others"
    rest = [batch for batch in batches if (batch >= 24).all()]
    assert sum(map(len, rest)) == 15 - 2 * len(mixed)
    assert sorted(np.concatenate([batch[batch >= 24] for batch in batches])) == list(range(24, 39))
