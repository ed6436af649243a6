"""Write the tables of channel groups, for every backbone: python -m fedreid.pruning.derive

Needs the extra `pruning`: torch-pruning (Fang et al., DepGraph: Towards any structural pruning, CVPR 2023) finds the
groups by following the gradient's graph. Run it after a change of an architecture; the result is committed.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from fedreid.models import build_backbone
from fedreid.pruning.groups import COUNTED, TABLES
from fedreid.scenario.schema import ModelSettings

logger = logging.getLogger(__name__)

BACKBONES = ("resnet10", "resnet18", "resnet34", "resnet50", "spherenet20", "spherenet64")
WIDTH, IMAGE_SIZE = 0.125, (32, 32)  # which layers belong together depends on neither
STAGE_OUTPUT = re.compile(r"(layer\d+)\.\d+\.conv(\d)$|(stage\d+)\.conv$")
FORMAT = 1


def derived_table(backbone: str) -> dict[str, Any]:
    """The table of one backbone.

    Raises:
        ImportError: without torch-pruning.
    """
    import torch_pruning

    settings = ModelSettings.model_validate({"backbone": backbone, "width": WIDTH, "embedding_dim": 8})
    model = build_backbone(settings, image_size=IMAGE_SIZE)
    graph = torch_pruning.DependencyGraph().build_dependency(model, example_inputs=torch.zeros(2, 3, *IMAGE_SIZE))
    names = {module: name for name, module in model.named_modules()}
    found = graph.get_all_groups(ignored_layers=[model.embedding], root_module_types=[nn.Conv2d])
    entries = [_entry(graph, group, names) for group in found]
    order = list(names.values())
    entries.sort(key=lambda entry: order.index(entry["producers"][0]))
    groups = [{"name": _name(entry["producers"], backbone), **entry} for entry in entries]
    frozen = [entry["name"] for entry in groups if "embedding" in entry["consumers"]]
    return {"format": FORMAT, "architecture": backbone, "frozen": frozen, "groups": groups}


def _entry(graph: Any, group: Any, names: Mapping[nn.Module, str]) -> dict[str, list[str]]:
    """The layers of a group by their role in it, each in the network's order."""
    roles: dict[str, set[str]] = {"producers": set(), "batchnorms": set(), "slopes": set(), "consumers": set()}
    for dependency, _ in group:
        module = dependency.target.module
        if isinstance(module, COUNTED):
            roles[_role(module, graph.is_out_channel_pruning_fn(dependency.handler))].add(names[module])
    return {role: [name for name in names.values() if name in own] for role, own in roles.items() if own}


def _role(module: nn.Module, is_output: bool) -> str:
    if not is_output:
        return "consumers"
    if isinstance(module, nn.BatchNorm2d):
        return "batchnorms"
    return "slopes" if isinstance(module, nn.PReLU) else "producers"


def _name(producers: list[str], backbone: str) -> str:
    """Of a stage's output the stage; otherwise the first producer, which the first layer of a ResNet isn't called."""
    last_convolution = "3" if backbone == "resnet50" else "2"
    for producer in producers:
        match = STAGE_OUTPUT.match(producer)
        if match and match[2] in (None, last_convolution):
            return match[1] or match[3]
    return "stem" if producers == ["conv1"] else producers[0]


def main(folder: Path = TABLES) -> None:
    """Write all tables."""
    for backbone in BACKBONES:
        path = folder / f"{backbone}.json"
        path.write_text(json.dumps(derived_table(backbone), indent=1) + "\n")
        logger.info("%s", path)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
