"""MTCNN's cascade: three small networks, each surer and slower than the one before.

Zhang et al., "Joint Face Detection and Alignment Using Multitask Cascaded Convolutional
Networks", IEEE SPL 2016, with the thresholds, overlaps and roundings of facenet-pytorch, whose
weights the networks carry: on the same picture it gives the package's boxes and landmarks, to a
thousandth of a pixel. Written anew in numpy, so that the networks run on any runtime
(`engagement.faces.networks`), and so that the last one may be asked about a box that is known.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engagement.faces.networks import CascadeNetworks
from engagement.types import Floats, Pixels

_CELL_PX = 12
_STRIDE_PX = 2
_SHRINK = 0.709
_THRESHOLDS = (0.6, 0.7, 0.7)
_NEAR_SIZE = 0.92
#: Sizes that a batch is filled up to: runtimes keep compiled code for every size that they met.
_BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


@dataclass(frozen=True)
class Candidates:
    """Faces of one picture.

    Attributes:
        boxes: ``(n, 4)`` xyxy in pixels of the picture, not cut to it.
        scores: ``(n,)`` the last network's probability.
        landmarks: ``(n, 5, 2)``.
    """

    boxes: Floats
    scores: Floats
    landmarks: Floats

    def take(self, kept: NDArray[np.intp] | NDArray[np.bool_]) -> "Candidates":
        """Some of them."""
        return Candidates(self.boxes[kept], self.scores[kept], self.landmarks[kept])


class PooledPicture:
    """A picture that gives the mean of any of its parts, as adaptive average pooling forms it.

    Sums over all pixels above and left of each are made once; every size of the whole and every
    crop comes from them by four look-ups a value, whatever its size.

    Args:
        rgb: ``(h, w, 3)`` uint8.
        around: only crops of these boxes ``(n, 4)`` will be wanted, which saves sums.
    """

    def __init__(self, rgb: Pixels, around: Floats | None = None) -> None:
        self.height, self.width = rgb.shape[:2]
        self._left = self._top = 0
        if around is not None and len(around):
            whole = self._whole_pixels(around)
            self._left, self._top = (max(0, int(v) - 1) for v in whole[:, :2].min(axis=0))
            right, bottom = (int(v) for v in whole[:, 2:].max(axis=0))
            rgb = np.ascontiguousarray(rgb[self._top : bottom, self._left : right])
        self._sums: NDArray[np.int32] = cv2.integral(rgb)

    def whole(self, size: tuple[int, int]) -> Floats:
        """The picture as ``(3, h', w')`` about -1..1 for `size` (h', w')."""
        y0, y1 = _bins(np.array([0]), np.array([self.height]), size[0])
        x0, x1 = _bins(np.array([0]), np.array([self.width]), size[1])
        rows = self._sums[y1[0]] - self._sums[y0[0]]
        return _scaled(rows[:, x1[0]] - rows[:, x0[0]], (y1 - y0)[0], (x1 - x0)[0])

    def crops(self, boxes: Floats, side: int) -> Floats:
        """Boxes ``(n, 4)`` that lie `inside`, as ``(n, 3, side, side)`` about -1..1."""
        whole = self._whole_pixels(boxes)
        y0, y1 = _bins(whole[:, 1] - 1 - self._top, whole[:, 3] - self._top, side)
        x0, x1 = _bins(whole[:, 0] - 1 - self._left, whole[:, 2] - self._left, side)

        def at(y: NDArray[np.int64], x: NDArray[np.int64]) -> NDArray[np.int32]:
            return self._sums[y[:, :, None], x[:, None, :]]

        return _scaled(at(y1, x1) - at(y1, x0) - at(y0, x1) + at(y0, x0), y1 - y0, x1 - x0)

    def inside(self, boxes: Floats) -> Floats:
        """Those of the boxes ``(n, 4)`` that have pixels of the picture in them."""
        return boxes[self.has_pixels(boxes)]

    def has_pixels(self, boxes: Floats) -> NDArray[np.bool_]:
        """Which of the boxes ``(n, 4)`` have pixels of the picture in them."""
        whole = self._whole_pixels(boxes)
        return np.asarray((whole[:, 2:] > whole[:, :2] - 1).all(axis=1))

    def _whole_pixels(self, boxes: Floats) -> NDArray[np.int64]:
        """Boxes cut to the picture, counted from 1, both ends included."""
        whole = np.trunc(boxes).astype(np.int64)
        whole[:, :2] = np.maximum(whole[:, :2], 1)
        whole[:, 2:] = np.minimum(whole[:, 2:], (self.width, self.height))
        return whole


def _bins(
    low: NDArray[np.int64], high: NDArray[np.int64], count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each of `count` bins over the pixels from `low` to `high` begins and ends.

    Both ``(n,)``; the results are ``(n, count)``.
    """
    steps = np.arange(count + 1) * (high - low)[:, None]
    return low[:, None] + steps[:, :-1] // count, low[:, None] - (-steps[:, 1:] // count)


