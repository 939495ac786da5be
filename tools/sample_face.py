"""The sample's face: a marked mesh on the portrait, and expressions as moves of its points.

All coordinates are pixels of scikit-image's 512 x 512 `astronaut` (x to the right, y down). The
photograph smiles; every other expression is made from it by moving the mesh, so none of them is
an emotion that anybody felt.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.spatial import Delaunay

Points = NDArray[np.float64]
Pixels = NDArray[np.uint8]
Field = NDArray[np.float32]

# The part of the portrait that the mesh covers: x0, y0, x1, y1.
HEAD = (136, 4, 316, 204)
# The portrait is enlarged before warping, so that edges stay clean.
ENLARGED = 2

# Points in the order of the image, left to right (the woman's right to left).
_Marks = list[tuple[float, float]]
_MESH: dict[str, _Marks] = {
    "corner_left": [(202.5, 139.4)],
    "corner_right": [(245.0, 140.4)],
    "upper_outer": [
        (208, 139.0), (213, 139.2), (218.5, 139.3), (223, 140.1), (228, 139.5), (234, 139.5),
        (240, 139.7),
    ],
    "upper_inner": [
        (208, 141.0), (213, 142.0), (218, 142.9), (223, 143.4), (228.5, 143.1), (234, 142.4),
        (239.5, 140.9),
    ],
    "lower_inner": [
        (207, 144.2), (211.5, 147.2), (217, 149.0), (223, 149.4), (229, 148.8), (234.5, 146.6),
        (239.5, 144.0),
    ],
    "lower_outer": [
        (206.5, 145.4), (211, 150.8), (217, 153.8), (223, 154.6), (229, 154.0), (235, 151.2),
        (240.5, 146.4),
    ],
    "brow_left": [(190, 90.2), (194, 88.8), (198.5, 88), (204, 89.5), (209, 91), (213, 92.3)],
    "brow_right": [(238, 93), (243, 92.4), (249, 92), (254, 92), (258, 93.5), (262, 96)],
    "crease_left": [(193, 96), (198, 94), (204, 94), (210, 96.5)],
    "crease_right": [(238, 98.5), (244, 96.5), (250, 96.5), (256, 98)],
    "lid_left": [(195.5, 98.2), (201, 96.8), (206, 97.6), (209.5, 100)],
    "lid_right": [(240, 100.8), (245, 99.4), (250.5, 99.6), (255, 101.6)],
    "under_left": [(197, 102.8), (202, 104), (206, 104), (210, 103.3)],
    "under_right": [(239.5, 105.2), (244, 106.2), (249, 106.2), (253.5, 104.8)],
    "eye_corners": [(191.5, 100.8), (213.5, 102.5), (235, 104.6), (259, 104)],
    "bag": [(193, 107), (202, 109), (211, 107.5), (237, 109.5), (247, 111), (257, 109)],
    "nose": [(224, 98), (224, 110), (224, 120), (216, 118), (232, 119)],
    "nose_base": [(211.5, 127), (217, 131), (224, 133), (231, 132), (237, 128.5)],
    "philtrum": [(217, 136.3), (223.5, 136.8), (230, 136.5)],
    "fold_left": [(205, 126), (198.5, 132.5), (196.5, 138.5)],
    "fold_right": [(243, 128.5), (248.3, 134.5), (250, 140)],
    "cheek_left": [(192, 117), (187, 127), (190, 140), (197, 148)],
    "cheek_right": [(256, 119), (261, 129), (257, 142), (250, 149)],
    "chin": [(211, 158), (223, 159), (235, 158), (208, 167), (223, 168), (238, 167)],
    "jaw": [
        (185, 150), (191, 160), (200, 168.5), (210, 175), (222, 177.6), (234, 175.5),
        (245, 170), (254, 162), (262, 150),
    ],
    "side": [(179, 118), (181.5, 134), (182, 100), (270, 122), (267, 137), (270, 104)],
    "forehead": [(198, 83), (211, 86), (224, 87), (238, 88), (252, 89)],
    "fringe": [(187, 73), (200, 77), (215, 79), (230, 80), (245, 82), (258, 86), (268, 90)],
    "still": [
        (136, 4), (226, 4), (316, 4), (136, 104), (316, 104), (136, 204), (226, 204), (316, 204),
        (153, 70), (160, 112), (200, 22), (250, 20), (296, 70), (285, 118), (182, 62), (272, 66),
        (172, 126), (278, 134), (187, 178), (205, 186), (226, 190), (250, 185), (256, 172),
    ],
}  # fmt: skip

_FOLDS: list[_Marks] = [
    [(206, 124), (202, 129.5), (198, 133), (196.3, 137), (196.3, 141)],
    [(241, 126), (245, 131), (248.5, 136), (249.8, 139.5), (248.5, 143.5)],
    [(183, 101), (187, 103), (191, 103)],
]
_CHEEKS: list[_Marks] = [
    [(190, 122), (203, 124), (205, 132), (201, 141), (198, 148), (190, 144), (187, 132)],
    [(258, 124), (245, 126), (243, 134), (247, 142), (249, 149), (257, 146), (261, 134)],
]
_SHINE: _Marks = [(215.5, 151), (218.5, 151.3), (222, 151)]


@dataclass(frozen=True)
class Mouth:
    """A mouth as a few lengths in pixels, from which its 30 mesh points follow."""

    width: float
    corners_y: float
    line_y: float
    upper: float
    lower: float
    gap: float = 0.0

    def points(self) -> dict[str, Points]:
        """Mesh points of lips and corners, tilted as the portrait's head is."""
        across = np.linspace(-1, 1, 9)
        bow = 1 - across**2
        x = 223.3 + across * self.width / 2
        tilt = 0.035 * (x - 223.3)
        line = self.corners_y + (self.line_y - self.corners_y) * bow + tilt
        cupid = 0.6 * np.exp(-((across / 0.12) ** 2))
        opened = line + self.gap * np.sqrt(bow)
        curves = {
            "upper_outer": line - self.upper * bow**0.7 + cupid,
            "upper_inner": line,
            "lower_inner": opened,
            "lower_outer": opened + self.lower * bow**0.6,
        }
        found = {name: np.stack([x, y], axis=1)[1:-1] for name, y in curves.items()}
        ends = np.stack([x, line], axis=1)
        return found | {"corner_left": ends[:1], "corner_right": ends[-1:]}


