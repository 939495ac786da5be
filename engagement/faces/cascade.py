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
_TRIED_SIZES = (0.92, 1.0, 1.08)
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
    """

    def __init__(self, rgb: Pixels) -> None:
        self.height, self.width = rgb.shape[:2]
        self._sums: NDArray[np.int32] = cv2.integral(rgb)

    def whole(self, size: tuple[int, int]) -> Floats:
        """The picture as ``(3, h', w')`` about -1..1 for `size` (h', w')."""
        return self._pooled(0, self.height, 0, self.width, size)

    def crops(self, boxes: Floats, side: int) -> Floats:
        """Boxes ``(n, 4)`` that lie `inside`, as ``(n, 3, side, side)`` about -1..1."""
        return np.stack(
            [
                self._pooled(y1 - 1, y2, x1 - 1, x2, (side, side))
                for x1, y1, x2, y2 in self._whole_pixels(boxes)
            ]
        )

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

    def _pooled(
        self, top: int, bottom: int, left: int, right: int, size: tuple[int, int]
    ) -> Floats:
        y0, y1 = _bins(top, bottom, size[0])
        x0, x1 = _bins(left, right, size[1])
        rows = self._sums[y1] - self._sums[y0]
        sums = rows[:, x1] - rows[:, x0]
        areas = ((y1 - y0)[:, None] * (x1 - x0)).astype(np.float32)
        scaled = (sums / areas[:, :, None] - np.float32(127.5)) * np.float32(0.0078125)
        return np.ascontiguousarray(scaled.transpose(2, 0, 1), dtype=np.float32)


def _bins(low: int, high: int, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each of `count` bins over the pixels from `low` to `high` begins and ends."""
    steps = np.arange(count + 1) * (high - low)
    return low + steps[:-1] // count, low - (-steps[1:] // count)


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

    def near(self, picture: PooledPicture, boxes: Floats) -> Candidates:
        """The face at or near each of the boxes ``(n, 4)``, which are faces' of a moment ago.

        Each is tried at several sizes, of which the one counts that the network is surest of:
        corrections of a box that was corrected before would shrink it, by two in a hundred.
        Scores are zero where there is no face.
        """
        squares = _squared(boxes)
        half = (squares[:, 2:] - squares[:, :2]) / 2
        middle = squares[:, :2] + half
        sizes = [np.hstack([middle - half * size, middle + half * size]) for size in _TRIED_SIZES]
        tried = np.concatenate(sizes).astype(np.float32)
        has_pixels = picture.has_pixels(tried)
        scores = np.zeros(len(tried), np.float32)
        corrected = self._corrected(picture, tried[has_pixels])
        scores[has_pixels] = corrected.scores
        best = scores.reshape(len(_TRIED_SIZES), -1).argmax(axis=0) * len(boxes)
        best += np.arange(len(boxes))
        place = np.cumsum(has_pixels) - 1  # of a tried box among those that were corrected
        chosen = corrected.take(np.maximum(place[best], 0)) if has_pixels.any() else _NOTHING
        return Candidates(chosen.boxes, scores[best], chosen.landmarks)

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
