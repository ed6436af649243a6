"""A client's models on its own people: ranking at each evaluation, verification and identification when asked.

Verification and identification need people who are not the client's. In a simulation these are other clients' held-out
images, which only evaluation ever sees; a deployed client has the public images (`evaluation.impostors = "public"`).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from clients.client import Client
from clients.strangers import stranger_features
from fedreid import wire
from fedreid.data.federation import ImageSet
from fedreid.evaluation import open_set_options, own_metrics, percent_metrics, rank_own, scores_on
from fedreid.models.branch import Branch


def personalized_metrics(client: Client, *, open_set: bool = False, as_received: bool = False) -> dict[str, float]:
    """The client's own model, as it is now, on held-out images of its own people, or on its dataset's test set.

    Args:
        open_set: verify and identify as well, and score the model without its branch beside it.
        as_received: the model is what the server sent to every client of this evaluation.

    Returns:
        Metrics by name; with a branch and `open_set`, those without the branch under `local_model:<name>` (table 7.3).
    """
    if client.settings.evaluation.personalized == "test_set":
        return _test_set_metrics(client, open_set=open_set)
    own = _features(client, client.workspace.data.held_out(client.index))
    branch = client.branch
    metrics = _ranking(client, _unit(own, branch))
    if open_set:
        training, others = _features(client, client.images), stranger_features(client, as_received=as_received)
        metrics |= _open_set(client, _unit(training, branch), _unit(own, branch), _unit(others, branch))
        if branch is not None:
            plain = _ranking(client, _unit(own))
            plain |= _open_set(client, _unit(training), _unit(own), _unit(others))
            metrics |= {wire.LOCAL_MODEL + name: value for name, value in plain.items()}
    return metrics


def generic_metrics(client: Client) -> dict[str, float]:
    """The client's model as it is now on every generic test set; keys `generic:<metric>:<dataset>`."""
    found: dict[str, float] = {}
    open_set = client.settings.evaluation.open_set != "never"
    for name, test in client.workspace.data.generic.items():
        metrics = scores_on(client.embed, test, client.settings, open_set=open_set)
        found |= {f"generic:{metric}:{name}": value for metric, value in metrics.items()}
    return found


def _test_set_metrics(client: Client, *, open_set: bool) -> dict[str, float]:
    """The client's own model on the query and gallery of its dataset."""
    test, branch = client.workspace.data.test_set(client.index), client.branch
    features = _features(client, test.images)
    metrics = scores_on(lambda _: _unit(features, branch), test, client.settings, open_set=open_set)
    if branch is not None and open_set:
        plain = scores_on(lambda _: _unit(features), test, client.settings, open_set=True)
        metrics |= {wire.LOCAL_MODEL + name: value for name, value in plain.items()}
    return metrics


def _ranking(client: Client, features: np.ndarray) -> dict[str, float]:
    held_out = client.workspace.data.held_out(client.index)
    return percent_metrics(rank_own(features, held_out.identities, held_out.cameras))


def _open_set(client: Client, training: np.ndarray, own: np.ndarray, others: np.ndarray) -> dict[str, float]:
    evaluation = client.settings.evaluation
    return own_metrics(
        training,
        client.images.identities,
        own,
        client.workspace.data.held_out(client.index).identities,
        others,
        fars=evaluation.far,
        fpirs=evaluation.fpir,
        impostors="cross_client" if evaluation.impostors == "cross_client" else "all",
        **open_set_options(client.settings),
    )


def _features(client: Client, images: ImageSet) -> np.ndarray:
    return client.embed(images, is_unit=False)


@torch.inference_mode()
def _unit(features: np.ndarray, branch: Branch | None = None) -> np.ndarray:
    """Embeddings, behind the branch if there is one, at unit length."""
    tensor = torch.from_numpy(features)
    if branch is not None:
        device = branch.classifiers.device
        tensor = torch.cat([branch(part.to(device)).cpu() for part in tensor.split(4096)]) if len(tensor) else tensor
    return nn.functional.normalize(tensor).numpy()
