"""Every model that the platform knows by name: what it is, where its file lies, what is published.

Light on purpose: listing models must not load torch. The files are the authors' own, in two public
repositories; each is named by commit and by its git blob id, so that what arrives can be checked
whoever sent it.

Figures: README of EmotiEffLib 1.1.1 (https://github.com/sb-ai-lab/EmotiEffLib), measured by its
authors on the validation sets, and on a Samsung Fold 3 (Qualcomm 888) for the times. They are not
measured again here.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from engagement.errors import ModelError
from engagement.networks.spec import (
    CAFFE_224,
    EIGHT_EMOTIONS,
    IMAGENET_224,
    IMAGENET_260,
    SEVEN_EMOTIONS,
    SYMMETRIC_112,
    CropSpec,
    ExpressionSpec,
    InputSpec,
)

Kind = Literal["expression", "identity", "engagement"]
Format = Literal["torch", "keras", "onnx", "state_dict"]
Speed = Literal["fast", "medium", "slow"]

#: The expression model that needs no download.
DEFAULT_EXPRESSION = "mobilenet_7_fer"
#: Length of an embedding, by architecture; what `networks.architectures` builds, without torch.
EMBEDDING_SIZES: Mapping[str, int] = MappingProxyType(
    {
        "mobilenet_face": 1024,
        "efficientnet_b0": 1280,
        "efficientnet_b2": 1408,
        "mobilevitv2_150": 768,
        "mobilefacenet": 512,
        "single_attention": 512,
    }
)


@dataclass(frozen=True)
class Source:
    """A file in a public repository, at one commit."""

    repo: str
    commit: str
    path: str

    @property
    def url(self) -> str:
        """Address of the file's bytes at the code host."""
        return f"https://github.com/{self.repo}/raw/{self.commit}/{self.path}"


@dataclass(frozen=True)
class PublishedFile:
    """A file of a model, as its authors published it.

    Attributes:
        name: the file's own name, for example ``enet_b0_8_best_vgaf.pt``.
        format: `torch` is a pickled module, `state_dict` pickled tensors (neither is ever
            unpickled), `keras` an HDF5 file.
        git_blob: hexadecimal sha1 of ``blob <size>`` and a zero byte and the bytes.
        sources: where it can be fetched, in order of preference; the bytes are the same.
    """

    name: str
    format: Format
    git_blob: str
    sources: tuple[Source, ...]


@dataclass(frozen=True)
class Figures:
    """Published figures of a model; None where nothing is published.

    Attributes:
        affectnet_8, affectnet_7: accuracy in % on AffectNet's validation set.
        afew, vgaf: accuracy in % on the validation sets, for some models of the videos in which a
            face was found, for others of all; docs/evaluation.md says which.
        lsd_f1: F1 in % on the Learning from Synthetic Data challenge.
        mtl: score of the Multi-Task Learning challenge (ABAW 4); higher is better.
        size_mb: size of the file; where none is published, four bytes a parameter.
        phone_ms, phone_ms_spread: mean time a face on the authors' phone, and its deviation.
    """

    affectnet_8: float | None = None
    affectnet_7: float | None = None
    afew: float | None = None
    vgaf: float | None = None
    lsd_f1: float | None = None
    mtl: float | None = None
    size_mb: float | None = None
    phone_ms: float | None = None
    phone_ms_spread: float | None = None


@dataclass(frozen=True)
class RegisteredModel:
    """A model that can be asked for by name.

    Attributes:
        kind: `expression` reads emotions off a face, `identity` is a face network to start
            training from, `engagement` reads windows of embeddings.
        summary: one sentence for people.
        architecture: a key of `EMBEDDING_SIZES`.
        spec: what it takes and gives. An identity network's has no classes; an engagement model
            has none. `mobilenet_7` may have a hidden layer: its size is read from the file, and is
            0 here.
        files: the authors' own file first, then ONNX where it is published.
        licence: SPDX name of the weights' licence; the data have terms of their own.
        bundled: the file, where it comes with the package.
        multiply_adds: of the network for one input, in millions.
    """

    name: str
    kind: Kind
    summary: str
    architecture: str
    spec: ExpressionSpec | None
    multiply_adds: float
    files: tuple[PublishedFile, ...] = ()
    figures: Figures = field(default_factory=Figures)
    licence: str = "Apache-2.0"
    bundled: Path | None = None

    @property
    def embedding_size(self) -> int:
        """Length of the embeddings that it gives, or of the last hidden layer (`engagement`)."""
        return EMBEDDING_SIZES[self.architecture]

    @property
    def speed(self) -> Speed:
        """How long a face takes, in three classes.

        By the published time on a phone where there is one: `fast` up to 30 ms, `medium` up to
        100 ms, else `slow`. Otherwise by multiply-adds: `fast` up to 200 million, `medium` up to
        600 million, else `slow`. Other machines have other times, in about the same order.
        """
        time = self.figures.phone_ms
        cost, limits = (self.multiply_adds, (200, 600)) if time is None else (time, (30, 100))
        return "fast" if cost <= limits[0] else "medium" if cost <= limits[1] else "slow"

    @property
    def main_file(self) -> PublishedFile | None:
        """The authors' own file; None for a model that comes with the package."""
        return self.files[0] if self.files else None

    @property
    def onnx_file(self) -> PublishedFile | None:
        """The published ONNX file, if any."""
        return next((file for file in self.files if file.format == "onnx"), None)


