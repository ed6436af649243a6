"""IJB-C and IJB-B, as InsightFace's evaluation lays them out: loose_crop and meta."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from fedreid.data.synthetic.layouts import Put, Shot, touch

Picture = tuple[int, int]  # template, media
HEADER = "TEMPLATE_ID,SUBJECT_ID,FILENAME,FACE_X,FACE_Y,FACE_WIDTH,FACE_HEIGHT"


def write_ijb(
    root: Path,
    prefix: str,
    pictures: Sequence[Picture],
    pairs: Sequence[tuple[int, int, int]],
    galleries: Mapping[str, Mapping[int, int]],
    probes: Mapping[int, int],
    put: Put = touch,
    *,
    points: Callable[[int], str] | None = None,
) -> None:
    """Write a copy.

    Args:
        root: the folder IJBC or IJBB.
        prefix: "ijbc" or "ijbb".
        pictures: template and media of 1.jpg, 2.jpg, ...
        pairs: two templates, and 1 if of one person, else 0.
        galleries: of each gallery, the person by template.
        probes: the person by template.
        put: writes an image.
        points: line of an image's landmarks; None: `points_line`.
    """
    meta = root / "meta"
    meta.mkdir(parents=True)
    for number, (template, media) in enumerate(pictures, start=1):
        put(root / "loose_crop" / f"{number}.jpg", Shot(template, media, number, "gallery"))
    lines = [f"{number}.jpg {template} {media}" for number, (template, media) in enumerate(pictures, start=1)]
    write_lines(meta / f"{prefix}_face_tid_mid.txt", lines)
    numbers = range(1, 1 + len(pictures))
    write_lines(meta / f"{prefix}_name_5pts_score.txt", [(points or points_line)(number) for number in numbers])
    write_lines(meta / f"{prefix}_template_pair_label.txt", [" ".join(map(str, pair)) for pair in pairs])
    for gallery, people in galleries.items():
        write_people(meta / f"{prefix}_1N_gallery_{gallery}.csv", people, pictures)
    write_people(meta / f"{prefix}_1N_probe_mixed.csv", probes, pictures)


def points_line(number: int) -> str:
    """Image, five landmarks and score: those of image 3 are 30.5 31.5 ... 39.5 and 0.3."""
    return " ".join([f"{number}.jpg", *(f"{10 * number + place + 0.5}" for place in range(10)), f"{number / 10}"])


def write_people(file: Path, people: Mapping[int, int], pictures: Sequence[Picture]) -> None:
    """One line per image of each template, as NIST writes it."""
    rows = [
        f"{template},{people[template]},frames/{media}.png,1,2,3,4"
        for template, media in pictures
        if template in people
    ]
    write_lines(file, [HEADER, *rows])


def write_lines(file: Path, lines: Sequence[str]) -> None:
    """Text, one line after another."""
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
