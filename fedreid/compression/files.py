"""What a pruning leaves behind: the network, what it kept, figures, and how to use it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from safetensors.torch import save_file
from torch import nn

from fedreid import run_folder
from fedreid.atomic import write_atomically
from fedreid.compression.checkpoint import CHANNELS, FORMAT, PRUNED, Checkpoint
from fedreid.compression.figure import write_channels_figure
from fedreid.compression.measure import markdown_of
from fedreid.compression.options import PruneOptions
from fedreid.data.locations import cache_folder, data_root
from fedreid.errors import UserError
from fedreid.pruning import ChannelMap
from fedreid.pruning.schedules import Step
from fedreid.scenario import Scenario, pinned, to_toml

ONNX, FIGURE, NETWORK = "model.onnx", "channels.png", "network.py"
TABLE, STEPS, README, LATENCY_TABLE = "table", "steps.csv", "README.md", "latency-table.json"


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """OUT, new or empty; emptied again where the pruning doesn't end well, unless the network is in it already.

    Raises:
        UserError: there is something in it, or it can't be made.
    """
    was_there = out.exists()
    if was_there and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} exists and is {'not empty' if out.is_dir() else 'no folder'}. Give another --out.")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"can't write {out}: {error.strerror}. Give another --out.") from error
    try:
        yield out
    except BaseException:
        if not (out / PRUNED).exists():
            shutil.rmtree(out, ignore_errors=True)
            if was_there:
                out.mkdir(exist_ok=True)
        raise


def write_network(
    out: Path, model: nn.Module, channel_map: ChannelMap, checkpoint: Checkpoint, size: Sequence[int]
) -> None:
    """model.safetensors with what network.py needs to know, and the channels that it kept."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    network = {key: getattr(checkpoint.settings, key) for key in ("backbone", "stem", "last_stride")}
    metadata = {"network": json.dumps(network | {"image_size": list(size)})}
    write_atomically(out / run_folder.FINAL, lambda file: save_file(tensors, file, metadata))
    channel_map.save(out / CHANNELS)
    shutil.copyfile(Path(__file__).with_name("plain_network.py"), out / NETWORK)


def write_account(
    out: Path,
    scenario: Scenario,
    checkpoint: Checkpoint,
    options: PruneOptions,
    channel_map: ChannelMap,
    frame: pd.DataFrame,
    steps: Sequence[Step],
    difference: float | None,
) -> None:
    """Settings, tables, the log of the steps, the figure, the README; pruned.json last, as it says that all is there.

    Args:
        difference: of the ONNX file's embeddings; None: there is none.
    """
    settings = asdict(options) | {"limits": dict(options.limits)}
    settings["latency_table"] = options.latency_table and str(options.latency_table)
    content: dict[str, Any] = {
        "format": FORMAT,
        "model": checkpoint.settings.model_dump(mode="json"),
        "image_size": list(scenario.data.image_size),
        "architecture": channel_map.architecture,
        "channels_sha256": channel_map.digest,
        "checkpoint": str(checkpoint.path.absolute()),
        "options": settings,
        "onnx_difference": difference,
    }
    fixed = pinned(scenario, root=data_root(scenario.data), cache=cache_folder(scenario.data))
    (out / run_folder.SCENARIO).write_text(to_toml(fixed), encoding="utf-8")
    frame.to_csv(out / f"{TABLE}.csv", index=False)
    (out / f"{TABLE}.md").write_text(markdown_of(frame), encoding="utf-8")
    steps_frame(steps).to_csv(out / STEPS, index=False)
    write_channels_figure(channel_map, out / FIGURE)
    (out / README).write_text(_readme(channel_map, options, frame, difference), encoding="utf-8")
    text = json.dumps(content, indent=2) + "\n"
    write_atomically(out / PRUNED, lambda file: file.write_text(text, encoding="utf-8"))


def steps_frame(steps: Sequence[Step]) -> pd.DataFrame:
    """The log, a line for each step and group."""
    rows = [row for step in steps for row in step.rows()]
    return pd.DataFrame(rows, columns=None if rows else ["step", "event", "group", "width", "removed"])


def _readme(channel_map: ChannelMap, options: PruneOptions, frame: pd.DataFrame, difference: float | None) -> str:
    how = "nothing removed" if options.schedule == "none" else f"`{options.criterion}`, schedule `{options.schedule}`"
    exported = (
        f"\n`{ONNX}` takes the same normalised images, any number at once. Its unit embeddings differ from torch's "
        f"by at most {difference:.1g}.\n"
        if difference is not None
        else ""
    )
    return README_TEXT.format(
        architecture=channel_map.architecture, how=how, table=markdown_of(frame), exported=exported, figure=FIGURE
    )


README_TEXT = """# A pruned {architecture}

{how}, written by `fedreid prune`. The command's settings are in `pruned.json`, the kept channels, by their numbers in
the whole network, in `channels.json`, each step of pruning in `steps.csv`.

{table}
![Channels kept]({figure})

## Use it

`network.py` needs torch and safetensors, nothing else:

```python
from network import load, normalised

model = load("model.safetensors")
embeddings = model(normalised(images))  # (batch, height, width, 3) uint8, RGB -> (batch, dim); compare by cosine
```
{exported}
To prune or fine-tune it further, give this folder to `fedreid prune`.
"""
