"""The parallel engine: long-lived Ray actors, the model sent to each worker once per round through shared memory.

Stock Flower on Ray serialises the model for every client, both ways. Here a round's model is put into Ray's object
store once, workers read it there without a copy, and updates come back as references that are folded in message order.
What else a message says is small and travels with the call, so it may be another thing for each client.
"""

from __future__ import annotations

import itertools
import logging
import os
import socket
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

# Ray must not hide the GPUs of a worker that asks for none of them, and needs to be told before it is imported.
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import ray
from flwr.app import ArrayRecord, Message, RecordDict
from ray.exceptions import ActorDiedError, ActorUnavailableError, GetTimeoutError, RayActorError, WorkerCrashedError

from fedreid import wire
from fedreid.errors import RunError, UserError
from fedreid.progress import Progress
from fedreid.simulation.grid import LocalGrid
from fedreid.simulation.ray_worker import ClientWorker, Result, Task, answer_of

logger = logging.getLogger(__name__)

DEATHS = (ActorDiedError, ActorUnavailableError, RayActorError, WorkerCrashedError)
ATTEMPTS = 3  # a client whose worker dies so often is told to have failed
QUEUE = 2  # batches given to a worker ahead, so that it never waits for the driver
START_SECONDS = 120  # importing torch on a cold disk takes most of it
BATCH_SECONDS = 0.2  # small clients travel together, so that Ray's cost for a call is paid once for so much work
BATCH_BYTES = 32 << 20  # but not more updates than this at once


class Model(NamedTuple):
    """A record of arrays in the object store."""

    key: str
    boxed: list[Any]  # its reference, if there is one: Ray would fetch a bare reference on every call


NO_MODEL = Model("", [])


@dataclass
class Batch:
    """Some consecutive messages that one worker gets in one call; all carry the same model, or none."""

    first: int
    messages: Sequence[Message]
    model: Model
    attempts: int = 0


@dataclass
class Worker:
    """An actor and what it was given."""

    actor: Any
    queue: deque[tuple[Any, Batch]] = field(default_factory=deque)


