"""Yaw and pitch of a head from five landmarks.

A rigid generic head is fitted to the landmarks under scaled orthography: the best affine map is a
linear least squares problem, and the nearest rotation to it is the pose (Gee and Cipolla,
"Determining the gaze of faces in images", Image and Vision Computing 12(10), 1994; DeMenthon and
Davis' POS, IJCV 15, 1995). Good to some ten degrees: a person's own face is not the generic one,
and a camera above the screen adds a constant to the pitch.
"""

import numpy as np
from numpy.typing import NDArray

from engagement.types import Floats

# Millimetres, x to the image's right, y down, z away from the camera: left eye, right eye, nose
# tip, mouth corners. Distances of an average adult (interpupillary 63, mouth width 50, nose
# protrusion 30 before the eyes' plane). The nose's height makes the median pitch of FER2013's
# neutral faces (training split) zero.
_HEAD = np.array(
    [
        [-31.5, 0.0, 0.0],
        [31.5, 0.0, 0.0],
        [0.0, 36.5, -30.0],
        [-25.0, 70.0, -6.0],
        [25.0, 70.0, -6.0],
    ]
)
# A smile widens the mouth and lifts its corners, which would read as looking down. They are put
# back by half of what the mouth is wider than at rest (both in units of the eyes' distance). With
# that, happy and neutral faces of FER2013's training split have the same median pitch within two
# degrees (150 faces of each); without it they differ by six.
_REST_WIDTH = 0.81
_LIFT_PER_WIDTH = 0.5
_CENTRED = _HEAD - _HEAD.mean(axis=0)
_SOLVE = np.linalg.pinv(_CENTRED)


def head_pose(landmarks: Floats) -> tuple[float, float]:
    """Yaw and pitch in degrees of landmarks ``(5, 2)``.

    Positive yaw turns towards the image's right, positive pitch looks up; both are 0 for a face
    that looks into the camera. (0, 0) for degenerate landmarks.
    """
    points = _at_rest(np.asarray(landmarks, dtype=np.float64))
    affine = (_SOLVE @ (points - points.mean(axis=0))).T  # (2, 3)
    rotation = _nearest_rotation(affine)
    if rotation is None:
        return 0.0, 0.0
    # The direction that the nose points to: the head's -z axis in the camera's frame.
    x, y, z = -rotation[:, 2]
    yaw = np.degrees(np.arctan2(x, -z))
    pitch = np.degrees(np.arcsin(np.clip(-y, -1.0, 1.0)))
    return float(yaw), float(pitch)


def _at_rest(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Landmarks with the mouth's corners where they would be without a smile."""
    eyes = points[1] - points[0]
    distance = np.linalg.norm(eyes)
    if distance < 1e-6:
        return points
    along = eyes / distance
    width = (points[4] - points[3]) @ along / distance
    down = np.array([-along[1], along[0]]) * distance
    relaxed = points.copy()
    relaxed[3:] += down * _LIFT_PER_WIDTH * (width - _REST_WIDTH)
    return relaxed


def _nearest_rotation(affine: NDArray[np.float64]) -> NDArray[np.float64] | None:
    u, singular, vt = np.linalg.svd(affine, full_matrices=False)
    if singular[1] < 1e-6:
        return None
    rows = u @ vt
    return np.vstack([rows, np.cross(rows[0], rows[1])])
