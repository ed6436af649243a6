"""Central training, the upper bound (last row of table 7.1): one model on everybody's images, public ones included.

Written as a federation of one, so that rounds, evaluation and reports are those of the methods it is compared with: the
server asks client 0 alone, which in this simulation can open the images of all clients. No federation could do this.
"""

from __future__ import annotations

import numpy as np
from safetensors.torch import load_file
from torch import nn

from clients.client import Client
from clients.training import train
from fedreid import run_folder
from fedreid.data.image_set import Images, JoinedImages
from fedreid.data.pooled import pooled
from fedreid.training import Classification, TrainingStats

PUBLIC_PROXIES = "public_proxies"


def centralised(client: Client) -> TrainingStats:
    """One round: CosFace over all identities, private ones first; `method.epochs` over all images."""
    space, data = client.workspace, client.workspace.data
    everyone = pooled([data.train(index) for index in range(data.num_clients)])
    proxies = [client.proxies(everyone)]
    images: Images = everyone
    if data.public is not None:
        saved = client.state.get(PUBLIC_PROXIES)
        if saved is None:
            saved = load_file(space.run_dir / run_folder.PUBLIC_PROXIES)["proxies"]
        proxies.append(nn.Parameter(saved.to(space.device)))
        images = JoinedImages(everyone, data.public, np.arange(len(data.public)))
    stats = train(client, Classification(client.settings.loss, *proxies), images)
    names = ("proxies", PUBLIC_PROXIES)
    client.state |= {name: rows.detach() for name, rows in zip(names, proxies, strict=False)}
    return stats