def _scaled(
    sums: NDArray[np.int32], heights: NDArray[np.int64], widths: NDArray[np.int64]
) -> Floats:
    """Sums ``(..., h, w, 3)`` over bins of so many rows and columns -> ``(..., 3, h, w)``."""
    areas = (heights[..., :, None] * widths[..., None, :]).astype(np.float32)
    means = sums.astype(np.float32) / areas[..., None]
    scaled = (means - np.float32(127.5)) * np.float32(0.0078125)
    return np.ascontiguousarray(np.moveaxis(scaled, -1, -3))


class Cascade:
    """Finds all faces of a picture. Not safe to share between threads."""

    def __init__(self, networks: CascadeNetworks) -> None:
        self._networks = networks

    def find(self, rgb: Pixels, min_face_px: int) -> Candidates:
        """Faces of at least `min_face_px` in ``(h, w, 3)`` uint8, the surest first."""
        picture = PooledPicture(rgb)
        return self.refine(picture, self._refine(picture, self._propose(picture, min_face_px)))

    def refine(self, picture: PooledPicture, boxes: Floats) -> Candidates:
        """What the last network makes of boxes ``(n, 4)`` near faces: corrected, the surest first.

        Of those that come to lie on each other the surest remains.
        """
        corrected = self._corrected(picture, picture.inside(_squared(boxes)))
        sure = corrected.take(corrected.scores > _THRESHOLDS[2])
        return sure.take(_suppress(sure.boxes, sure.scores, 0.7, of_smaller=True))

    def near(self, rgb: Pixels, boxes: Floats) -> Candidates:
        """The face at or near each of the boxes ``(n, 4)``, which are faces' of a moment ago.

        Scores are zero where there can be none, outside of the picture.
        """
        squares = _squared(boxes)
        # A correction of a box that was corrected before would shrink it, by two in a hundred, on
        # and on. From squares of this size the corrected boxes are on average of the right one.
        inwards = (squares[:, 2:] - squares[:, :2]) * ((1 - _NEAR_SIZE) / 2)
        tried = np.hstack([squares[:, :2] + inwards, squares[:, 2:] - inwards])
        picture = PooledPicture(rgb, tried)
        has_pixels = picture.has_pixels(tried)
        found = Candidates(
            tried.copy(), np.zeros(len(tried), np.float32), np.zeros((len(tried), 5, 2), np.float32)
        )
        corrected = self._corrected(picture, tried[has_pixels])
        found.boxes[has_pixels] = corrected.boxes
        found.scores[has_pixels] = corrected.scores
        found.landmarks[has_pixels] = corrected.landmarks
        return found

    def _corrected(self, picture: PooledPicture, squares: Floats) -> Candidates:
        """What the last network makes of squares ``(n, 4)``, in their order."""
        if not len(squares):
            return _NOTHING
        offsets, points, scores = self._on_crops(picture, squares, 48)
        sides = squares[:, 2:] - squares[:, :2] + 1
        landmarks = np.stack(
            [
                sides[:, :1] * points[:, :5] + squares[:, :1] - 1,
                sides[:, 1:] * points[:, 5:] + squares[:, 1:2] - 1,
            ],
            axis=2,
        )
        return Candidates(_moved(squares, offsets), scores[:, 1], landmarks.astype(np.float32))

    def _propose(self, picture: PooledPicture, min_face_px: int) -> Floats:
        """Squares that may hold a face, from the whole picture at falling sizes."""
        scale = _CELL_PX / min_face_px
        boxes, scores, offsets = [], [], []
        while min(picture.height, picture.width) * scale >= _CELL_PX:
            size = (int(picture.height * scale + 1), int(picture.width * scale + 1))
            regression, probability = self._networks.proposal.run(picture.whole(size)[None])
            rows, columns = np.nonzero(probability[0, 1] >= _THRESHOLDS[0])
            found = probability[0, 1, rows, columns]
            corner = np.stack([columns, rows], axis=1) * _STRIDE_PX
            top_left = np.floor((corner + 1) / scale)
            bottom_right = np.floor((corner + _CELL_PX) / scale)
            here = np.hstack([top_left, bottom_right]).astype(np.float32)
            kept = _suppress(here, found, 0.5)
            boxes.append(here[kept])
            scores.append(found[kept])
            offsets.append(regression[0][:, rows, columns].T[kept])
            scale *= _SHRINK
        if not boxes:
            return np.empty((0, 4), np.float32)
        all_boxes, all_offsets = np.concatenate(boxes), np.concatenate(offsets)
        kept = _suppress(all_boxes, np.concatenate(scores), 0.7)
        # Unlike the later networks' offsets, these are shares of sides without the one pixel more.
        chosen, shift = all_boxes[kept], all_offsets[kept]
        sides = np.tile(chosen[:, 2:] - chosen[:, :2], 2)
        return _squared(np.asarray(chosen + shift * sides, dtype=np.float32))

    def _refine(self, picture: PooledPicture, boxes: Floats) -> Floats:
        boxes = picture.inside(boxes)
        if not len(boxes):
            return boxes
        offsets, scores = self._on_crops(picture, boxes, 24)
        sure = scores[:, 1] > _THRESHOLDS[1]
        boxes, offsets, found = boxes[sure], offsets[sure], scores[sure, 1]
        kept = _suppress(boxes, found, 0.7)
        return _moved(boxes[kept], offsets[kept])

    def _on_crops(self, picture: PooledPicture, boxes: Floats, side: int) -> list[Floats]:
        """A network's outputs ``(n, ...)`` of the boxes' pixels."""
        network = self._networks.refinement if side == 24 else self._networks.output
        parts = []
        for start in range(0, len(boxes), _BATCHES[-1]):
            part = boxes[start : start + _BATCHES[-1]]
            filled = next(size for size in _BATCHES if size >= len(part))
            x = np.zeros((filled, 3, side, side), np.float32)
            x[: len(part)] = picture.crops(part, side)
            parts.append([y[: len(part)] for y in network.run(x)])
        return [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]