# Moves of the other groups, in pixels: one (dx, dy) for all points of a group, or one a point.
_Moves = Mapping[str, tuple[float, float] | _Marks]

_RELAXED: _Moves = {
    "fold_left": (1.2, 2.0),
    "fold_right": (-1.2, 2.0),
    "cheek_left": (2.4, 3.2),
    "cheek_right": (-2.4, 3.2),
    "jaw": [
        (2, 1), (2, 1), (1.3, 0.7), (0.7, 0.5), (0, 0.5), (-0.7, 0.5), (-1.3, 0.7), (-2, 1),
        (-2, 1),
    ],
    "philtrum": (0, 0.5),
    "nose_base": [(1.3, 0.3), (0.5, 0), (0, 0), (-0.5, 0), (-1.3, 0.3)],
    "under_left": (0, 0.7),
    "under_right": (0, 0.7),
    "bag": (0, 1.0),
    "chin": [(0, -1), (0, -1), (0, -1), (0, 0), (0, 0), (0, 0)],
}  # fmt: skip
_EXPRESSIONS: dict[str, tuple[Mouth, _Moves]] = {
    "neutral": (Mouth(33, 148.8, 145.8, 5.4, 6.4), _RELAXED),
    "sadness": (
        Mouth(34, 150.0, 145.0, 4.3, 6.4),
        {
            **_RELAXED,
            "brow_left": [
                (1, 2.4), (1.2, 1.6), (1.5, 0.5), (2, -1.6), (2.5, -3.6), (2.9, -4.8),
            ],
            "brow_right": [
                (-2.9, -4.8), (-2.5, -3.6), (-2, -1.6), (-1.5, 0.5), (-1.2, 1.6), (-1, 2.4),
            ],
            "crease_left": [(0, 2.4), (0, 2), (0, 0.8), (0, -0.6)],
            "crease_right": [(0, -0.6), (0, 0.8), (0, 2), (0, 2.4)],
            "lid_left": [(0, 2.2), (0, 2.6), (0, 2.2), (0, 1)],
            "lid_right": [(0, 1), (0, 2.2), (0, 2.6), (0, 2.2)],
            "under_left": (0, 0),
            "under_right": (0, 0),
            "fold_left": (0.8, 3.2),
            "fold_right": (-0.8, 3.2),
            "cheek_left": (1.8, 3.4),
            "cheek_right": (-1.8, 3.4),
            "chin": [(0, -2), (0, -2.4), (0, -2), (0, -1), (0, -1), (0, -1)],
        },
    ),
    "surprise": (
        Mouth(25, 149.6, 144.6, 4.6, 6.2, gap=12.5),
        {
            **_RELAXED,
            "brow_left": [(0, -3), (0, -4.4), (0, -5), (0, -5), (0, -4.4), (0, -4)],
            "brow_right": [(0, -4), (0, -4.4), (0, -5), (0, -5), (0, -4.4), (0, -3)],
            "crease_left": (0, -2.4),
            "crease_right": (0, -2.4),
            "lid_left": (0, -1.8),
            "lid_right": (0, -1.8),
            "under_left": (0, 0.9),
            "under_right": (0, 0.9),
            "forehead": (0, -3),
            "fringe": (0, -3),
            "fold_left": (3, 4),
            "fold_right": (-3, 4),
            "cheek_left": [(0, 2), (1, 4), (2, 5), (3, 6)],
            "cheek_right": [(0, 2), (-1, 4), (-2, 5), (-3, 6)],
            "chin": [(0, 9), (0, 9.5), (0, 9), (0, 8), (0, 8), (0, 8)],
            "jaw": [
                (1, 3), (1, 5), (0.5, 6.5), (0, 7.5), (0, 7.5), (0, 7.5), (-0.5, 6.5), (-1, 5),
                (-1, 3),
            ],
        },
    ),
}  # fmt: skip
_BLINK: _Moves = {
    "lid_left": [(0, 4.6), (0, 7.0), (0, 6.6), (0, 3.4)],
    "lid_right": [(0, 4.6), (0, 6.8), (0, 6.6), (0, 3.4)],
    "crease_left": (0, 2.6),
    "crease_right": (0, 2.6),
    "under_left": (0, -0.6),
    "under_right": (0, -0.6),
}


