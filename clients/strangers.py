"""Features of people who are not a client's: whom its own people are verified and identified against.

In a simulation these are other clients' held-out images, which only evaluation ever sees; a deployed client has the
public images (`evaluation.impostors = "public"`).

A client's own model has to look at all of them itself. A model that all clients have alike, because they just received
it and keep nothing of it to themselves, looks at them once, for all clients and workers.
"""

from __future__ import annotations

import numpy as np

from clients import shared_features
from clients.client import Client
from clients.shared_features import EVALUATION, SharedFeatures, row_parts
from fedreid.data.image_set import ImageSet


def stranger_features(client: Client, *, as_received: bool = False) -> np.ndarray:
    """(n, dim) float32 features, of any length, under the client's model as it is now.

    Args:
        as_received: the model is what the server sent to every client of this evaluation.
    """
    is_shared = as_received and is_everybodys(client)
    if client.settings.evaluation.impostors == "public":
        return _public(client, is_shared)
    known, held_out = client.images.identities, client.workspace.held_out
    if is_shared:
        return _chosen_from_everybody(client, known, held_out)
    sets = [strangers_in(images, known) for other, images in enumerate(held_out) if other != client.index]
    return _joined(client, [_embed(client, images) for images in sets if len(images)])


def is_everybodys(client: Client) -> bool:
    """A model as received is the same for all clients of a tier, unless layers or BatchNorm of theirs are in it."""
    return not client.workspace.private


def strangers_in(images: ImageSet, known: np.ndarray) -> ImageSet:
    """Images of people whom a client doesn't know: clients that are cameras see the same ones."""
    is_stranger = ~np.isin(images.identities, known)
    return images if is_stranger.all() else images.subset(np.flatnonzero(is_stranger))


def groups(sizes: list[int]) -> list[list[int]]:
    """Consecutive clients who have enough images together to be worth a part; those without images are left out.

    Args:
        sizes: images of each client.
    """
    found: list[list[int]] = []
    images = 0
    for client, size in enumerate(sizes):
        if not size:
            continue
        if not found or images >= shared_features.PART_IMAGES:
            found.append([])
            images = 0
        found[-1].append(client)
        images += size
    return found


def _public(client: Client, is_shared: bool) -> np.ndarray:
    public = client.workspace.public
    if not is_shared:
        return _embed(client, public)
    pieces = row_parts(len(public), client.settings.evaluation.batch_size)
    shared = SharedFeatures(
        client.workspace.run_dir,
        client.round,
        EVALUATION + client.workspace.kind,
        pieces,
        lambda rows: _embed(client, public.subset(rows)),
    )
    return np.concatenate(shared.parts())


def _chosen_from_everybody(client: Client, known: np.ndarray, held_out: list[ImageSet]) -> np.ndarray:
    """Each client's images are a batch of their own here as well, so that nobody's last digits depend on who asks."""
    pieces = groups([len(images) for images in held_out])
    shared = SharedFeatures(
        client.workspace.run_dir,
        client.round,
        EVALUATION + client.workspace.kind,
        pieces,
        lambda group: np.concatenate([_embed(client, held_out[other]) for other in group]),
    )
    chosen = []
    for group, features in zip(pieces, shared.parts(), strict=True):
        is_other = np.concatenate([np.full(len(held_out[other]), other != client.index) for other in group])
        identities = np.concatenate([held_out[other].identities for other in group])
        chosen.append(features[is_other & ~np.isin(identities, known)])
    return _joined(client, chosen)


def _joined(client: Client, parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if parts else np.zeros((0, client.settings.model.embedding_dim), np.float32)


def _embed(client: Client, images: ImageSet) -> np.ndarray:
    return client.embed(images, is_unit=False)
