"""The figure that simulated recordings show in place of a person. Light: arithmetic only."""

import math

#: Width and height of the pictures in pixels.
WIDTH, HEIGHT = 426, 240
_HEAD_W, _HEAD_H = 72.0, 92.0

Box = tuple[float, float, float, float]


def head_box(t_s: float) -> Box:
    """Where the figure's head is at a time: ``x1, y1, x2, y2`` in pixels. It sways slowly."""
    middle_x = WIDTH / 2 + 14.0 * math.sin(t_s / 37.0) + 5.0 * math.sin(t_s / 11.0)
    middle_y = 96.0 + 4.0 * math.sin(t_s / 23.0)
    return (
        round(middle_x - _HEAD_W / 2, 1),
        round(middle_y - _HEAD_H / 2, 1),
        round(middle_x + _HEAD_W / 2, 1),
        round(middle_y + _HEAD_H / 2, 1),
    )
