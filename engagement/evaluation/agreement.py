"""Agreement of predicted with rated affect: valence and arousal, action units, and their sum.

Pure functions; valence and arousal in -1..1, action units 0 or 1.
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score

from engagement.errors import DataError

Numbers = NDArray[np.float64] | NDArray[np.float32]
Labels = NDArray[np.int64] | NDArray[np.int8]


def ccc(truth: Numbers, predicted: Numbers) -> float:
    """Concordance correlation coefficient of two series ``(n,)``: 1 is perfect agreement.

    Lin, "A concordance correlation coefficient to evaluate reproducibility", Biometrics 45 (1989),
    255-268: ``2 s_xy / (s_x^2 + s_y^2 + (m_x - m_y)^2)`` with variances over n, so unlike the
    correlation it falls when predictions are shifted or squeezed. 0 where either series does not
    vary: no agreement beyond chance can be seen then.

    Raises:
        DataError: nothing to compare, or series of different length.
    """
    x, y = _pair(truth, predicted)
    covariance = float(np.mean((x - x.mean()) * (y - y.mean())))
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0
    return 2 * covariance / float(x.var() + y.var() + (x.mean() - y.mean()) ** 2)


def rmse(truth: Numbers, predicted: Numbers) -> float:
    """Root of the mean squared error of two series ``(n,)``.

    Raises:
        DataError: nothing to compare, or series of different length.
    """
    x, y = _pair(truth, predicted)
    return float(np.sqrt(np.mean((x - y) ** 2)))


def mean_f1_of_action_units(truth: Labels, predicted: Labels) -> float:
    """Mean over action units of the F1 of their presence; both ``(n, units)`` of 0 and 1.

    As the ABAW challenges define it: every unit weighs the same, and one that is never right
    counts 0, also where it never occurs.

    Raises:
        DataError: nothing to compare, or arrays of different shape.
    """
    if truth.shape != predicted.shape or truth.ndim != 2 or truth.size == 0:
        raise DataError(
            f"Action units of shape {truth.shape} cannot be compared with predictions of shape "
            f"{predicted.shape}."
        )
    scores = [
        f1_score(truth[:, unit], predicted[:, unit], zero_division=0.0)
        for unit in range(truth.shape[1])
    ]
    return float(np.mean(scores))


def multi_task_score(
    ccc_valence: float, ccc_arousal: float, f1_expressions: float, f1_action_units: float
) -> float:
    """P_MTL of the 4th ABAW competition: at most 3.

    Kollias, "ABAW: Learning from Synthetic Data and Multi-Task Learning Challenges", ECCV 2022
    workshops: mean CCC of valence and arousal, plus macro F1 of eight expressions, plus mean F1 of
    twelve action units.
    """
    return 0.5 * (ccc_valence + ccc_arousal) + f1_expressions + f1_action_units


def _pair(truth: Numbers, predicted: Numbers) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if truth.shape != predicted.shape or truth.ndim != 1 or truth.size == 0:
        raise DataError(
            f"{truth.size} rated values cannot be compared with {predicted.size} predictions."
        )
    return truth.astype(np.float64), predicted.astype(np.float64)
