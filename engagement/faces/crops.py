"""Square, upright crops of faces."""

import cv2
import numpy as np

from engagement.types import Face, Pixels

# Head tilts beyond this are landmarks gone wrong more often than necks.
_MOST_ROLL_DEG = 40.0


def roll_deg(face: Face) -> float:
    """How far the line between the eyes is from horizontal, in degrees, clockwise positive."""
    left, right = face.landmarks[0], face.landmarks[1]
    angle = float(np.degrees(np.arctan2(right[1] - left[1], right[0] - left[0])))
    return angle if abs(angle) <= _MOST_ROLL_DEG else 0.0


def crop_face(rgb: Pixels, face: Face, *, scale: float = 1.0, shift_y: float = 0.0) -> Pixels:
    """Cut a square around `face`, rotated so that the eyes are level.

    Args:
        rgb: the frame, ``(h, w, 3)``.
        face: whose box and landmarks are used.
        scale: side of the square over the longer side of the box.
        shift_y: how far below the box's centre to cut, as a share of that longer side.

    Returns:
        ``(s, s, 3)`` uint8 at the frame's own resolution; pixels outside the frame repeat its edge.
    """
    x1, y1, x2, y2 = (float(v) for v in face.xyxy)
    longer = max(x2 - x1, y2 - y1)
    side = max(2, round(longer * scale))
    angle = roll_deg(face)
    centre = ((x1 + x2) / 2, (y1 + y2) / 2)
    matrix = cv2.getRotationMatrix2D(centre, angle, 1.0)
    matrix[0, 2] += side / 2 - centre[0]
    matrix[1, 2] += side / 2 - centre[1] - shift_y * longer
    return np.asarray(
        cv2.warpAffine(
            rgb, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        ),
        dtype=np.uint8,
    )


def crop_box(rgb: Pixels, face: Face) -> Pixels:
    """Cut the detector's box out of the frame, as the published models saw faces.

    Corners are cut to whole pixels towards zero and to the frame's edges.

    Returns:
        ``(h, w, 3)`` uint8, at least one pixel each way; not a square in general.
    """
    height, width = rgb.shape[:2]
    x1, y1, x2, y2 = (int(v) for v in face.xyxy)
    x1, y1 = min(max(x1, 0), width - 1), min(max(y1, 0), height - 1)
    x2, y2 = min(max(x2, x1 + 1), width), min(max(y2, y1 + 1), height)
    return np.ascontiguousarray(rgb[y1:y2, x1:x2])
