"""A client's device and link: how long its part of a round takes, and the energy of its training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fedreid.errors import UserError
from fedreid.pruning.devices import device_named
from fedreid.scenario.system_schema import ProfileSettings
from fedreid.system.links import Link, link_named

FLOPS = 2  # operations of a multiply-accumulate, as in devices' peaks


@dataclass(frozen=True)
class Profile:
    """What a client runs on and is connected by.

    Attributes:
        macs_per_second: multiplications of training.
        watts: power while training; 0: unknown, and no energy is counted.
    """

    macs_per_second: float
    link: Link
    watts: float = 0.0

    def seconds(self, *, macs: float, bytes_down: float, bytes_up: float, slowdown: float = 1.0) -> float:
        """From the server's sending to the answer's arrival: down, train, up; nothing overlaps."""
        return (
            self.link.down_seconds(bytes_down) + slowdown * macs / self.macs_per_second + self.link.up_seconds(bytes_up)
        )

    def joules(self, macs: float, slowdown: float = 1.0) -> float:
        """Energy of training: power times time. The radio's isn't in it."""
        return self.watts * slowdown * macs / self.macs_per_second


def profiles_of(settings: Sequence[ProfileSettings], clients: int) -> list[Profile]:
    """The profile of each client.

    Raises:
        UserError: a client that isn't there or is named twice, one that no profile covers, a name that is in no
            catalogue, or a profile without speed or link.
    """
    named: dict[int, Profile] = {}
    others: Profile | None = None
    for place, each in enumerate(settings):
        profile = _profile(place, each)
        if not each.clients:
            if others is not None:
                raise UserError(
                    f"system.profiles[{place}]: a second one without `clients`; only one may be for all others."
                )
            others = profile
        for client in each.clients:
            if client >= clients:
                raise UserError(
                    f"system.profiles[{place}] names client {client}, and this federation has 0 to {clients - 1}."
                )
            if client in named:
                raise UserError(f"system.profiles[{place}]: client {client} has a profile already.")
            named[client] = profile
    missing = [client for client in range(clients) if client not in named]
    if missing and others is None:
        raise UserError(
            f"system.profiles: client {missing[0]} has none. Add it, or a profile without `clients`, for all others."
        )
    return [named.get(client, others) for client in range(clients)]  # type: ignore[misc]


def _profile(place: int, settings: ProfileSettings) -> Profile:
    device = device_named(settings.device, f"system.profiles[{place}]") if settings.device else None
    speed, watts = settings.gmacs_per_second * 1e9, settings.watts
    if device is not None:
        speed = speed or settings.utilisation * device.gflops * 1e9 / FLOPS
        watts = watts or device.watts
    if not speed:
        raise UserError(f"system.profiles[{place}] has no speed: set device, or gmacs_per_second as you measured it.")
    return Profile(speed, _link(place, settings), watts)


def _link(place: int, settings: ProfileSettings) -> Link:
    known = link_named(settings.link) if settings.link else Link("given", 0.0, 0.0, 0.0)
    link = replace(
        known,
        down_mbps=settings.down_mbps or known.down_mbps,
        up_mbps=settings.up_mbps or known.up_mbps,
        latency_ms=settings.latency_ms or known.latency_ms,
    )
    if not (link.down_mbps and link.up_mbps):
        raise UserError(f"system.profiles[{place}] has no link: set link, or both down_mbps and up_mbps.")
    return link
