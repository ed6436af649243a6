"""The global model on people nobody trained on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from fedreid import run_folder, wire
from fedreid.atomic import write_atomically
from fedreid.data.generic_test import FaceTest, GenericTest
from fedreid.data.image_set import ImageSet
from fedreid.data.query_scores import write_query_scores
from fedreid.evaluation import Ranking, embed, scores_on
from fedreid.models import build_backbone
from fedreid.models.flat import flattened
from fedreid.models.sharing import STATISTICS, copy_arrays, load_tensors, shared_tensors
from fedreid.pruning import ChannelMap, sub_network
from fedreid.training.calibration import recalibrate_batchnorm
from fedreid.training.device import choose_device, torch_threads
from server.examples import keep_examples
from server.setup import Setup


class GlobalModel:
    """The server's backbone: the shared arrays, and for what clients keep to themselves, the starting model's values.

    When BatchNorm statistics stay with the clients, no client's would suit strangers: they are measured again on the
    public images, if there are any, before each evaluation.

    Args:
        channel_map: of a sub-network, which then is what the arrays are; None: the whole network.
    """

    def __init__(self, setup: Setup, channel_map: ChannelMap | None = None) -> None:
        self.setup = setup
        scenario = setup.scenario
        self.device, self.bf16 = choose_device(scenario.runtime)
        size = scenario.data.image_size
        if channel_map is None:
            backbone = build_backbone(scenario.model, image_size=size, generator=torch.Generator().manual_seed(0))
            backbone.load_state_dict(setup.start)
        else:
            backbone = sub_network(scenario.model, channel_map, image_size=size, state=setup.start)
        self.backbone = backbone.to(self.device)
        shared = shared_tensors(self.backbone, scenario.batchnorm, scenario.method.private_layers)
        if scenario.method.has("public"):
            proxies = load_file(setup.run_dir / run_folder.PUBLIC_PROXIES)["proxies"]
            shared |= {wire.PUBLIC_PROXIES: nn.Parameter(proxies.to(self.device))}
        self.shared = flattened(shared)
        self.start_arrays = copy_arrays(self.shared)

    def evaluate(
        self,
        arrays: Mapping[str, np.ndarray],
        *,
        open_set: bool = False,
        is_measured: bool = True,
        queries: Path | None = None,
    ) -> dict[str, dict[str, float]]:
        """Scores in percent, by generic test set: ranking, and verification and identification if wanted.

        Args:
            is_measured: False: nobody's BatchNorm statistics are right for this network.
            queries: folder to write the scores of each query into, a file for each test set; examples lie beside it.
        """
        with torch_threads(self.setup.scenario.runtime.server_threads):
            self._load(arrays, is_measured=is_measured)
            return {
                name: self._scores(name, test, open_set=open_set, queries=queries)
                for name, test in self.setup.data.generic.items()
            }

    def _scores(
        self, name: str, test: GenericTest | FaceTest, *, open_set: bool, queries: Path | None
    ) -> dict[str, float]:
        if queries is None or not isinstance(test, GenericTest):
            return scores_on(self._embed, test, self.setup.scenario, open_set=open_set)
        rankings: list[Ranking] = []
        features = self._embed(test.images)
        scores = scores_on(lambda _: features, test, self.setup.scenario, open_set=open_set, keep=rankings)
        queries.mkdir(exist_ok=True)
        write_query_scores(queries / f"{name}.csv", test, [ranking.each for ranking in rankings])
        keep_examples(self.setup, queries.parent / run_folder.EXAMPLES, name, test, features, rankings[0].each)
        return scores

    def _embed(self, images: ImageSet, *, is_unit: bool = True) -> np.ndarray:
        size = self.setup.scenario.evaluation.batch_size
        return embed(self.backbone, images, batch_size=size, device=self.device, bf16=self.bf16, is_unit=is_unit)

    def in_one_block(self, arrays: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        """The same arrays, laid out as the clients' are."""
        load_tensors(self.shared, arrays)
        return copy_arrays(self.shared)

    def statistics(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """BatchNorm's running statistics with these weights: measured on the public images, if there are any."""
        with torch_threads(self.setup.scenario.runtime.server_threads):
            self._load(arrays, is_measured=False)
        return {name: array for name, array in copy_arrays(self.shared).items() if name.endswith(STATISTICS)}

    def save(self, arrays: Mapping[str, np.ndarray], path: Path | None = None, *, is_measured: bool = True) -> None:
        """Write the whole backbone for use outside: `model.safetensors`, a ResNet's keys as in torchvision's."""
        with torch_threads(self.setup.scenario.runtime.server_threads):
            self._load(arrays, is_measured=is_measured)
        whole = {name: tensor.detach().cpu().contiguous() for name, tensor in self.backbone.state_dict().items()}
        # Counters of batches would say how often statistics were measured, which a stopped run does more often.
        whole |= {name: self.setup.start[name] for name, tensor in whole.items() if not tensor.is_floating_point()}
        target = path or self.setup.run_dir / run_folder.FINAL
        write_atomically(target, lambda temporary: save_file(whole, temporary))

    def _load(self, arrays: Mapping[str, np.ndarray], *, is_measured: bool = True) -> None:
        load_tensors(self.shared, arrays)
        public = self.setup.data.public
        is_kept = is_measured and self.setup.scenario.batchnorm == "average"
        if not is_kept and public is not None:
            recalibrate_batchnorm(
                self.backbone, public, batch_size=self.setup.scenario.evaluation.batch_size, device=self.device
            )
