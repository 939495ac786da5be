"""The sample's stage: the person cut out of the portrait, and a drawn room out of focus."""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

Pixels = NDArray[np.uint8]
Matte = NDArray[np.float32]

# Certainly the person, certainly not: polygons in pixels of the 512 x 512 portrait. Below the
# helmet's upper edge nothing matters, since the frame never shows it.
_PERSON = [
    (165, 70), (200, 30), (250, 28), (285, 70), (285, 105), (262, 128), (258, 150), (250, 185),
    (300, 230), (335, 260), (350, 300), (352, 330), (40, 330), (50, 290), (85, 240), (125, 215),
    (130, 190), (150, 165), (186, 152), (184, 125), (165, 105),
]  # fmt: skip
_AROUND = [
    (145, 70), (160, 38), (205, 12), (260, 12), (300, 50), (306, 95), (290, 128), (274, 142),
    (268, 162), (305, 195), (312, 228), (346, 248), (362, 300), (366, 345), (14, 345), (20, 300),
    (34, 262), (66, 234), (104, 205), (108, 178), (135, 150), (168, 140), (160, 122), (148, 100),
]  # fmt: skip


def cut_out(portrait: Pixels) -> tuple[Pixels, Matte]:
    """Separate the person from the studio behind.

    Returns:
        The portrait with the person's colours run over the outline, so that no halo of the
        studio's wall is left, and the matte ``(512, 512)`` in 0..1.
    """
    mask = np.full(portrait.shape[:2], cv2.GC_BGD, dtype=np.uint8)
    cv2.fillPoly(mask, [np.array(_AROUND)], cv2.GC_PR_FGD)
    cv2.fillPoly(mask, [np.array(_PERSON)], cv2.GC_FGD)
    # The neck's sides and the wall seen between hair and collar are left to the algorithm.
    cv2.setRNGSeed(0)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(portrait[..., ::-1].copy(), mask, None, *models, 6, cv2.GC_INIT_WITH_MASK)
    person = np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    person = cv2.morphologyEx(person, cv2.MORPH_OPEN, kernel)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(person)
    if count > 2:
        person = (labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))).astype(np.uint8)
    solid = cv2.erode(person, kernel, iterations=2)
    rows, columns = distance_transform_edt(solid == 0, return_distances=False, return_indices=True)
    spread = cv2.GaussianBlur(portrait[rows, columns], (0, 0), 1.0)
    clean = np.where(solid[..., None] > 0, portrait, spread)
    matte = cv2.GaussianBlur(cv2.erode(person, kernel).astype(np.float32), (0, 0), 1.0)
    return clean.astype(np.uint8), np.asarray(matte, dtype=np.float32)


def _gradient(width: int, height: int) -> NDArray[np.float64]:
    across = np.linspace(0, 1, width)[None, :, None]
    down = np.linspace(0, 1, height)[:, None, None]
    near, far = np.array([214.0, 208.0, 198.0]), np.array([150.0, 144.0, 142.0])
    depth = np.clip(0.75 * across + 0.3 * down, 0, 1)
    return near * (1 - depth) + far * depth


def _window(room: Pixels) -> None:
    cv2.rectangle(room, (-40, -20), (128, 236), (236, 232, 226), -1)
    cv2.rectangle(room, (-30, -20), (116, 224), (232, 240, 248), -1)
    cv2.rectangle(room, (-30, 150), (116, 224), (196, 212, 190), -1)
    cv2.line(room, (40, -20), (40, 224), (224, 220, 214), 9)
    cv2.line(room, (-30, 78), (116, 78), (224, 220, 214), 7)
    cv2.rectangle(room, (-40, 228), (142, 242), (226, 222, 216), -1)


def _shelf(room: Pixels, rng: np.random.Generator) -> None:
    palette = np.array(
        [
            (126, 64, 52), (58, 82, 108), (168, 142, 96), (72, 96, 78), (196, 186, 168),
            (96, 74, 98), (178, 112, 70), (52, 60, 70),
        ]
    )  # fmt: skip
    cv2.rectangle(room, (452, -10), (660, 318), (112, 86, 66), -1)
    for top in (-6, 92, 190):
        bottom = top + 88
        cv2.rectangle(room, (462, top), (660, bottom), (84, 66, 54), -1)
        x = 466 + int(rng.integers(0, 8))
        while x < 650:
            wide, tall = int(rng.integers(9, 19)), int(rng.integers(48, 76))
            colour = palette[rng.integers(len(palette))] + rng.integers(-10, 11, 3)
            if rng.random() < 0.86:
                spine = tuple(int(c) for c in colour)
                cv2.rectangle(room, (x, bottom - tall), (x + wide - 1, bottom), spine, -1)
            x += wide + int(rng.integers(0, 3))


def draw_room(width: int, height: int, seed: int) -> Pixels:
    """A study with a window and a bookshelf, out of focus, RGB ``(height, width, 3)``."""
    rng = np.random.default_rng(seed)
    room = np.ascontiguousarray(_gradient(640, 360).astype(np.uint8))
    _window(room)
    _shelf(room, rng)
    cv2.rectangle(room, (0, 330), (640, 360), (122, 104, 90), -1)
    blurred = cv2.GaussianBlur(room, (0, 0), 5.0)
    return np.asarray(cv2.resize(blurred, (width, height), interpolation=cv2.INTER_AREA))
