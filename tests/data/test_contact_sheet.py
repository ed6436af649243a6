"""Contact sheets."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fedreid.data.contact_sheet import contact_sheet, stacked
from fedreid.data.tables import ImageTable, image_table
from tests.data.pictures import HEIGHT, WIDTH, pixels, save


def gathered(root: Path, people: int = 3) -> ImageTable:
    """Person p has two images on each of cameras 1 and 2; picture 10 p + 2 camera + image."""
    rows = []
    for person in range(1, people + 1):
        for camera in (1, 2):
            for image in (0, 1):
                path = f"{person}_{camera}_{image}.png"
                save(root / path, 10 * person + 2 * camera + image)
                rows.append((path, person, camera, "train"))
    return image_table("site", root, rows)


def holds(page: np.ndarray, picture: np.ndarray) -> int:
    """How often a picture is on a page."""
    windows = np.lib.stride_tricks.sliding_window_view(page[..., 0], picture.shape[:2])
    places = np.argwhere(windows[..., 0, 0] == picture[0, 0, 0])
    return sum(np.array_equal(page[y : y + HEIGHT, x : x + WIDTH], picture) for y, x in places)


def test_a_row_shows_all_cameras_of_one_identity(tmp_path: Path) -> None:
    page = np.asarray(contact_sheet(gathered(tmp_path), identities=2, per_row=2, height=HEIGHT))
    shown = [number for number in range(10, 40) if holds(page, pixels(number))]
    assert shown == [12, 14, 32, 34]  # the first image on each camera, of the first and the last person


def test_few_images_make_a_small_page_and_all_are_on_it(tmp_path: Path) -> None:
    page = np.asarray(contact_sheet(gathered(tmp_path, people=1), identities=8, per_row=8, height=HEIGHT))
    assert [holds(page, pixels(number)) for number in (12, 13, 14, 15)] == [1, 1, 1, 1]
    assert page.shape[0] < 4 * HEIGHT


def test_a_damaged_image_leaves_a_grey_field(tmp_path: Path) -> None:
    table = gathered(tmp_path, people=1)
    (tmp_path / "1_1_0.png").write_bytes(b"not an image")
    page = np.asarray(contact_sheet(table, height=HEIGHT))
    assert holds(page, np.full((HEIGHT, WIDTH, 3), (130, 134, 142), dtype=np.uint8)) == 1


def test_pages_are_put_below_each_other(tmp_path: Path) -> None:
    page = contact_sheet(gathered(tmp_path), height=HEIGHT)
    both = stacked([page, page])
    assert both.size == (page.width, 2 * page.height)
    assert np.array_equal(np.asarray(both)[page.height :], np.asarray(page))
