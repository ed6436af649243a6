"""IJB-C and IJB-B: templates of faces (stills and video frames of one person), verified and identified.

Maze et al., IARPA Janus Benchmark - C: Face Dataset and Protocol, ICB 2018; Whitelam et al., IARPA Janus Benchmark-B
Face Dataset, CVPR Workshops 2017. In the layout that InsightFace's evaluation made common:

    IJBC/loose_crop/1.jpg ...                     469,375 images               (IJB-B: 227,630)
    IJBC/meta/ijbc_face_tid_mid.txt               "1.jpg 1 69544": image, template, media; 23,124 templates (12,115)
    IJBC/meta/ijbc_name_5pts_score.txt            image, x and y of five landmarks, score of the face detector
    IJBC/meta/ijbc_template_pair_label.txt        "1 11065 1": templates, genuine; 15,658,489 pairs (8,010,270)
    IJBC/meta/ijbc_1N_gallery_G1.csv, ..._G2.csv  "TEMPLATE_ID,SUBJECT_ID,FILENAME,...": 1,772 and 1,759 people
    IJBC/meta/ijbc_1N_probe_mixed.csv             19,593 templates (10,270; galleries S1 and S2 of 931 and 914)

Licence: NIST's agreement, signed; the lists alone may be passed on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from fedreid.data.formats.face_lists import TemplateTable
from fedreid.data.formats.template_lists import identified, landmarks_of, media_of, pairs_of
from fedreid.data.formats.vendor_files import Vendor, find_root, images_in
from fedreid.errors import UserError

Benchmark = Literal["IJB-C", "IJB-B"]


@dataclass(frozen=True)
class Release:
    """Names and numbers of one benchmark."""

    prefix: str
    galleries: tuple[str, str]
    published: Mapping[str, int]


RELEASES: dict[Benchmark, Release] = {
    "IJB-C": Release(
        "ijbc",
        ("G1", "G2"),
        {"images": 469_375, "templates": 23_124, "genuine pairs": 19_557, "impostor pairs": 15_638_932}
        | {"people in G1": 1_772, "people in G2": 1_759, "probes": 19_593},
    ),
    "IJB-B": Release(
        "ijbb",
        ("S1", "S2"),
        {"images": 227_630, "templates": 12_115, "genuine pairs": 10_270, "impostor pairs": 8_000_000}
        | {"people in S1": 931, "people in S2": 914, "probes": 10_270},
    ),
}
IMAGES = "loose_crop"


def read_templates(
    name: str, folder: Path, *, verify_counts: bool = True, benchmark: Benchmark = "IJB-C"
) -> TemplateTable:
    """The templates of IJB-C or IJB-B, or of other lists in their format.

    Args:
        name: the source's name in the scenario.
        folder: where loose_crop and meta are, or one of the folders around them.
        verify_counts: refuse anything but the whole benchmark.
        benchmark: which of the two; their files have different names.

    Raises:
        UserError: a folder or list is missing, a line of one doesn't fit, lists and images don't fit together, or the
            counts aren't the published ones.
    """
    release = RELEASES[benchmark]
    short = release.prefix.upper()
    vendor = Vendor(benchmark, (short, f"IJB_release/{short}", f"ijb/{short}", benchmark))
    lists = {part: f"meta/{release.prefix}_{part}" for part in _parts(release)}
    root = find_root(name, folder, vendor, [IMAGES, *lists.values()])
    files = {part: root / inside for part, inside in lists.items()}
    images = media_of(files["face_tid_mid.txt"])
    scores, landmarks = landmarks_of(files["name_5pts_score.txt"], images["path"])
    _refuse_absent(root, files["face_tid_mid.txt"], images["path"].tolist())
    images["path"] = IMAGES + "/" + images["path"]
    images["score"] = scores
    known = set(images["template"].tolist())
    pairs = pairs_of(files["template_pair_label.txt"], known)
    galleries = {gallery: identified(files[f"1N_gallery_{gallery}.csv"], known) for gallery in release.galleries}
    probes = identified(files["1N_probe_mixed.csv"], known)
    table = TemplateTable(name, root, images, landmarks, pairs, galleries, probes)
    return _verified(table, benchmark, verify_counts=verify_counts)


def _parts(release: Release) -> list[str]:
    galleries = [f"1N_gallery_{gallery}.csv" for gallery in release.galleries]
    return ["face_tid_mid.txt", "name_5pts_score.txt", "template_pair_label.txt", *galleries, "1N_probe_mixed.csv"]


def counts(table: TemplateTable) -> dict[str, int]:
    """What is compared with the published numbers."""
    genuine = int(table.pairs["genuine"].sum())
    return {
        "images": len(table.images),
        "templates": table.images["template"].nunique(),
        "genuine pairs": genuine,
        "impostor pairs": len(table.pairs) - genuine,
        **{f"people in {gallery}": frame["identity"].nunique() for gallery, frame in table.galleries.items()},
        "probes": len(table.probes),
    }


def _refuse_absent(root: Path, file: Path, images: list[str]) -> None:
    present = set(images_in(root / IMAGES))
    for line, image in enumerate(images, start=1):
        if image not in present:
            raise UserError(
                f"{file}, line {line:,}: there is no image {root / IMAGES / image}.\n"
                "  Unpack the archive again; for a subset, take the line out of the lists."
            )


def _verified(table: TemplateTable, benchmark: Benchmark, *, verify_counts: bool) -> TemplateTable:
    found, published = counts(table), RELEASES[benchmark].published
    wrong = [what for what in published if found[what] != published[what]]
    if wrong and verify_counts:
        lines = [
            f"{table.name}: expected {published[what]:,} {what}, found {found[what]:,} in {table.root}."
            for what in wrong
        ]
        raise UserError("\n".join([*lines, f"  For a subset, set data.sources.{table.name}.verify_counts = false."]))
    return replace(table, notes=(f"not the whole of {benchmark}: counts not verified",)) if wrong else table
