"""Ranked lists and the map of embeddings: with pictures, without, and whatever is in a file's name."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fedreid.errors import UserError
from fedreid.reports import write_report
from fedreid.reports.embedding_map import in_the_plane
from tests.reports.made_up import make_run
from tests.reports.made_up_examples import add_examples
from tests.reports.made_up_open_set import with_settings
from tests.reports.page import read, write

pytestmark = pytest.mark.usefixtures("text_only")


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return make_run(tmp_path / "run", rounds=2)


def test_right_and_wrong_are_told_by_sign_frame_and_alternative_text(run_dir: Path) -> None:
    add_examples(run_dir)
    write(run_dir)
    text = read(run_dir)
    assert text.count('<li class="query"') == text.count('<li class="right"') == text.count('<li class="wrong"') == 2
    assert 'alt="Rank 1, wrong: identity 99, camera 2, similarity 0.88"' in text
    assert 'alt="Rank 2, right: identity 2, unknown camera, similarity −0.25"' in text
    assert 'alt="Query: identity 1, camera 1"' in text
    assert "Query 1 of 2: identity 1, camera 1 · AP 0.0 %" in text
    assert text.count("✗</b> 1") == text.count("✓</b> 2") == 2


def test_pictures_are_those_of_the_file_and_load_lazily(run_dir: Path) -> None:
    add_examples(run_dir)
    write(run_dir)
    pictures = re.findall(r'<img src="data:image/jpeg;base64,([^"]+)"([^>]*)>', read(run_dir))
    assert len(pictures) == 6
    kept = np.load(run_dir / "examples" / "synthetic.npz")["pictures"]
    for (uri, attributes), expected in zip(pictures, kept, strict=True):
        assert 'width="4" height="8" loading="lazy"' in attributes
        shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(uri)))).astype(float)
        assert abs(shown.mean((0, 1)) - expected.mean((0, 1))).max() < 6, "JPEG is not exact"


@pytest.mark.parametrize("kept", [True, False])
def test_without_pictures_no_pixel_is_in_the_page_and_it_says_why(run_dir: Path, kept: bool) -> None:
    """Whether the folder has some, from before somebody changed the setting, or not."""
    add_examples(run_dir, pictures=kept)
    with_settings(run_dir, "report.images=false")
    write(run_dir)
    text = read(run_dir)
    assert "data:image" not in text
    assert "Pictures are left out, as the scenario says (report.images = false)." in text
    assert text.count('class="wrong texts"') == 2
    assert 'aria-label="Rank 1, wrong: identity 99, camera 2, similarity 0.88"' in text


def test_html_and_markdown_in_paths_are_escaped(run_dir: Path) -> None:
    add_examples(run_dir, pictures=False)
    page = write(run_dir)
    assert "script>alert(1)" not in read(run_dir).replace("&lt;/script&gt;", "").replace("&lt;script&gt;", "")
    assert "query/&lt;script&gt;alert(1)&lt;/script&gt;|`x`.jpg" in read(run_dir)
    assert page.tags.isdisjoint({"iframe", "object"})
    assert "alert" not in read(run_dir, "report.md")


def test_markdown_has_a_short_table_and_no_pictures(run_dir: Path) -> None:
    add_examples(run_dir)
    write(run_dir)
    text = read(run_dir, "report.md")
    assert "| identity 1 | camera 1 | ✗ ✓ | 0.0 | 2 |" in text
    assert "| identity 2 | camera 1 | ✗ ✓ | 100.0 | 2 |" in text
    assert "![People on the map: synthetic](figures/embeddings-synthetic.png)" in text
    assert "data:image" not in text


def test_a_run_without_examples_has_no_such_section(run_dir: Path) -> None:
    write(run_dir)
    assert "What it finds" not in read(run_dir) + read(run_dir, "report.md")
    (run_dir / "examples").mkdir()
    write(run_dir)
    assert "What it finds" not in read(run_dir)


def test_many_test_sets_are_folded(run_dir: Path) -> None:
    for name in "abcde":
        add_examples(run_dir, name, lists=1)
    write(run_dir)
    assert read(run_dir).count("<summary>Ranked lists: ") == 2
    assert read(run_dir).count('id="figure-embeddings-') == 4


def test_damaged_examples_name_the_file(run_dir: Path) -> None:
    add_examples(run_dir)
    (run_dir / "examples" / "synthetic.npz").write_bytes(b"")
    with pytest.raises(UserError, match=r"examples/synthetic.npz: not the examples of a run"):
        write_report(run_dir)


# The map


def test_the_map_says_how_much_it_shows(run_dir: Path) -> None:
    add_examples(run_dir, dim=2)
    write(run_dir)
    assert "8 identities of synthetic that most cameras saw" in read(run_dir)
    assert "these 24 embeddings: the plane shows 100 % of their variance" in read(run_dir)


def test_principal_components_by_hand() -> None:
    """Along (0, 3, 4) / 5 the places are -10, 0, 10, along (1, 0, 0) they are 1, -2, 1: variances 200 and 6."""
    points = np.array([[1, -6, -8], [-2, 0, 0], [1, 6, 8]], np.float32)
    places, share = in_the_plane(points + np.float32(5))
    assert np.abs(places) == pytest.approx(np.array([[10, 1], [0, 2], [10, 1]]), abs=1e-5)
    assert places[:, 1].tolist() == pytest.approx([-1, 2, -1], abs=1e-5), "the largest entry is positive"
    assert share == pytest.approx(1)
    assert in_the_plane(points[:, :1])[0][:, 1].tolist() == [0, 0, 0], "one dimension is a line"
    assert in_the_plane(np.ones((4, 3), np.float32)) == (pytest.approx(np.zeros((4, 2))), 0.0)


def test_the_share_of_the_variance_is_that_of_the_covariance_matrix() -> None:
    points = np.random.default_rng(1).normal(size=(30, 5)) * [5, 4, 3, 2, 1]
    values = np.linalg.eigvalsh(np.cov(points.T))
    places, share = in_the_plane(points)
    assert share == pytest.approx(values[-2:].sum() / values.sum())
    assert places.var(0, ddof=1).tolist() == pytest.approx(values[:-3:-1].tolist())
