"""What aggregation strategies ask of a federation: known before its first round, and true again when clients fail."""

from __future__ import annotations

from collections.abc import Iterator

from fedreid.scenario.method_schema import MethodSettings
from fedreid.scenario.schema import AggregationSettings

# Clients that a round needs, with f attackers among them: Blanchard et al., NeurIPS 2017 (Krum: n > 2f + 2), and
# El Mhamdi et al., ICML 2018 (Bulyan: n >= 4f + 3).
ATTACKERS_TIMES = {"krum": 2, "multikrum": 2, "bulyan": 4}
WITHOUT_WEIGHTS = ("qfedavg", "fedmedian", "fedtrimmedavg", "krum", "bulyan")  # every client counts the same
FEWEST = 3  # of two values nobody can tell which one is the outlier


def requirements(strategy: str, settings: AggregationSettings, clients: int) -> list[tuple[str, str]]:
    """Why this strategy can't aggregate so many clients: pairs (dotted key, what is wrong with it).

    Args:
        strategy: federation.strategy.
        clients: how many take part in a round, or answered in it.

    Returns:
        An empty list if it can.
    """
    found = list(_enough(strategy, settings, clients))
    if strategy == "multikrum" and not found:
        found += _selected(settings, clients)
    return found


def conflicts(method: MethodSettings, strategy: str) -> list[tuple[str, str]]:
    """Why a method and a strategy don't go together: some methods bring their own aggregation."""
    own = method.name in ("fedface", "centralised") or (method.name == "fedpav" and method.fedpav.distillation)
    if method.name == "fedpav" and method.fedpav.weights == "cosine_distance" and strategy in WITHOUT_WEIGHTS:
        return [
            (
                "method.fedpav.weights",
                f"= 'cosine_distance', but {strategy} doesn't weigh clients: use 'images' or fedavg",
            )
        ]
    if strategy == "fedavg" or not own:
        return []
    name = "fedpav with distillation" if method.name == "fedpav" else method.name
    return [("federation.strategy", f"= {strategy!r}, but {name} brings its own aggregation: use 'fedavg'")]


def _enough(strategy: str, settings: AggregationSettings, clients: int) -> Iterator[tuple[str, str]]:
    times = ATTACKERS_TIMES.get(strategy)
    if times is None:
        if strategy in ("fedmedian", "fedtrimmedavg"):
            yield from _outliers(strategy, settings.trim, clients)
        return
    needed = times * settings.malicious + FEWEST
    if clients >= needed:
        return
    if clients < FEWEST or not settings.malicious:
        yield _too_few(strategy, clients)
    else:
        most = (clients - FEWEST) // times
        yield (
            "aggregation.malicious",
            f"= {settings.malicious} needs at least {needed} clients in a round for {strategy}, but {clients} take "
            f"part: use at most {most}, or let more clients take part",
        )


def _outliers(strategy: str, trim: float, clients: int) -> Iterator[tuple[str, str]]:
    if strategy == "fedtrimmedavg" and not trim:
        return  # asked for: the plain mean
    if clients < FEWEST:
        yield _too_few(strategy, clients)
    elif strategy == "fedtrimmedavg" and not int(trim * clients):
        least = -(-10_000 // clients) / 10_000
        yield "aggregation.trim", f"= {trim:g} of {clients} clients cuts off nobody: use at least {least:g}"


def _too_few(strategy: str, clients: int) -> tuple[str, str]:
    return (
        "federation.strategy",
        f"= {strategy!r} needs at least {FEWEST} clients in a round, but {clients} take part: let more take part, or "
        "use 'fedavg'",
    )


def _selected(settings: AggregationSettings, clients: int) -> Iterator[tuple[str, str]]:
    most = clients - settings.malicious
    if settings.selected > most:
        whom = f"leaves no room for {settings.malicious} malicious ones" if settings.malicious else "is too many"
        yield "aggregation.selected", f"= {settings.selected} of {clients} clients {whom}: use at most {most}, or 0"
