"""How far two people agree beyond chance.

Cohen's kappa (Educ. Psychol. Meas. 20, 1960) and its large-sample standard error (Fleiss, Cohen
and Everitt, Psychol. Bull. 72, 1969).
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

#: With fewer windows the standard error is no guide.
LEAST_WINDOWS = 20
_95 = 1.959964


@dataclass(frozen=True)
class Agreement:
    """Two people's answers on the same windows; kappa is None where there is too little.

    `low` and `high` bound the 95% interval.
    """

    windows: int
    agreed: int
    kappa: float | None
    low: float | None = None
    high: float | None = None


def agreement(pairs: Sequence[tuple[str, str]]) -> Agreement:
    """The agreement of two people, from what each said of the same windows."""
    count, agreed = len(pairs), sum(one == other for one, other in pairs)
    if count < LEAST_WINDOWS or len({answer for pair in pairs for answer in pair}) < 2:
        return Agreement(count, agreed, None)
    shares = {cell: number / count for cell, number in Counter(pairs).items()}
    first, second = _margin(shares, 0), _margin(shares, 1)
    chance = sum(share * second.get(answer, 0.0) for answer, share in first.items())
    kappa = (agreed / count - chance) / (1 - chance)
    if agreed == count:
        # The formula's error is then zero; three in n is the usual bound of what was never seen.
        return Agreement(count, agreed, kappa, 1 - (3 / count) / (1 - chance), 1.0)
    reach = _95 * _standard_error(shares, first, second, chance, kappa) / math.sqrt(count)
    return Agreement(count, agreed, kappa, max(-1.0, kappa - reach), min(1.0, kappa + reach))


def _margin(shares: dict[tuple[str, str], float], side: int) -> dict[str, float]:
    margin: dict[str, float] = {}
    for cell, share in shares.items():
        margin[cell[side]] = margin.get(cell[side], 0.0) + share
    return margin


def _standard_error(
    shares: dict[tuple[str, str], float],
    first: dict[str, float],
    second: dict[str, float],
    chance: float,
    kappa: float,
) -> float:
    """Times the root of the number of windows; equation 13 of Fleiss, Cohen and Everitt."""
    total = -((kappa - chance * (1 - kappa)) ** 2)
    for (one, other), share in shares.items():
        if one == other:
            margin = first[one] + second[one]
            total += share * (1 - margin * (1 - kappa)) ** 2
        else:
            margin = second.get(one, 0.0) + first.get(other, 0.0)
            total += share * (1 - kappa) ** 2 * margin**2
    return math.sqrt(max(0.0, total)) / (1 - chance)