def _stack(groups: Mapping[str, Points]) -> Points:
    return np.concatenate([groups[name] for name in _MESH])


def _shift(moves: _Moves, mouth: Mouth | None = None) -> Points:
    """Displacement ``(n, 2)`` of every mesh point."""
    base = {name: np.asarray(points, dtype=np.float64) for name, points in _MESH.items()}
    moved = {name: points + np.asarray(moves.get(name, (0, 0))) for name, points in base.items()}
    return _stack(moved | (mouth.points() if mouth else {})) - _stack(base)


def _rows(name: str) -> slice:
    start = 0
    for group, points in _MESH.items():
        if group == name:
            return slice(start, start + len(points))
        start += len(points)
    raise KeyError(name)


def _soft_mask(shape: tuple[int, ...], outline: Points, blur: float) -> Field:
    mask = np.zeros(shape[:2], dtype=np.uint8)
    cv2.fillPoly(mask, [np.round(outline * 16).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), blur)[..., None] / np.float32(255))


def _smooth_over(image: Pixels, marks: Pixels, blur: float) -> NDArray[np.float64]:
    """Fill marked lines from the skin beside them."""
    filled = cv2.inpaint(image, marks, 5 * ENLARGED, cv2.INPAINT_TELEA)
    filled = cv2.GaussianBlur(filled, (0, 0), blur)
    soft = 0.85 * cv2.GaussianBlur(marks, (0, 0), 1.2 * ENLARGED)[..., None] / 255.0
    return np.asarray(image * (1 - soft) + filled * soft)


