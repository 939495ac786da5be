"""Training of engagement classifiers, judged on people that they have not seen.

Everything that is fitted is fitted on training people only: standardisation, penalties and numbers
of rounds (chosen on people held out inside the training set), and the calibration. The figures come
from an outer cross-validation around all of it, so that neither choice nor calibration has seen the
people whom they are measured on; the classifier that is kept is then fitted on everybody by the
same procedure.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import softmax

from engagement.datasets.engagement_windows import WindowSet
from engagement.errors import DataError
from engagement.evaluation.engagement import (
    EngagementReport,
    balanced_recall,
    calibration_error,
    check_fits,
    confusions,
    measure,
)
from engagement.evaluation.resampling import Doubles, Ints, codes_of, draws, measured
from engagement.training.engagement_methods import (
    Calibration,
    Fitter,
    Model,
    calibrate,
    fitter_of,
)
from engagement.training.engagement_samples import (
    Samples,
    Split,
    check_apart,
    samples_of,
    subject_wise,
)
from engagement.types import Floats
from engagement.windows.classifier import (
    ClassifierCard,
    EngagementClassifier,
    Measured,
    Method,
    Scope,
)

# People held out inside a training set are held out in so many parts.
_INNER_FOLDS = 4


@dataclass(frozen=True)
class FitSettings:
    """How a classifier is trained.

    Attributes:
        method: its kind.
        folds: parts of the outer cross-validation; one person at a time where there are not more
            people than folds.
        seed: decides the folds, the resamples, and what a network begins at.
        scope: whom it is for. With ``student`` all windows are one student's, and a window's
            `person` names its recording: the same recording is never on both sides.
        name: as reports show it.
        bootstrap: resamples of people behind each interval.
        balanced: every level weighs the same, so that rare levels are found; probabilities then
            hold where levels are equally frequent, and promise too much for rare ones elsewhere.
        device: where a network is trained, as torch names it.
    """

    method: Method = "ridge"
    folds: int = 5
    seed: int = 0
    scope: Scope = "general"
    name: str = "engagement"
    bootstrap: int = 1000
    balanced: bool = False
    device: str = "cpu"


@dataclass(frozen=True)
class Fitted:
    """A classifier and what it is worth.

    Attributes:
        classifier: fitted on all windows.
        out_of_fold: ``(w, levels)`` float32, probabilities of each window by a model, and a
            calibration, that had seen nothing of its person.
        report: what these are worth.
    """

    classifier: EngagementClassifier
    out_of_fold: Floats
    report: EngagementReport


@dataclass(frozen=True)
class Comparison:
    """Balanced recall of a candidate and of what it would replace, on the same windows.

    Attributes:
        difference: candidate minus current, its interval from the same draws of people for both.
        better: whether the whole interval of the difference lies above 0.
    """

    candidate: Measured
    current: Measured
    difference: Measured
    better: bool


OnProgress = Callable[[float], None]


def fit_engagement(
    windows: WindowSet,
    settings: FitSettings | None = None,
    *,
    on_progress: OnProgress | None = None,
) -> Fitted:
    """Train a classifier and measure it by subject-wise cross-validation.

    Raises:
        DataError: too few people, levels or windows, or embeddings that do not fit each other.
    """
    settings = settings or FitSettings()
    samples = samples_of(windows, balanced=settings.balanced)
    fitter = fitter_of(settings.method, settings.seed, settings.device)
    splits = subject_wise(samples, max(2, settings.folds), settings.seed)
    done = _counted(len(splits) + 1, on_progress)
    judged = cross_validated(samples, fitter, splits, settings.seed, on_fold=done)
    report = measure(
        samples.levels,
        judged.probabilities,
        samples.people,
        windows.levels,
        bootstrap=settings.bootstrap,
        seed=settings.seed,
    )
    report = replace(report, uncalibrated_error=judged.uncalibrated_error)
    trained = fit_calibrated(samples, fitter, settings.seed)
    done()
    classifier = trained.model.classifier(
        _card(windows, samples, settings, report), trained.calibration
    )
    return Fitted(classifier, judged.probabilities, report)


def compare(
    windows: WindowSet,
    out_of_fold: Floats,
    current_levels: Ints,
    *,
    bootstrap: int = 1000,
    seed: int = 0,
) -> Comparison:
    """Compare a candidate's out-of-fold probabilities with the levels that are named today.

    Args:
        windows: what both judged.
        out_of_fold: ``(w, levels)`` of a `Fitted`.
        current_levels: ``(w,)`` what is named today; negative where it names nothing, which is
            right nowhere.

    Raises:
        DataError: arrays do not fit the windows.
    """
    truth = np.array([w.level for w in windows.windows], dtype=np.int64)
    people = [w.person for w in windows.windows]
    check_fits(truth, out_of_fold, people, windows.levels)
    current = np.asarray(current_levels, dtype=np.int64)
    if current.shape != truth.shape or (current >= len(windows.levels)).any():
        raise DataError(
            f"{current.size} levels of today, up to {current.max(initial=0)}, cannot be compared "
            f"on {len(truth)} windows with {len(windows.levels)} levels. Give one a window."
        )
    codes = codes_of(people)
    drawn = draws(int(codes.max()) + 1, bootstrap, seed)

    def recalls(named: Ints) -> Doubles:
        return balanced_recall(confusions(truth, named, codes, drawn, len(windows.levels)))

    new, old = recalls(out_of_fold.argmax(axis=1)), recalls(current)
    difference = measured(new - old)
    return Comparison(measured(new), measured(old), difference, better=difference.low > 0)


@dataclass(frozen=True)
class Trained:
    """A model, and its calibration by people held out inside its training set."""

    model: Model
    calibration: Calibration

    def logits(self, samples: Samples) -> Doubles:
        """Logits ``(w, k)`` before the temperature."""
        raw = self.model.raw(samples)
        link = self.calibration.link
        return raw if link is None else link.logits(raw)


@dataclass(frozen=True)
class Judged:
    """Held-out probabilities ``(w, k)``, and their calibration error before temperatures.

    The error is None where a method has no temperature of its own, but a link.
    """

    probabilities: Floats
    uncalibrated_error: float | None


def fit_calibrated(samples: Samples, fitter: Fitter, seed: int) -> Trained:
    """Choose a candidate and its calibration on held-out people, and fit it on all."""
    splits = subject_wise(samples, _INNER_FOLDS, seed)
    order = np.concatenate([split.held for split in splits])
    paths = [fitter.path(samples.take(s.train), samples.take(s.held)) for s in splits]
    held = samples.take(order)
    tried = [calibrate(np.concatenate(parts), held) for parts in zip(*paths, strict=True)]
    best = min(range(len(tried)), key=lambda i: tried[i].loss)
    return Trained(fitter.fit(samples, best), tried[best])


def cross_validated(
    samples: Samples,
    fitter: Fitter,
    splits: Sequence[Split],
    seed: int,
    *,
    on_fold: Callable[[], None] | None = None,
) -> Judged:
    """Judge each window by a model that was fitted, chosen and calibrated without its person.

    Raises:
        DataError: the splits have a person on both sides.
    """
    check_apart(samples.people, splits)
    shape = (len(samples), samples.level_count)
    before, after = np.empty(shape), np.empty(shape, dtype=np.float32)
    has_temperature = False
    for split in splits:
        trained = fit_calibrated(samples.take(split.train), fitter, seed)
        logits = trained.logits(samples.take(split.held))
        before[split.held] = softmax(logits, axis=1)
        after[split.held] = softmax(logits / trained.calibration.temperature, axis=1)
        has_temperature = trained.calibration.link is None
        if on_fold:
            on_fold()
    error = calibration_error(samples.levels, before.astype(np.float32))
    return Judged(after, error if has_temperature else None)


def _card(
    windows: WindowSet, samples: Samples, settings: FitSettings, report: EngagementReport
) -> ClassifierCard:
    """The card, with the temperature of the calibration still to come."""
    return ClassifierCard(
        name=settings.name,
        method=settings.method,
        embedding_model=windows.embedding_model,
        embedding_size=int(samples.rows[0].shape[1]),
        levels=tuple(windows.levels),
        window_s=windows.window_s,
        sampling_fps=windows.sampling_fps,
        temperature=1.0,
        trained_on=windows.source,
        people=report.people,
        windows=report.windows,
        scope=settings.scope,
        metrics=dict(report.metrics),
        guessing=dict(report.guessing),
    )


def _counted(steps: int, on_progress: OnProgress | None) -> Callable[[], None]:
    """Called after each step, tells what share is done."""
    count = 0

    def done() -> None:
        nonlocal count
        count += 1
        if on_progress:
            on_progress(count / steps)

    return done
