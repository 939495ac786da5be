"""What turns a track's windows into engagement, by the name it is asked for.

A trained classifier answers for the embeddings that it was trained on and for no others; without
one, the concentration index stands in, which is a rule.
"""

from dataclasses import dataclass
from pathlib import Path

from engagement.errors import ModelError
from engagement.files import sha256_of
from engagement.weights.cache import find_file
from engagement.weights.registry import find_model
from engagement.windows import concentration
from engagement.windows import single_attention as attention
from engagement.windows.classifier import ClassifierCard, EngagementClassifier

#: The best one present: the published classifier where it is in the cache and fits, else the index.
AUTO = "auto"


@dataclass(frozen=True)
class TrainedEngagement:
    """A classifier that is ready to judge the embeddings of one expression model.

    Attributes:
        classifier: the classifier.
        weights_sha256: of its file.
        frames: so many observations in a row are a window, one observation apart, as the published
            classifier is used on every frame; None where windows are stretches of time.
    """

    classifier: EngagementClassifier
    weights_sha256: str
    frames: int | None = None

    @property
    def card(self) -> ClassifierCard:
        return self.classifier.card


def open_engagement(
    choice: str | Path, expression_model: str, *, native: bool = False
) -> TrainedEngagement | None:
    """The classifier to use on the embeddings of an expression model; None is the index.

    Args:
        choice: ``auto``, ``concentration_index``, ``engagement_single_attention``, or the path of
            a file that ``engagement train engagement`` wrote.
        expression_model: name of the model that makes the embeddings.
        native: whether every frame is going to be given.

    Raises:
        ModelError: no such classifier, not on this machine, or made for other embeddings.
    """
    if str(choice) == concentration.NAME:
        return None
    if str(choice) == AUTO:
        path = find_file(find_model(attention.NAME).files[0])
        if path is None or not takes(expression_model, attention.PUBLISHED_EMBEDDINGS):
            return None
        return _published(path, native=native)
    trained = (
        _published(_present(), native=native)
        if str(choice) == attention.NAME
        else _from_file(Path(choice))
    )
    if not takes(expression_model, trained.card.embedding_model):
        raise ModelError(
            f"The engagement classifier {trained.card.name} was trained on embeddings of "
            f"{trained.card.embedding_model} and says nothing of those of {expression_model}. "
            f"Choose that expression model, or {concentration.NAME}.",
            code="engagement_misfit",
        )
    return trained


def takes(expression_model: str, embedding_model: str) -> bool:
    """Whether a classifier for `embedding_model` takes the embeddings of an expression model.

    The published classifier names a family: it is used with any of the seeds' EfficientNet-B0.

    >>> takes("enet_b0_8_va_mtl", "enet_b0"), takes("enet_b2_8", "enet_b0")
    (True, False)
    """
    if embedding_model == attention.PUBLISHED_EMBEDDINGS:
        return expression_model.startswith(f"{embedding_model}_")
    return expression_model == embedding_model


def _present() -> Path:
    found = find_file(find_model(attention.NAME).files[0])
    if found is None:
        raise ModelError(
            f"The engagement classifier {attention.NAME} is not on this machine. Run `engagement "
            f"models fetch {attention.NAME}`, or choose {concentration.NAME}.",
            code="model_absent",
        )
    return found


def _published(path: Path, *, native: bool) -> TrainedEngagement:
    weights = attention.SingleAttention.from_file(path)
    classifier = attention.AttentionClassifier(attention.published_card(weights), weights)
    frames = attention.PUBLISHED_FRAMES if native else None
    return TrainedEngagement(classifier, sha256_of(path), frames)


def _from_file(path: Path) -> TrainedEngagement:
    from engagement.windows.classifier_file import read_classifier

    if not path.is_file():
        raise ModelError(
            f"There is no engagement classifier {path}. Choose {AUTO}, {concentration.NAME}, "
            f"{attention.NAME}, or a file that `engagement train engagement` wrote.",
            code="model_unknown",
        )
    return TrainedEngagement(read_classifier(path), sha256_of(path))