def _shut_eyes(head: Pixels, mesh: Points, amount: float) -> Pixels:
    """Darken what a closing lid leaves of the eye to the line of its lashes."""
    corners = mesh[_rows("eye_corners")]
    for side, ends in (("left", corners[:2]), ("right", corners[2:])):
        upper, lower = mesh[_rows(f"lid_{side}")], mesh[_rows(f"under_{side}")]
        outline = np.concatenate([ends[:1], upper, ends[1:], lower[::-1]])
        eye = _soft_mask(head.shape, outline, 0.5 * ENLARGED) * amount
        lashes = np.array([92.0, 62.0, 46.0])
        head = np.clip(head * (1 - eye) + lashes * eye, 0, 255).astype(np.uint8)
    return head


def _open_mouth(head: Pixels, mesh: Points, amount: float) -> Pixels:
    """Paint the inside of an open mouth: dark, with a hint of the upper teeth."""
    if amount <= 0:
        return head
    ends = (mesh[_rows("corner_left")], mesh[_rows("corner_right")])
    curves = []
    for name in ("upper_inner", "lower_inner"):
        curve = np.concatenate([ends[0], mesh[_rows(name)], ends[1]])
        at = np.linspace(0, len(curve) - 1, 65)
        fine = CubicSpline(np.arange(len(curve)), curve)(at)
        curves.append(fine)
    upper, lower = curves
    hole = _soft_mask(head.shape, np.concatenate([upper, lower[::-1]]), 0.7 * ENLARGED) * amount
    middle = slice(14, 51)
    drop = 0.24 * (lower[middle] - upper[middle])
    strip = np.concatenate([upper[middle], (upper[middle] + drop)[::-1]])
    teeth = _soft_mask(head.shape, strip, 0.6 * ENLARGED)
    floor = np.concatenate([lower[middle], (lower[middle] - 1.4 * drop)[::-1]])
    tongue = _soft_mask(head.shape, floor, 2.0 * ENLARGED)
    inside = np.array([48.0, 20.0, 20.0]) * (1 - teeth) + np.array([186.0, 172.0, 162.0]) * teeth
    inside = inside + tongue * np.array([66.0, 26.0, 28.0])
    return np.asarray(np.clip(head * (1 - hole) + inside * hole, 0, 255), dtype=np.uint8)


