"""What a federation would take on real devices and links: a simulated clock, energy, absence and lateness."""

from fedreid.system.availability import Availability, read_trace
from fedreid.system.checks import availability_of, refuse_system
from fedreid.system.links import Link, link_named, links
from fedreid.system.profiles import Profile, profiles_of
from fedreid.system.work import passes_per_image

__all__ = [
    "Availability", "Link", "Profile", "availability_of", "link_named", "links",
    "passes_per_image", "profiles_of", "read_trace", "refuse_system",
]  # fmt: skip
