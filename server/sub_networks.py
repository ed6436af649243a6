"""Clients with parts of the network: slices on their way out, the mean over coverage on their way back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Message, RecordDict

from fedreid import wire
from fedreid.errors import RunError
from fedreid.models.flat import FlatTensors, Layout
from fedreid.models.sharing import STATISTICS
from fedreid.pruning import TensorMap, groups_of, tensor_map
from fedreid.pruning.aggregation import CoverageMean
from fedreid.pruning.places import WHOLE, slice_arrays
from fedreid.pruning.slicing import scatter
from fedreid.pruning.tiers import FOLDER, Tier, Tiers
from server.evaluation import GlobalModel
from server.setup import Setup

logger = logging.getLogger(__name__)

Contents = Callable[[int], RecordDict]
STATE = "tier_statistics/"  # in front of the names of arrays in a checkpoint


class SubNetworks:
    """The tiers at work. `FedAvg` asks it for what each client is sent, and for the mean of what comes back.

    Each tier has running statistics of its own (`pruning.batchnorm = "tier"`): those of a narrow network are wrong for
    a wide one, whose layers read more channels.

    Args:
        model: the whole network.
    """

    def __init__(self, setup: Setup, tiers: Tiers, model: GlobalModel) -> None:
        self.setup, self.tiers, self.model = setup, tiers, model
        self.settings = setup.scenario.pruning
        self.groups = groups_of(model.backbone, frozen=())
        self.statistics: dict[str, dict[str, np.ndarray]] = {}  # by tier
        self._models: dict[int, GlobalModel] = {}
        self._layouts: dict[int, Layout] = {}
        self._mean: CoverageMean | None = None
        self._sent: tuple[int, Mapping[str, np.ndarray]] = (0, {})

    @property
    def has_own_statistics(self) -> bool:
        """Whether each tier keeps running statistics, which travel with its slices."""
        is_kept = self.settings.batchnorm == "tier" and self.setup.scenario.batchnorm == "average"
        return is_kept and self.setup.scenario.model.has_batchnorm

    @property
    def covered(self) -> dict[str, np.ndarray]:
        """By array, the places that some client of the last round had, in shapes that spread to the arrays'."""
        assert self._mean is not None, "no round was aggregated"
        return {name: coverage.is_covered for name, coverage in self._mean.coverage.items()}

    def start(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Measure each tier's statistics on the public images, before the first round: channels were just removed."""
        for place, tier in enumerate(self.tiers.tiers):
            if self.has_own_statistics:
                sliced = slice_arrays(arrays, self.tensors(place, 0), self.layout(place))
                self._measure(place, tier, sliced)

    def replace(self, tiers: Tiers, arrays: Mapping[str, np.ndarray]) -> None:
        """Go on with other maps of the same tiers. Statistics are measured on the public images; without any, channels
        that a tier had before keep theirs.

        Args:
            arrays: the global model, which they were made from.
        """
        before, self.tiers = self.tiers, tiers
        self._models.clear()
        self._layouts.clear()
        for place, tier in enumerate(tiers.tiers):
            if not self.has_own_statistics:
                continue
            old = tensor_map(self.groups, before.tiers[place].channel_map)
            known = {name: array.copy() for name, array in arrays.items() if name.endswith(STATISTICS)}
            for name, values in self.statistics.get(tier.name, {}).items():
                scatter(known[name], values, *old.get(name, WHOLE), key=name)
            sliced = slice_arrays({**arrays, **known}, self.tensors(place, 0), self.layout(place))
            self._measure(place, tier, sliced)

    def _measure(self, place: int, tier: Tier, sliced: Mapping[str, np.ndarray]) -> None:
        own = {name: array for name, array in sliced.items() if name.endswith(STATISTICS)}
        self.statistics[tier.name] = own if tier.is_whole else self.network(place).statistics(sliced)
        self._forget(place)

    def contents(self, server_round: int, arrays: ArrayRecord, config: ConfigRecord) -> Contents:
        """(client) -> what it is sent: one content for all clients of a tier, so that it crosses to a worker once."""
        known: dict[int, RecordDict] = {}
        self._sent = (server_round, wire.to_arrays(arrays))

        def content(client: int) -> RecordDict:
            place = self.tiers.of_client[client]
            if place not in known:
                if self.tiers.tiers[place].name.endswith(f"-client-{client:03d}"):
                    known.clear()  # nobody else asks for it
                digest = self.tiers.map_in(place, server_round).digest
                own = ConfigRecord({**config, wire.TIER: place, wire.MAP: digest})
                record = wire.to_record(self.slice(place, server_round, wire.to_arrays(arrays)))
                known[place] = RecordDict({wire.ARRAYS: record, wire.CONFIG: own})
            return known[place]

        return content

    def slice(self, place: int, server_round: int, arrays: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        """A tier's arrays, with its own statistics where it has some."""
        sliced = slice_arrays(arrays, self.tensors(place, server_round), self.layout(place))
        for name, values in self.statistics.get(self.tiers.tiers[place].name, {}).items():
            sliced[name][...] = values
        return sliced

    def new_mean(self) -> CoverageMean:
        """For the replies to the last messages."""
        server_round, arrays = self._sent
        maps = {tier.name: self.tensors(place, server_round) for place, tier in enumerate(self.tiers.tiers)}
        self._mean = CoverageMean(arrays, maps, pools_statistics=self.has_own_statistics)
        return self._mean

    def fold(self, mean: CoverageMean, answer: Message, client: int, weight: float) -> None:
        """Add one reply.

        Raises:
            RunError: it isn't of the map and round that the client was sent.
        """
        place, server_round = self.tiers.of_client[client], self._sent[0]
        expected = {
            wire.TIER: place,
            wire.MAP: self.tiers.map_in(place, server_round).digest,
            wire.ROUND: server_round,
        }
        if (found := wire.sub_network_of(answer)) != expected:
            raise RunError(
                f"client {client} sent an update that belongs to {found or 'no map'}, expected {expected}: it is "
                "stale, or another federation's, and is refused."
            )
        tier = self.tiers.tiers[place]
        mean.add(wire.arrays_of(answer), self._weight(tier, weight), tier.name)

    def finished(self, mean: CoverageMean) -> Mapping[str, np.ndarray]:
        """The whole network after a round; tiers' statistics are noted."""
        arrays = mean.mean()
        self.statistics |= {tier: own for tier, own in mean.tier_statistics.items() if own}
        whole = next((tier for tier in self.tiers.tiers if tier.is_whole), None)
        for name, values in self.statistics.get(whole.name, {}).items() if whole else ():
            arrays[name][...] = values
        self._log(mean)
        return arrays

    def state(self) -> dict[str, np.ndarray]:
        """What goes on to the next round, for the checkpoint."""
        return {f"{STATE}{tier}/{name}": array for tier, own in self.statistics.items() for name, array in own.items()}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take the state back; arrays of other names are the strategy's."""
        for key, array in arrays.items():
            if key.startswith(STATE):
                tier, _, name = key.removeprefix(STATE).partition("/")
                self.statistics.setdefault(tier, {})[name] = array

    def evaluate(
        self, server_round: int, arrays: Mapping[str, np.ndarray], *, open_set: bool = False
    ) -> dict[str, dict[str, float]]:
        """Scores of each tier's slice by generic test set, as `tier-0.5/mAP`; the whole network is scored anyway, and
        maps of single clients are scored by them."""
        found: dict[str, dict[str, float]] = {}
        for place, tier in enumerate(self.tiers.tiers):
            if tier.is_whole or self.settings.scores == "local":
                continue
            sliced = self.slice(place, server_round, arrays)
            scores = self.network(place).evaluate(sliced, open_set=open_set, is_measured=self.is_measured(place))
            for dataset, metrics in scores.items():
                found.setdefault(dataset, {}).update({f"tier-{tier.name}/{key}": v for key, v in metrics.items()})
        return found

    def is_measured(self, place: int) -> bool:
        """Whether some client's training measured the statistics that a tier's slice has."""
        if self.settings.batchnorm == "recalibrate":
            return False
        participants = self.setup.scenario.federation.participants or range(len(self.tiers.of_client))
        return not set(participants).isdisjoint(self.tiers.clients(place))

    @property
    def is_whole_measured(self) -> bool:
        """The same of the whole network."""
        if self.tiers.come_last:  # it is what everybody trained
            return True
        whole = [place for place, tier in enumerate(self.tiers.tiers) if tier.is_whole]
        if whole:
            return self.is_measured(whole[0])
        return False

    def save(self, server_round: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Write each tier's network: RUN/tiers/tier-0.5.safetensors, which its map's widths fit."""
        for place, tier in enumerate(self.tiers.tiers):
            path = self.setup.run_dir / FOLDER / f"tier-{tier.name}.safetensors"
            network, own = self.network(place), self.slice(place, server_round, arrays)
            network.save(own, path, is_measured=self.is_measured(place))
            self._forget(place)

    def network(self, place: int) -> GlobalModel:
        """A tier's network on the server."""
        if place not in self._models:
            self._models[place] = GlobalModel(self.setup, self.tiers.tiers[place].channel_map)
        return self._models[place]

    def layout(self, place: int) -> Layout:
        """Where each tensor of a tier lies in its block of memory, the same as its clients have it."""
        if place not in self._layouts:
            shared = self.network(place).shared
            if not isinstance(shared, FlatTensors):
                raise RunError("the network's shared tensors are of several types: they can't be sliced.")
            self._layouts[place] = shared.layout
            self._forget(place)
        return self._layouts[place]

    def tensors(self, place: int, server_round: int) -> TensorMap:
        """Which rows and columns of each tensor a tier has in a round."""
        return tensor_map(self.groups, self.tiers.map_in(place, server_round))

    def _forget(self, place: int) -> None:
        """With a map for each client, networks mustn't stay in memory."""
        if self.settings.scores == "local":
            self._models.pop(place, None)

    def _weight(self, tier: Tier, samples: float) -> float:
        if self.settings.aggregation_weight == "uniform":
            return 1.0
        if self.settings.aggregation_weight == "width":
            whole = sum(parameter.numel() for parameter in self.model.backbone.parameters())
            return samples * tier.amounts["params"] / whole
        return samples

    def _log(self, mean: CoverageMean) -> None:
        partly = {name: coverage for name, coverage in mean.coverage.items() if coverage.share < 1}
        logger.info("round %d: %d of %d arrays averaged in part", self._sent[0], len(partly), len(mean.coverage))
        for name, coverage in partly.items():
            logger.debug(
                "round %d: %s: %.4f covered, least weight %g",
                self._sent[0], name, coverage.share, coverage.least_weight,
            )  # fmt: skip


def open_sub_networks(setup: Setup, model: GlobalModel, server_round: int | None = None) -> SubNetworks | None:
    """Those of a prepared run; None where it has no tiers, or everybody has the whole network.

    Args:
        server_round: in which they were in force; None: the newest.
    """
    tiers = Tiers.load(setup.run_dir, server_round) if setup.scenario.pruning.is_on else None
    return None if tiers is None or tiers.is_trivial else SubNetworks(setup, tiers, model)
