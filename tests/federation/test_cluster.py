"""A Ray cluster of two nodes, started on one machine: how users outgrow theirs."""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import fedreid
from fedreid.errors import UserError
from tests.federation.conftest import Finished, Lender
from tests.federation.runs import QUICK, same

Files = Callable[[Path], dict[str, bytes]]
RAY = Path(sys.executable).with_name("ray")
LIMITS = ["--num-cpus=1", "--object-store-memory=100000000", "--disable-usage-stats", "--block"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        return probe.getsockname()[1]


class Cluster:
    """Nodes of one core each, as processes of their own."""

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="ray"))  # short: sockets have names of 107 characters at most
        self.nodes: list[subprocess.Popen[bytes]] = []
        head = ["--head", f"--port={self.port}", "--include-dashboard=false", f"--temp-dir={self.folder}"]
        self._start([str(RAY), "start", *head, *LIMITS])
        self._wait(lambda: socket.socket().connect_ex(("127.0.0.1", self.port)) == 0)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def join(self, hidden: Path | None = None) -> None:
        """Start another node, which doesn't see the folder `hidden`: an empty one is mounted over it, for it alone."""
        command = [str(RAY), "start", f"--address={self.address}", *LIMITS]
        if hidden is not None:
            script = f"mount -t tmpfs none {shlex.quote(str(hidden))} && exec {shlex.join(command)}"
            command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script]
        self._start(command)
        self._wait(lambda: self._alive() == len(self.nodes))

    def stop(self) -> None:
        for node in reversed(self.nodes):
            os.killpg(node.pid, signal.SIGTERM)
        for node in reversed(self.nodes):
            try:
                node.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(node.pid, signal.SIGKILL)
                node.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self, command: list[str]) -> None:
        log = (self.folder / f"node-{len(self.nodes)}.log").open("wb")
        environment = os.environ | {"RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
        self.nodes.append(subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True))
        log.close()

    def _alive(self) -> int:
        import ray

        try:
            ray.init(address=self.address, log_to_driver=False, logging_level=logging.ERROR)
            return sum(node["Alive"] for node in ray.nodes())
        except (ConnectionError, RuntimeError):
            return 0
        finally:
            ray.shutdown()

    def _wait(self, is_ready: Callable[[], bool], seconds: float = 90) -> None:
        deadline = time.monotonic() + seconds
        while not is_ready():
            if time.monotonic() > deadline or any(node.poll() is not None for node in self.nodes):
                logs = "\n".join(log.read_text()[-2000:] for log in self.folder.glob("node-*.log"))
                raise TimeoutError(f"the cluster did not start:\n{logs}")
            time.sleep(0.2)


@pytest.fixture(scope="module")
def cluster(lender: Lender) -> Iterator[Cluster]:
    """Its head; the nodes that tests add stay."""
    import ray

    lender.end()
    if ray.is_initialized():
        pytest.skip("Ray is already running in this process")
    started = Cluster()
    try:
        yield started
    finally:
        started.stop()


def mounts_are_allowed(folder: Path) -> bool:
    script = f"mount -t tmpfs none {shlex.quote(str(folder))}"
    try:
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script]
        return subprocess.run(command, capture_output=True, timeout=20).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def test_a_federation_on_two_nodes_gives_the_bits_of_the_serial_engine(
    cluster: Cluster, scenario: Path, tmp_path: Path, final_files: Files, finished: Finished,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    import ray

    from fedreid.simulation.ray_grid import RayGrid

    serial = finished(*QUICK)
    cluster.join()
    nodes: set[str] = set()
    busy: set[int] = set()
    check, submit = RayGrid.check_nodes, RayGrid._submit

    def watch_nodes(self: RayGrid, must_see: list[str]) -> None:
        check(self, must_see)
        answers = ray.get([worker.actor.missing.remote([]) for worker in self.workers])
        nodes.update(known_as for _, known_as, _ in answers)

    def watch_work(self: RayGrid, worker: Any, batch: Any) -> None:
        if batch.messages[0].metadata.message_type == "train":
            busy.add(id(worker))
        submit(self, worker, batch)

    monkeypatch.setattr(RayGrid, "check_nodes", watch_nodes)
    monkeypatch.setattr(RayGrid, "_submit", watch_work)
    joined = [*QUICK, f"runtime.ray_address={cluster.address}"]
    result = fedreid.run(scenario, out=tmp_path / "cluster", engine="ray", overrides=joined)
    assert len(nodes) == 2, "a worker on each node"
    assert len(busy) == 2, "and both have trained"
    same(final_files(result.run_dir), final_files(serial.run_dir))
    assert all(node.poll() is None for node in cluster.nodes), "somebody else's cluster goes on when a run ends"


def test_a_node_without_the_image_cache_is_named_with_the_folder(
    cluster: Cluster, scenario: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    if not mounts_are_allowed(cache):
        pytest.skip("hiding a folder from a process needs the right to mount (root on Linux)")
    cluster.join(hidden=cache)
    settings = [*QUICK, f"runtime.ray_address={cluster.address}", f"data.cache={cache}"]
    with pytest.raises(UserError) as caught:
        fedreid.run(scenario, out=tmp_path / "run", engine="ray", overrides=settings)
    text = str(caught.value)
    assert text.startswith(f"node {socket.gethostname()} does not see {cache}/decoded/")
    assert ", Ray id " in text, "two nodes on one machine have one name"
    assert "Every node of the cluster needs the run folder and the image cache at the same path" in text
