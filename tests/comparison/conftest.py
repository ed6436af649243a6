"""Experiments from their text, on a base scenario."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fedreid.comparison.experiments import Experiment, load_experiment
from fedreid.errors import UserError

BASE = """
name = "base"
[data.sources.people]
format = "synthetic"
[method]
learning_rate = 0.5
"""
Load = Callable[..., Experiment]
Mistakes = Callable[..., list[str]]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """An experiment from its text, on a base scenario."""

    def read(text: str, *, base: str = BASE, **options: object) -> Experiment:
        (tmp_path / "base.toml").write_text(base)
        path = tmp_path / "e.toml"
        path.write_text(f'base = "base.toml"\n{text}')
        return load_experiment(path, **options)  # type: ignore[arg-type]

    return read


@pytest.fixture
def mistakes(load: Load, tmp_path: Path) -> Mistakes:
    """The lines that are said of an experiment, without the file's name."""

    def said(text: str, **options: object) -> list[str]:
        with pytest.raises(UserError) as caught:
            load(text, **options)
        return [line.removeprefix(f"{tmp_path / 'e.toml'}: ") for line in str(caught.value).split("\n")]

    return said
