"""What clients would run on and be connected by, and when they are there: simulated time, absence and lateness."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fedreid.scenario.settings import NotNegative, Settings, Share, Weight


class ProfileSettings(Settings):
    """A device and a link, for some clients or for all others."""

    clients: Annotated[tuple[NotNegative, ...], Field(strict=False)] = Field(
        default=(), description="which clients, from 0; []: all that no other profile names"
    )
    device: str = Field(default="", description="a device of the catalogue: gives its peak speed and its power")
    gmacs_per_second: Weight = Field(
        default=0.0,
        description="multiplications of training, in 10^9 a second, as measured on the device; 0: its peak times "
        "`utilisation`",
    )
    utilisation: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.25, description="share of a catalogue device's peak that training reaches"
    )
    watts: Weight = Field(default=0.0, description="power while training; 0: the catalogue device's")
    link: str = Field(default="", description="a link of the catalogue: gives both speeds and the latency")
    down_mbps: Weight = Field(default=0.0, description="10^6 bits a second to the client; 0: the link's")
    up_mbps: Weight = Field(default=0.0, description="10^6 bits a second from the client; 0: the link's")
    latency_ms: Weight = Field(default=0.0, description="of each message, in milliseconds; 0: the link's")


class SystemSettings(Settings):
    """Simulated time and availability. Without profiles no time is simulated."""

    profiles: Annotated[tuple[ProfileSettings, ...], Field(strict=False)] = Field(
        default=(), description="what clients run on and are connected by"
    )
    deadline_seconds: Weight = Field(
        default=0.0, description="simulated seconds after which a round's answers are left out; 0: wait for all"
    )
    availability: Annotated[float, Field(gt=0, le=1)] = Field(
        default=1.0, description="share of the rounds in which a client is there, by a seeded chain of its own"
    )
    absence_rounds: Weight = Field(
        default=0.0, description="how many rounds an absence lasts on average; 0: each round is drawn on its own"
    )
    dropout: Share = Field(
        default=0.0, description="share of the trainings whose answer never comes: the client fails on the way"
    )
    stragglers: Share = Field(default=0.0, description="share of the trainings that take `slowdown` times as long")
    slowdown: Annotated[float, Field(ge=1)] = Field(default=4.0, description="of a straggler's device")
    trace: str = Field(
        default="",
        description="a CSV file `client,first_round,last_round,slowdown` of absences (slowdown 0) and slow rounds, "
        "beside the seeded ones",
    )
    server_seconds: Weight = Field(default=0.0, description="simulated seconds of the server in each round")

    @property
    def is_timed(self) -> bool:
        """Whether there is a simulated clock."""
        return bool(self.profiles)

    @property
    def is_on(self) -> bool:
        """Whether anybody can be absent or late, or time is simulated."""
        return self.is_timed or self.availability < 1 or bool(self.dropout or self.trace)