def find_model(name: str) -> RegisteredModel:
    """The model of that name.

    Raises:
        ModelError: there is none (``model_unknown``); the nearest names are suggested.
    """
    if name in MODELS:
        return MODELS[name]
    near = difflib.get_close_matches(name, MODELS, n=3, cutoff=0.6)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"Known are {', '.join(MODELS)}."
    raise ModelError(f"There is no model {name!r}. {hint}", code="model_unknown")


_Repo = tuple[str, str]
_SAVCHENKO = ("av-savchenko/face-emotion-recognition", "207ed4981625d1f643e25b4a3014e2eed20a0b46")
_EMOTIEFFLIB = ("sb-ai-lab/EmotiEffLib", "f1df0e8548c666d268826e50b7de107fd5553e9d")
_BOTH = (_SAVCHENKO, _EMOTIEFFLIB)
_BOX = CropSpec(style="box")
#: Architecture, input, and millions of multiply-adds for one such input.
_Family = tuple[str, InputSpec, float]
_MOBILENET = ("mobilenet_face", CAFFE_224, 568)
_ENET_B0 = ("efficientnet_b0", IMAGENET_224, 385)
_ENET_B2 = ("efficientnet_b2", IMAGENET_260, 992)
_MOBILEFACENET = ("mobilefacenet", SYMMETRIC_112, 438)
_MOBILEVIT = ("mobilevitv2_150", IMAGENET_224, 3150)


def _file(
    path: str, form: Format, git_blob: str, repos: tuple[_Repo, ...] = _BOTH
) -> PublishedFile:
    sources = tuple(Source(repo, commit, f"models/{path}") for repo, commit in repos)
    return PublishedFile(Path(path).name, form, git_blob, sources)


def _expression(
    name: str,
    summary: str,
    family: _Family,
    figures: Figures,
    git_blob: str,
    onnx_blob: str = "",
    *,
    repos: tuple[_Repo, ...] = _BOTH,
) -> RegisteredModel:
    architecture, taken, multiply_adds = family
    spec = ExpressionSpec(
        name=name,
        classes=SEVEN_EMOTIONS if name.endswith("_7") else EIGHT_EMOTIONS,
        architecture=architecture,
        input=taken,
        crop=_BOX,
        predicts_affect=name.endswith("_mtl"),
    )
    folder = "affectnet_emotions"
    keras = family is _MOBILENET
    own = f"{folder}/{name}.h5" if keras else f"{folder}/{name}.pt"
    files = [_file(own, "keras" if keras else "torch", git_blob, repos)]
    if onnx_blob:
        files.append(_file(f"{folder}/onnx/{name}.onnx", "onnx", onnx_blob, repos))
    return RegisteredModel(
        name, "expression", summary, architecture, spec, multiply_adds, tuple(files), figures
    )


def _identity(
    name: str, summary: str, family: _Family, file_name: str, git_blob: str
) -> RegisteredModel:
    architecture, taken, multiply_adds = family
    spec = ExpressionSpec(name, (), architecture, taken, _BOX)
    file = _file(f"pretrained_faces/{file_name}", "state_dict", git_blob)
    return RegisteredModel(name, "identity", summary, architecture, spec, multiply_adds, (file,))