class Face:
    """The portrait's head, able to wear an expression.

    Args:
        portrait: RGB ``(512, 512, 3)``.
    """

    def __init__(self, portrait: Pixels) -> None:
        x0, y0, x1, y1 = HEAD
        self._origin = np.array([x0, y0], dtype=np.float64)
        crop = portrait[y0:y1, x0:x1]
        size = ((x1 - x0) * ENLARGED, (y1 - y0) * ENLARGED)
        self._smiling = cv2.resize(crop, size, interpolation=cv2.INTER_LANCZOS4)
        mesh = _stack({name: np.asarray(points) for name, points in _MESH.items()})
        self._mesh = (mesh - self._origin) * ENLARGED
        self._triangles = Delaunay(self._mesh).simplices
        self._relaxed = self._relax()
        self._shifts = {
            name: _shift(moves, mouth) * ENLARGED for name, (mouth, moves) in _EXPRESSIONS.items()
        }
        self._blink = _shift(_BLINK) * ENLARGED

    def _local(self, points: _Marks) -> Points:
        return (np.asarray(points, dtype=np.float64) - self._origin) * ENLARGED

    def _relax(self) -> Pixels:
        """The texture of a face that does not smile: no folds, and a dark mouth for teeth."""
        image = np.asarray(self._smiling)
        folds = np.zeros(image.shape[:2], dtype=np.uint8)
        for fold in _FOLDS:
            line = np.round(self._local(fold)).astype(np.int32)
            cv2.polylines(folds, [line], False, 255, thickness=4 * ENLARGED)
        # The wet light on the lower lip would pass for teeth.
        shine = np.round(self._local(_SHINE)).astype(np.int32)
        cv2.polylines(folds, [shine], False, 255, thickness=5 * ENLARGED)
        plain = _smooth_over(image, folds, 1.5 * ENLARGED)
        # A smile lifts the cheeks; without it their lower edge casts no shade.
        cheeks = np.zeros(image.shape[:2], dtype=np.uint8)
        for cheek in _CHEEKS:
            cv2.fillPoly(cheeks, [np.round(self._local(cheek)).astype(np.int32)], 255)
        wide = cv2.GaussianBlur(plain, (0, 0), 10 * ENLARGED)
        soft = cv2.GaussianBlur(cheeks, (0, 0), 4 * ENLARGED)[..., None] / 255.0
        fine = plain - cv2.GaussianBlur(plain, (0, 0), 1.5 * ENLARGED)
        plain = plain * (1 - soft) + (wide + fine) * soft
        inside = self._local(
            [
                *_MESH["corner_left"],
                *_MESH["upper_inner"],
                *_MESH["corner_right"],
                *reversed(_MESH["lower_inner"]),
            ]
        )
        hole = np.zeros(image.shape[:2], dtype=np.uint8)
        cv2.fillPoly(hole, [np.round(inside).astype(np.int32)], 255)
        soft = cv2.GaussianBlur(hole, (0, 0), 0.5 * ENLARGED)[..., None] / 255.0
        dark = np.array([104.0, 52.0, 48.0])
        return np.asarray(np.clip(plain * (1 - soft) + dark * soft, 0, 255), dtype=np.uint8)

    def wear(self, expression: Mapping[str, float], blink: float = 0.0) -> Pixels:
        """The enlarged head, RGB, with an expression.

        Args:
            expression: how much (0..1) of ``neutral``, ``sadness`` and ``surprise``; what is
                missing to one is the photograph's smile.
            blink: 0 for eyes as they are, 1 for closed eyes.
        """
        target = self._mesh + blink * self._blink
        for name, weight in expression.items():
            target = target + weight * self._shifts[name]
        # Teeth stay teeth until the lips are nearly shut.
        relaxed = float(np.clip(sum(expression.values()) * 1.6 - 0.6, 0, 1))
        texture = cv2.addWeighted(self._relaxed, relaxed, self._smiling, 1 - relaxed, 0)
        back = self._back_map(target)
        head = cv2.remap(texture, back, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        head = _shut_eyes(np.asarray(head), target, max(0.0, 2 * blink - 1))
        return _open_mouth(head, target, min(1.0, 3 * expression.get("surprise", 0.0)))

    def _back_map(self, target: Points) -> Field:
        """Where in the texture each pixel of the warped head comes from, ``(h, w, 2)``."""
        height, width = self._smiling.shape[:2]
        labels = np.zeros((height, width), dtype=np.int32)
        affines = np.empty((len(self._triangles), 2, 3))
        for i, triangle in enumerate(self._triangles):
            corners = target[triangle]
            # A mouth that closes leaves triangles without area, which own no pixel.
            area = np.linalg.det(np.column_stack([corners, np.ones(3)]))
            affines[i] = (
                cv2.getAffineTransform(
                    corners.astype(np.float32), self._mesh[triangle].astype(np.float32)
                )
                if abs(area) > 1.0
                else np.array([[1.0, 0, 0], [0, 1, 0]])
            )
            if abs(area) > 1.0:
                cv2.fillConvexPoly(labels, np.round(corners * 16).astype(np.int32), i, shift=4)
        y, x = np.mgrid[:height, :width].astype(np.float64)
        chosen = affines[labels]
        back = chosen[..., 0] * x[..., None] + chosen[..., 1] * y[..., None] + chosen[..., 2]
        shift = (back - np.stack([x, y], axis=-1)).astype(np.float32)
        return np.asarray(
            cv2.GaussianBlur(shift, (0, 0), 0.6 * ENLARGED)
            + np.stack([x, y], axis=-1).astype(np.float32),
            dtype=np.float32,
        )
