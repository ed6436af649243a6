"""How far a run is: counters of the round in flight, and what they say about the time that is left."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

Clock = Callable[[], float]  # seconds, only ever forwards

ROUNDS_REMEMBERED = 10  # the time left follows the last rounds: a machine that slows down is noticed


class Tally:
    """The state that both views of a run draw; draws nothing itself."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.stage_name, self.stage_done, self.stage_total, self.stage_started = "", 0, 0, clock()
        self.round, self.rounds, self.in_round, self.round_started_at = 0, 0, False, clock()
        self.clients: tuple[int, ...] = ()
        self.running: set[int] = set()
        self.done: set[int] = set()
        self.failed: set[int] = set()
        self.images, self.loss_sum, self.last_done = 0, 0.0, clock()
        self.rate, self.loss = 0.0, float("nan")
        self.seconds: list[float] = []
        self.latest: dict[str, float] = {}
        self.change: dict[str, float] = {}

    def begin_stage(self, name: str, done: int, total: int) -> bool:
        """Whether the stage is a new one."""
        is_new = name != self.stage_name
        if is_new:
            self.stage_name, self.stage_started = name, self.clock()
        self.stage_done, self.stage_total = done, total
        return is_new

    def begin_round(self, round: int, rounds: int, clients: Sequence[int]) -> None:
        self.stage_name, self.in_round = "", True
        self.round, self.rounds, self.clients = round, rounds, tuple(clients)
        self.running, self.done, self.failed = set(), set(), set()
        self.images, self.loss_sum = 0, 0.0
        self.round_started_at = self.last_done = self.clock()

    def count_client(self, client: int, images: int, loss: float) -> None:
        self.running.discard(client)
        self.done.add(client)
        self.images += images
        self.loss_sum += loss
        self.last_done = self.clock()

    def end_round(self, round: int, metrics: Mapping[str, float]) -> float:
        """Seconds of the round; 0 for the start, which isn't a round."""
        seconds = self.clock() - self.round_started_at if self.in_round else 0.0
        self.rate, self.loss = self.images_per_second(), metrics.get("loss", self.mean_loss())
        if self.in_round:
            self.seconds = [*self.seconds, seconds][-ROUNDS_REMEMBERED:]
        self.round, self.in_round, self.stage_name = round, False, ""
        evaluated = {key: value for key, value in metrics.items() if "/" in key}
        changes = {key: value - self.latest[key] for key, value in evaluated.items() if key in self.latest}
        self.change = self.change | changes  # new objects: the view may be walking through the old ones
        self.latest = self.latest | evaluated
        return seconds

    def images_per_second(self) -> float:
        """Of this round so far; of the last round until a client is done."""
        seconds = self.last_done - self.round_started_at
        return self.images / seconds if self.images and seconds > 0 else self.rate

    def mean_loss(self) -> float:
        """Over this round's clients that are done; of the last round until one is."""
        return self.loss_sum / len(self.done) if self.done else self.loss

    def share_of_round(self) -> float:
        """Share of this round's clients that are over, 0 to 1."""
        return (len(self.done) + len(self.failed)) / len(self.clients) if self.clients else 0.0

    def share_of_run(self) -> float:
        rounds_over = self.round - 1 + self.share_of_round() if self.in_round else self.round
        return min(1.0, max(0.0, rounds_over) / self.rounds) if self.rounds else 0.0

    def seconds_left(self) -> float | None:
        """From the last rounds' mean; in the first round, from its share of clients. None: too early to say."""
        elapsed = self.clock() - self.round_started_at
        if self.seconds:
            per_round = sum(self.seconds) / len(self.seconds)
        elif self.share_of_round() > 0:
            per_round = (self.last_done - self.round_started_at) / self.share_of_round()
        else:
            return None
        rounds_after = self.rounds - self.round
        return rounds_after * per_round + (max(0.0, per_round - elapsed) if self.in_round else 0.0)

    def stage_seconds(self) -> float:
        return self.clock() - self.stage_started

    def stage_seconds_left(self) -> float | None:
        elapsed = self.stage_seconds()
        if not 0 < self.stage_done <= self.stage_total or elapsed < 1:
            return None
        return elapsed * (self.stage_total - self.stage_done) / self.stage_done


def duration(seconds: float | None) -> str:
    """0:07, 12:34, 1:02:03; "-:--" when it isn't known."""
    if seconds is None:
        return "-:--"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