_NOTHING = Candidates(
    np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty((0, 5, 2), np.float32)
)


def _squared(boxes: Floats) -> Floats:
    """Squares of the longer side around the same centres."""
    sides = boxes[:, 2:] - boxes[:, :2]
    longer = sides.max(axis=1, keepdims=True)
    corner = boxes[:, :2] + (sides - longer) * 0.5
    return np.asarray(np.hstack([corner, corner + longer]), dtype=np.float32)


def _moved(boxes: Floats, offsets: Floats) -> Floats:
    """Boxes with their corners moved by shares of their sides."""
    sides = np.tile(boxes[:, 2:] - boxes[:, :2] + 1, 2)
    return np.asarray(boxes + offsets * sides, dtype=np.float32)


def _suppress(
    boxes: Floats, scores: Floats, most: float, *, of_smaller: bool = False
) -> NDArray[np.intp]:
    """Of boxes that overlap by more than `most` only the surest; which are kept, surest first.

    Args:
        of_smaller: overlap is the share of the smaller box (of whole pixels, both ends included)
            instead of intersection over union.
    """
    order = np.argsort(-scores, kind="stable")
    if len(order) < 2:
        return order
    sides = np.clip(boxes[:, 2:] - boxes[:, :2] + of_smaller, 0, None)
    area = sides.prod(axis=1)
    kept = []
    while len(order):
        best, rest = order[0], order[1:]
        kept.append(best)
        low = np.maximum(boxes[best, :2], boxes[rest, :2])
        high = np.minimum(boxes[best, 2:], boxes[rest, 2:])
        shared = np.clip(high - low + of_smaller, 0, None).prod(axis=1)
        if of_smaller:
            whole = np.minimum(area[best], area[rest])
        else:
            whole = area[best] + area[rest] - shared
        order = rest[shared <= most * whole]
    return np.array(kept, dtype=np.intp)