_ALL = (
    RegisteredModel(
        name=DEFAULT_EXPRESSION,
        kind="expression",
        summary="MobileNet v1, seven emotions, fine-tuned on FER2013 by this project: the default.",
        architecture="mobilenet_face",
        # What its file says of itself; a test compares the two.
        spec=ExpressionSpec(
            name=DEFAULT_EXPRESSION,
            classes=SEVEN_EMOTIONS,
            architecture="mobilenet_face",
            input=replace(CAFFE_224, size=120, channels="grey", resize="area"),
            crop=CropSpec("level", 0.95, -0.015),
        ),
        multiply_adds=144,
        figures=Figures(size_mb=6.4),
        bundled=Path(__file__).parent / "files" / "mobilenet_7_fer.safetensors",
    ),
    _expression(
        "mobilenet_7",
        "MobileNet v1, seven emotions: the fastest on the authors' phone.",
        _MOBILENET,
        Figures(None, 64.71, 55.35, 68.92, None, 1.099, 14, 16, 5),
        "3a3d5bb84506960a3ace7586b42b010623bae099",
    ),
    _expression(
        "enet_b0_8_best_afew",
        "EfficientNet-B0, eight emotions: of the B0s the best on film clips (AFEW).",
        _ENET_B0,
        Figures(60.95, 64.63, 59.89, 66.80, 59.32, 1.110, 16, 59, 26),
        "9540c8beff661f1c2fca16de63b530cce24bb17d",
        "d87faf71e8756d68c701ffd88b4cde4be460f57d",
    ),
    _expression(
        "enet_b0_8_best_vgaf",
        "EfficientNet-B0, eight emotions: of the B0s the best on videos of groups (VGAF).",
        _ENET_B0,
        Figures(61.32, 64.57, 55.14, 68.29, 59.72, 1.123, 16, 59, 26),
        "7219cfb037209b253ea8b81cf969e60a00e9181c",
        "49772db4e87ee6df57087fba131832a959e5c64d",
    ),
    _expression(
        "enet_b0_8_va_mtl",
        "EfficientNet-B0, eight emotions with valence and arousal.",
        _ENET_B0,
        Figures(61.93, 64.94, 56.73, 66.58, 60.94, 1.276, 16, 60, 32),
        "b7223bd1ab092a1b5a42bc04a5f4fbfe4d9f8b9b",
        "7ce9d6dd5b82b260bc19bfe7822a6ffa1abb6011",
    ),
    _expression(
        "enet_b0_7",
        "EfficientNet-B0, seven emotions.",
        _ENET_B0,
        Figures(None, 65.74, 56.99, 65.18, None, 1.111, 16, 59, 26),
        "47b748b42622ae1489a389588e9526d44ab01009",
        repos=(_SAVCHENKO,),
    ),
    _expression(
        "enet_b2_7",
        "EfficientNet-B2, seven emotions.",
        _ENET_B2,
        Figures(None, 66.34, 59.63, 69.84, None, 1.134, 30, 191, 18),
        "5a8ccbb17913461296003be726a22b6fc40d602b",
        "cdd6a6070b72ed2e59e15e810ae0ecdbcb0f7626",
    ),
    _expression(
        "enet_b2_8",
        "EfficientNet-B2, eight emotions.",
        _ENET_B2,
        Figures(63.03, 66.29, 57.78, 70.23, 52.06, 1.147, 30, 191, 18),
        "eed81e6368877e89f8a99cfabadae7c3ddc3a949",
        "a7cb612cbab1ce3d50dd52e57285fb2c7ea6d0d9",
    ),
    _expression(
        "enet_b2_8_best",
        "EfficientNet-B2, eight emotions: the best published accuracy on AffectNet in this list.",
        _ENET_B2,
        Figures(63.125, 66.51, 56.73, 71.12, None, None, 30, 191, 18),
        "43be51786607c44fd13df41a497056c6accf7188",
        "7e53eb31fefa28f6667195b27c7adade87da0a8f",
        repos=(_SAVCHENKO,),
    ),
    _expression(
        "mbf_va_mtl",
        "MobileFaceNet, eight emotions with valence and arousal: small input, small file.",
        _MOBILEFACENET,
        Figures(size_mb=8),
        "522bdabca7c655a7abde9cfca17e3dfcceadf9a0",
        "194db927ec135679e5cd0a267c5605e2e9d68e7e",
    ),
    _expression(
        "mobilevit_va_mtl",
        "MobileViT v2, eight emotions with valence and arousal.",
        _MOBILEVIT,
        Figures(size_mb=39),
        "d648cb1a20a5b1ab0af64192ec9be39e5cdd3961",
        "bed5781a1af9924536638ac3786603e124ee900e",
    ),
    RegisteredModel(
        name="engagement_single_attention",
        kind="engagement",
        summary="Distracted or engaged, from 128 embeddings of an EfficientNet-B0 in a row.",
        architecture="single_attention",
        spec=None,
        multiply_adds=2,
        files=(
            _file(
                "engagement_classification/engagement_single_attention.h5",
                "keras",
                "25921a298a0ea8cd6761960ef7233aae071d7ec8",
                (_EMOTIEFFLIB,),
            ),
        ),
    ),
    _identity(
        "vggface2_enet0",
        "EfficientNet-B0 that tells people apart (VGGFace2): a start for training.",
        _ENET_B0,
        "state_vggface2_enet0_new.pt",
        "496a7036adeb300a6371d99bcccb28404f2f52d5",
    ),
    _identity(
        "vggface2_enet2",
        "EfficientNet-B2 that tells people apart (VGGFace2): a start for training.",
        _ENET_B2,
        "state_vggface2_enet2.pt",
        "be6ad8550fc0043d1ee90553eee654252167322a",
    ),
)
#: Every registered model by name, in the order in which they are listed.
MODELS: Mapping[str, RegisteredModel] = MappingProxyType({model.name: model for model in _ALL})


def _auto_rank(model: RegisteredModel) -> tuple[bool, float]:
    return model.bundled is not None, -(model.figures.affectnet_7 or 0.0)


#: The order in which ``auto`` looks for an expression model that is present: by published accuracy
#: on AffectNet's seven classes, the figure that most have; then those without; the bundled last.
AUTO_ORDER = tuple(
    model.name for model in sorted(_ALL, key=_auto_rank) if model.kind == "expression"
)