class RayGrid(LocalGrid):
    """Runs clients in parallel on this machine, or on a Ray cluster that is already there.

    Args:
        app: "module:attribute" of the ClientApp; every worker imports it.
        workers: actors; 0: one for each core (of the cluster, when joining one).
        address: of a running cluster; empty: start Ray here and end it with the run.
        threads_per_client: cores that a worker takes; the ClientApp sets its threads itself.
        gpus: there are GPUs to share between the workers.
        must_see: files and folders without which a node can't take part.

    Raises:
        UserError: no cluster at that address; a node that doesn't see a folder, naming both.
    """

    def __init__(
        self,
        app: str,
        num_clients: int,
        *,
        workers: int = 0,
        threads_per_client: int = 1,
        address: str = "",
        gpus: bool = False,
        must_see: Sequence[str] = (),
        progress: Progress | None = None,
    ) -> None:
        super().__init__(num_clients, progress)
        self._keys = itertools.count(1)
        self._seconds_per_client = 0.0
        self.workers: list[Worker] = []
        self._owns_ray = connect(address, workers * threads_per_client)
        try:
            cores = int(ray.cluster_resources().get("CPU", 1))
            if threads_per_client > cores:
                raise UserError(
                    f"runtime.threads_per_client = {threads_per_client}: there are {cores} cores, use {cores} or fewer."
                )
            count = min(workers or max(1, cores // threads_per_client), max(1, num_clients))
            gpu_share = min(1.0, ray.cluster_resources().get("GPU", 0) / count) if gpus else 0
            self._actor = ray.remote(ClientWorker).options(  # type: ignore[attr-defined]
                num_cpus=threads_per_client, num_gpus=gpu_share, scheduling_strategy="SPREAD"
            )
            self._arguments = (app, num_clients)
            self.workers = [Worker(self._actor.remote(*self._arguments)) for _ in range(count)]
            self.check_nodes(must_see)
        except BaseException:
            self.close()
            raise

    def process_ids(self) -> list[int]:
        """Process of each worker."""
        return [ray.get(worker.actor.process_id.remote()) for worker in self.workers]

    def close(self) -> None:
        """End the workers, and Ray if it was started here."""
        workers, self.workers = self.workers, []
        if not ray.is_initialized():
            return
        for worker in workers:
            ray.kill(worker.actor)
        if self._owns_ray:
            ray.shutdown()

    def check_nodes(self, must_see: Sequence[str]) -> None:
        """Ask every worker whether its node sees these files and folders."""
        try:
            answers = [worker.actor.missing.remote(list(must_see)) for worker in self.workers]
            found = ray.get(answers, timeout=START_SECONDS)
        except GetTimeoutError as error:
            raise RunError(
                f"the Ray cluster did not start {len(self.workers)} workers in {START_SECONDS} s: its cores are busy.\n"
                "  Set runtime.workers lower, or wait for them."
            ) from error
        except DEATHS as error:
            raise RunError(f"a Ray worker could not start: {error}") from error
        for node, known_as, missing in found:
            if missing:
                raise UserError(
                    f"node {node} does not see {missing[0]} ({known_as}).\n"
                    "  Every node of the cluster needs the run folder and the image cache at the same path:\n"
                    "  put them (--out, data.cache) on a shared file system."
                )

    def _stream(self, messages: Sequence[Message]) -> Iterator[Message]:
        models: dict[int, Model] = {}
        waiting: deque[Batch] = deque()
        results: dict[int, Result] = {}
        sent = 0
        try:
            for index, message in enumerate(messages):
                while index not in results:
                    sent = self._fill(messages, sent, index, models, waiting)
                    self._collect(results, waiting)
                yield answer_of(message, results.pop(index))
        finally:
            self._drain()

    def _fill(
        self,
        messages: Sequence[Message],
        sent: int,
        wanted: int,
        models: dict[int, Model],
        waiting: deque[Batch],
    ) -> int:
        """Give every worker enough to do, but run no further ahead of the reply that is wanted than memory allows."""
        for worker in sorted(self.workers, key=lambda worker: len(worker.queue)):
            while len(worker.queue) < QUEUE:
                # Whoever may have killed a worker works alone: the next death is then its own, and nobody else's.
                if worker.queue and (worker.queue[0][1].attempts or (waiting and waiting[0].attempts)):
                    break
                if waiting:  # batches of a worker that died come first
                    batch = waiting.popleft()
                elif sent < len(messages):
                    size = self._batch_size(messages, sent)
                    ahead = max(2 * QUEUE * len(self.workers) * size, self._affordable(messages, sent))
                    if sent + size - wanted > ahead:
                        break
                    batch = self._batch(messages, sent, size, models)
                    sent += len(batch.messages)
                else:
                    break
                self._submit(worker, batch)
        return sent

    def _batch_size(self, messages: Sequence[Message], start: int) -> int:
        if not self._seconds_per_client:
            return 1
        by_time = int(BATCH_SECONDS / self._seconds_per_client)
        fair = -(-(len(messages) - start) // (2 * len(self.workers)))  # towards the end, everyone gets a share
        return max(1, min(by_time, self._affordable(messages, start), fair))

    @staticmethod
    def _affordable(messages: Sequence[Message], start: int) -> int:
        """How many updates of this message's size may be held at once."""
        model = _model_of(messages[start])
        return BATCH_BYTES // max(1, 0 if model is None else wire.count_bytes(model))

    def _batch(self, messages: Sequence[Message], start: int, size: int, models: dict[int, Model]) -> Batch:
        record = _model_of(messages[start])
        chosen = list(itertools.takewhile(lambda m: _model_of(m) is record, messages[start : start + size]))
        if record is None:
            return Batch(start, chosen, NO_MODEL)
        if id(record) not in models:  # the messages keep the record, so nothing else gets its id
            models[id(record)] = Model(str(next(self._keys)), [ray.put(record)])
        return Batch(start, chosen, models[id(record)])

    def _submit(self, worker: Worker, batch: Batch) -> None:
        rests = {id(message.content): _rest(message.content) for message in batch.messages}
        tasks = [_task(message, rests[id(message.content)]) for message in batch.messages]
        if not batch.attempts:
            for message in batch.messages:
                self._tell_start(message)
        worker.queue.append((worker.actor.run.remote(batch.model.key, batch.model.boxed, tasks), batch))

    def _collect(self, results: dict[int, Result], waiting: deque[Batch]) -> None:
        """Wait for one batch, whichever worker has it; replace a worker that died."""
        heads = {worker.queue[0][0]: worker for worker in self.workers if worker.queue}
        ready, _ = ray.wait(list(heads), num_returns=1)
        worker = heads[ready[0]]
        reference, batch = worker.queue[0]
        try:
            found: list[Result] = ray.get(reference)
        except DEATHS as error:
            self._replace(worker, error, results, waiting)
            return
        worker.queue.popleft()
        mean = sum(result.seconds for result in found) / len(found)
        self._seconds_per_client = max(mean, 1e-6)
        results.update(enumerate(found, start=batch.first))

    def _replace(self, worker: Worker, error: Exception, results: dict[int, Result], waiting: deque[Batch]) -> None:
        """A worker died (killed, out of memory, crashed): another one does its clients again, from the same state."""
        logger.warning("a worker died, its clients are done again: %s", str(error).splitlines()[0])
        self.progress.message("a worker died; its clients are done again")
        orphans = [batch for _, batch in worker.queue]
        worker.queue.clear()
        ray.kill(worker.actor)
        worker.actor = self._actor.remote(*self._arguments)
        suspect = orphans.pop(0)
        attempts = suspect.attempts + 1
        if attempts < ATTEMPTS:  # one client may have killed the worker of others: each is tried by itself
            waiting.extend(
                Batch(suspect.first + offset, [message], suspect.model, attempts)
                for offset, message in enumerate(suspect.messages)
            )
        else:
            reason = f"WorkerDied: its worker process died {ATTEMPTS} times (killed, or out of memory)"
            results[suspect.first] = Result(None, reason, 0.0)
        waiting.extend(orphans)

    def _drain(self) -> None:
        """Forget work that nobody waits for any more (the run stops): workers may be in the middle of it."""
        for worker in self.workers:
            if worker.queue:
                worker.queue.clear()
                ray.kill(worker.actor)
                worker.actor = self._actor.remote(*self._arguments)


def connect(address: str, cores: int) -> bool:
    """Join a cluster or start Ray here; True when it is ours to end."""
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR, "configure_logging": False}
    if ray.is_initialized():
        return False
    if address:
        try:
            _knock(address)
            ray.init(address=address, **options)
        except (OSError, ValueError, RuntimeError) as error:
            cause = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise UserError(
                f"runtime.ray_address = {address}: no Ray cluster answers there ({cause}).\n"
                "  Start one with: ray start --head"
            ) from error
        return True
    ray.init(num_cpus=cores or None, include_dashboard=False, **options)
    return True


def _knock(address: str) -> None:
    """Ray itself keeps trying for minutes where nobody answers; names such as "auto" are left to it."""
    host, _, port = address.rpartition(":")
    if host and port.isdigit() and "/" not in host:
        socket.create_connection((host, int(port)), timeout=10).close()


def _model_of(message: Message) -> ArrayRecord | None:
    return wire.model_of(message) if wire.ARRAYS in message.content else None


def _rest(content: RecordDict) -> RecordDict:
    """All but the model."""
    return RecordDict({name: record for name, record in content.items() if name != wire.ARRAYS})


def _task(message: Message, rest: RecordDict) -> Task:
    meta = message.metadata
    return Task(meta.dst_node_id, meta.message_id, meta.message_type, meta.group_id, rest)
