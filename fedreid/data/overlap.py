"""The same people in two sources of a federation: refused, because they would belong to two clients."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from fedreid.errors import UserError

if TYPE_CHECKING:
    from fedreid.data.cache import ImageCache
    from fedreid.data.tables import ImageTable


def refuse_same_folders(tables: Mapping[str, ImageTable]) -> None:
    """One folder under two names would put the same people into two clients, or into public and private parts."""
    folders: dict[Path, str] = {}
    for name, table in tables.items():
        folder = table.root.resolve()
        if folder in folders:
            raise UserError(
                f"data.sources.{name} and data.sources.{folders[folder]} are the same folder, {folder}: "
                "an identity would belong to two clients. Remove one."
            )
        folders[folder] = name


def refuse_shared_images(caches: Mapping[str, ImageCache]) -> None:
    """An image that two sources share shows a person who would be in two clients, or in public and private parts."""
    seen: dict[bytes, tuple[str, str]] = {}
    for name, cache in caches.items() if len(caches) > 1 else ():
        own: dict[bytes, tuple[str, str]] = {}
        for image, path in zip(cache.images, cache.table.frame["path"], strict=True):
            digest = hashlib.blake2b(image.tobytes(), digest_size=16).digest()
            if digest in seen:
                first, other = seen[digest]
                raise UserError(
                    f"data.sources.{name} and data.sources.{first} hold the same images, for one "
                    f"{cache.table.root / path} and {caches[first].table.root / other}: "
                    "an identity would belong to two clients, or be public and private. "
                    "Remove one of the sources, or those images."
                )
            own[digest] = (name, path)
        seen |= own
