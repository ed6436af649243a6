"""Processes that train get jemalloc where there is one, and never in place of what the user preloads."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from fedreid.simulation.allocator import jemalloc, with_jemalloc

is_there = pytest.mark.skipif(jemalloc() is None, reason="Ray brings jemalloc along on Linux alone")


@is_there
def test_a_process_that_is_started_so_has_jemalloc_and_the_rest_of_the_environment() -> None:
    environment = with_jemalloc({name: value for name, value in os.environ.items() if name != "LD_PRELOAD"})
    maps = [sys.executable, "-c", "print(open('/proc/self/maps').read())"]
    assert "libjemalloc" in subprocess.run(maps, env=environment, check=True, capture_output=True, text=True).stdout
    assert environment["PATH"] == os.environ["PATH"]


@is_there
def test_freed_memory_is_kept_unless_the_user_says_otherwise() -> None:
    assert with_jemalloc({})["MALLOC_CONF"] == "dirty_decay_ms:-1"
    assert with_jemalloc({"MALLOC_CONF": "dirty_decay_ms:100"})["MALLOC_CONF"] == "dirty_decay_ms:100"


@pytest.mark.parametrize("own", ["/lib/tcmalloc.so", ""])
def test_what_the_user_preloads_stays_alone(own: str) -> None:
    assert with_jemalloc({"LD_PRELOAD": own}) == {"LD_PRELOAD": own}


@pytest.mark.parametrize(("folder", "is_tellable"), [("projects", True), ("my projects", False), ("a:b", False)])
def test_a_path_that_the_loader_would_split_is_not_told_to_it(
    folder: str, is_tellable: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / folder / "ray" / "core" / "libjemalloc.so"
    library.parent.mkdir(parents=True)
    library.touch()
    ray = ModuleSpec("ray", None, origin=str(tmp_path / folder / "ray" / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: ray)
    assert jemalloc() == (library if is_tellable else None)


@pytest.mark.parametrize("has_ray", [True, False])
def test_without_the_library_nothing_is_changed(has_ray: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ray = ModuleSpec("ray", None, origin=str(tmp_path / "ray" / "__init__.py")) if has_ray else None
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: ray)
    assert with_jemalloc({"PATH": "/bin"}) == {"PATH": "/bin"}
