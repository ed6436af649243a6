"""Which dataset lies in a folder, of those that are known by more than a few folders' names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from fedreid.data.checking.layout import SAMPLE, Layout, folders_in, is_folder_of_people
from fedreid.data.formats import cuhk01, cuhk03, ijb, ilids, lfw, msmt17, pes3d
from fedreid.data.formats.cuhk03_folders import VENDORS_WORD
from fedreid.data.formats.msmt17_lists import camera_of
from fedreid.data.formats.vendor_files import Vendor, images_in
from fedreid.data.tables import IMAGE_SUFFIXES

CUHK03_FILES = ("cuhk03_release", "cuhk-03.mat", "images_detected", "images_labeled")
# What flat folders are called, and how their names are read.
FLAT: tuple[tuple[str, Vendor, str, Callable[[str], object], tuple[str, ...]], ...] = (
    ("3dpes", pes3d.VENDOR, pes3d.INSIDE, pes3d.person_and_view, pes3d.SUFFIXES),
    ("cuhk01", cuhk01.VENDOR, cuhk01.INSIDE, cuhk01.person_and_camera, IMAGE_SUFFIXES),
    ("ilids", ilids.VENDOR, ilids.INSIDE, ilids.person_and_image, IMAGE_SUFFIXES),
)


def cuhk03_release(folder: Path) -> Iterator[Layout]:
    """The release: the .mat file, its photographs where they were taken out, and the lists of the new protocol."""
    for inside in cuhk03.INSIDE:
        root = folder / inside
        configs = [f"cuhk03_new_protocol_config_{word}.mat" for word in VENDORS_WORD.values()]
        lists = [root / place / config for place in ("", "cuhk03_release") for config in configs]
        if any((root / file).exists() for file in CUHK03_FILES) or any(file.exists() for file in lists):
            names = " ".join(file.name for file in lists if file.exists())
            new = tuple({"boxes": box} for box, word in VENDORS_WORD.items() if word in names)
            yield Layout("cuhk03", inside, new or ({"protocol": "classic"},))
            return


def msmt17_lists(folder: Path) -> Iterator[Layout]:
    places: dict[str, list[str]] = {}
    for version, parts in msmt17.FOLDERS.items():
        around = ("", f"MSMT17_{version}", f"msmt17/MSMT17_{version}", "msmt17")
        for inside in around:
            root = folder / inside
            if all((root / part).is_dir() for part in parts) and (version == "V2" or _is_msmt17(root)):
                places.setdefault(inside, []).append(version)
                break
    both = [version for versions in places.values() for version in versions]
    if places:
        chosen = tuple({"version": version} for version in both) if len(both) > 1 else ({},)
        yield Layout("msmt17", next(iter(places)) if len(places) == 1 else "", chosen)


def _is_msmt17(root: Path) -> bool:
    if any((root / file).exists() for file in msmt17.LISTS.values()):
        return True
    return any(camera_of(file) for person in folders_in(root / "train")[:5] for file in images_in(person)[:5])


def lfw_pairs(folder: Path) -> Iterator[Layout]:
    """A list of pairs, in or beside a folder of people."""
    for inside in ("", *lfw.VENDOR.nested):
        root = folder / inside
        has_list = any((place / lfw.LIST).is_file() for place in (root, folder, root.parent))
        if has_list and root.is_dir() and is_folder_of_people(root):
            yield Layout("lfw", inside)
            return


def ijb_templates(folder: Path) -> Iterator[Layout]:
    found = []
    for benchmark, release in ijb.RELEASES.items():
        short = release.prefix.upper()
        for inside in ("", short, f"IJB_release/{short}", f"ijb/{short}", benchmark):
            meta = folder / inside / "meta"
            if (folder / inside / ijb.IMAGES).is_dir() and any(meta.glob(f"{release.prefix}_*")):
                found.append((inside, benchmark))
                break
    if found:
        versions = tuple({"benchmark": benchmark} for _, benchmark in found)
        yield Layout("ijb", found[0][0] if len(found) == 1 else "", versions)


def flat_folders(folder: Path) -> Iterator[Layout]:
    """All images in one folder: iLIDS and CUHK01, whose names look alike, and 3DPeS."""
    for format, vendor, part, reads, suffixes in FLAT:
        for inside in (part, "", *(f"{around}/{part}" for around in vendor.nested), *vendor.nested):
            root = folder / inside
            names = images_in(root, suffixes)[:SAMPLE] if root.is_dir() else []
            fitting = [name for name in names if reads(name)]
            if len(fitting) > len(names) / 2 and (format == "3dpes" or _four_each(names) == (format == "cuhk01")):
                yield Layout(format, inside)
                break


def _four_each(names: list[str]) -> bool:
    """CUHK01 has images 1 to 4 of everybody; iLIDS two to eight, as .jpg."""
    people: dict[str, set[str]] = {}
    for name in names:
        if ilids.person_and_image(name):
            people.setdefault(name[:4], set()).add(name[4:7])
    numbers = Counter(number for images in people.values() for number in images)
    if any(number > "004" for number in numbers):
        return False
    whole = sum(len(images) == 4 for images in people.values())
    return whole > len(people) / 2 or all(name.lower().endswith(".png") for name in names)
