"""The parallel engine: long-lived Ray actors, the model sent to each worker once per round through shared memory.

Stock Flower on Ray serialises the model for every client, both ways. Here a round's model is put into Ray's object
store once, workers read it there without a copy, and updates come back as references that are folded in message order.
What else a message says is small and travels with the call, so it may be another thing for each client.
"""

from __future__ import annotations

import itertools
import logging
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import ray
from flwr.app import Message
from ray.exceptions import ActorDiedError, ActorUnavailableError, GetTimeoutError, RayActorError, WorkerCrashedError

from fedreid.errors import RunError, UserError
from fedreid.progress import Progress
from fedreid.simulation.grid import LocalGrid
from fedreid.simulation.ray_batches import NO_MODEL, Batch, Model, affordable, batch_size, model_of, of_one_model
from fedreid.simulation.ray_cluster import connect
from fedreid.simulation.ray_worker import ClientWorker, Result, answer_of

logger = logging.getLogger(__name__)

DEATHS = (ActorDiedError, ActorUnavailableError, RayActorError, WorkerCrashedError)
ATTEMPTS = 3  # a client whose worker dies so often is told to have failed
QUEUE = 2  # batches given to a worker ahead, so that it never waits for the driver
START_SECONDS = 120  # importing torch on a cold disk takes most of it


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
                    ahead = max(2 * QUEUE * len(self.workers) * size, affordable(messages, sent))
                    if sent + size - wanted > ahead:
                        break
                    batch = self._batch(messages, sent, size, models)
                    sent += len(batch.messages)
                else:
                    break
                self._submit(worker, batch)
        return sent

    def _batch_size(self, messages: Sequence[Message], start: int) -> int:
        return batch_size(messages, start, seconds_per_client=self._seconds_per_client, workers=len(self.workers))

    def _batch(self, messages: Sequence[Message], start: int, size: int, models: dict[int, Model]) -> Batch:
        record, chosen = model_of(messages[start]), of_one_model(messages, start, size)
        if record is None:
            return Batch(start, chosen, NO_MODEL)
        if id(record) not in models:  # the messages keep the record, so nothing else gets its id
            models[id(record)] = Model(str(next(self._keys)), [ray.put(record)])
        return Batch(start, chosen, models[id(record)])

    def _submit(self, worker: Worker, batch: Batch) -> None:
        if not batch.attempts:
            for message in batch.messages:
                self._tell_start(message)
        worker.queue.append((worker.actor.run.remote(batch.model.key, batch.model.boxed, batch.tasks()), batch))

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
            waiting.extend(suspect.singly(attempts))
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
