"""Faces brought to one place: five landmarks moved onto those of a template of 112 x 112 pixels.

Deng et al., ArcFace, CVPR 2019: the template's points, which most face models were trained with. The least-squares
similarity (turn, scale, shift) is Umeyama's, IEEE TPAMI 13(4), 1991, without reflections: in the plane it is one
complex number for turn and scale, and one for the shift.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

SIDE = 112
# x and y of eyes, nose and corners of the mouth; the centre of the first pixel is at 0.
TEMPLATE = np.array([
    [38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041],
])  # fmt: skip
CENTRE = 0.5  # of a pixel for Pillow, whose first pixel starts at 0
SMALLEST = 1e-6  # pixels: landmarks closer together than this are one point


def aligned(image: Image.Image, landmarks: np.ndarray, image_size: tuple[int, int]) -> Image.Image:
    """An image in which the landmarks are where the template has them, as far as turning and scaling can bring them.

    Args:
        image: RGB, at the size that the landmarks belong to.
        landmarks: (5, 2) x and y, in the template's order.
        image_size: height and width of the result. The template is stretched to it; what lies outside `image` is black.

    Raises:
        ValueError: the landmarks aren't numbers, or are all at one point.
    """
    height, width = image_size
    turn, shift = similarity(landmarks + CENTRE, TEMPLATE + CENTRE)
    back, origin = 1 / turn, -shift / turn  # from the template to the image, which is what resampling asks for
    across, down = SIDE / width, SIDE / height
    matrix = (
        back.real * across, -back.imag * down, origin.real,
        back.imag * across, back.real * down, origin.imag,
    )  # fmt: skip
    return image.transform((width, height), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)


def similarity(points: np.ndarray, targets: np.ndarray) -> tuple[complex, complex]:
    """The turn a and shift b for which a * point + b comes closest to the targets; points are x + iy.

    Args:
        points, targets: (n, 2).

    Raises:
        ValueError: points that aren't finite, or all in one place.
    """
    if not (np.isfinite(points).all() and np.isfinite(targets).all()):
        raise ValueError("its landmarks aren't those of a face: some are no numbers")
    source, target = (array[:, 0] + 1j * array[:, 1] for array in (points.astype(float), targets.astype(float)))
    centred = source - source.mean()
    spread = float((np.abs(centred) ** 2).sum())
    if spread <= SMALLEST**2:
        raise ValueError("its landmarks aren't those of a face: all at one point")
    turn = complex((centred.conj() * (target - target.mean())).sum() / spread)
    if not turn:
        raise ValueError("its landmarks aren't those of a face: no turn brings them near the template")
    return turn, complex(target.mean() - turn * source.mean())
