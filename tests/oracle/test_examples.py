"""The published packages' README examples, run beside them with nothing changed but the import."""

import subprocess
import textwrap

import pytest

from tests.oracle.conftest import Published

pytestmark = pytest.mark.oracle

HSEMOTION = """
    import numpy as np
    face_img = np.load({crops!r})["crop00"]
    face_img_list = [face_img, np.load({crops!r})["crop03"]]

    from {module} import HSEmotionRecognizer
    model_name = 'enet_b0_8_best_afew'
    fer = HSEmotionRecognizer(model_name=model_name{device})
    emotion, scores = fer.predict_emotions(face_img, logits=True)
    print(emotion, scores.shape, scores.round(3).tolist())
    emotions, scores = fer.predict_multi_emotions(face_img_list, logits=False)
    print(emotions, scores.shape, scores.round(3).tolist())
"""
FEATURES = """
    features = fer.extract_features(face_img)
    print(features.shape, features.dtype)
    features = fer.extract_multi_features(face_img_list)
    print(features.shape)
"""
EMOTIEFFLIB = """
    import numpy as np
    faces = [np.load({crops!r})[name] for name in ("crop00", "crop03")]

    from {module} import EmotiEffLibRecognizer, get_model_list
    model_name = get_model_list()[0]
    fer = EmotiEffLibRecognizer(engine={engine!r}, model_name=model_name, device="cpu")
    emotion, scores = fer.predict_emotions(faces[0], logits=True)
    print(model_name, emotion, scores.shape, scores.round(3).tolist())
    emotions, _ = fer.predict_emotions(faces, logits=False)
    features = fer.extract_features(faces)
    emotions_again, scores = fer.classify_emotions(features, logits=False)
    print(emotions == emotions_again, scores.round(3).tolist())
"""


def _run(code: str, published: Published) -> str:
    """Run `code` where the published packages and ours are installed side by side."""
    done = subprocess.run(
        [published.python, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
        env=published.environment()
        | {
            "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1",
            "ENGAGEMENT_CACHE": str(published.home / "cache"),
            # Ours takes its files from here, as a site without internet access would.
            "ENGAGEMENT_MODEL_MIRROR": str(published.folder),
        },
    )
    assert done.returncode == 0, done.stderr[-3000:]
    # hsemotion prints its transforms, ending in this line.
    return done.stdout.rpartition("\n)\n")[2]


@pytest.fixture
def trusted(published: Published) -> str:
    """Registers the random checkpoints' git blob ids over there, so that they count as published.

    The files that the registry names cannot be had here; what is put in their place must not be
    taken for them anywhere else.
    """
    return f"""
    import dataclasses
    from pathlib import Path
    import engagement.weights.cache as cache
    import engagement.weights.registry as registry
    made = {{}}
    for name, model in registry.MODELS.items():
        files = tuple(
            dataclasses.replace(file, git_blob=cache.git_blob_id(Path({str(published.folder)!r}) / file.name))
            if (Path({str(published.folder)!r}) / file.name).is_file() else file
            for file in model.files
        )
        made[name] = dataclasses.replace(model, files=files)
    registry.MODELS = made
    """  # noqa: E501


@pytest.mark.parametrize(
    ("theirs", "ours", "device", "rest"),
    [
        (
            "hsemotion.facial_emotions",
            "engagement.hsemotion.facial_emotions",
            ", device='cpu'",
            FEATURES,
        ),
        (
            "hsemotion_onnx.facial_emotions",
            "engagement.hsemotion.facial_emotions_onnx",
            "",
            "",
        ),
    ],
)
def test_hsemotions_example_prints_the_same_with_our_import(
    theirs: str, ours: str, device: str, rest: str, published: Published, trusted: str
) -> None:
    crops = str(published.folder / "crops.npz")
    example = HSEMOTION + rest
    before = _run(example.format(module=theirs, crops=crops, device=device), published)
    after = _run(trusted + example.format(module=ours, crops=crops, device=device), published)
    assert before.count("\n") >= 2
    assert after == before


@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_emotiefflibs_example_prints_the_same_with_our_import(
    engine: str, published: Published, trusted: str
) -> None:
    crops = str(published.folder / "crops.npz")
    before, after = (
        _run(prefix + EMOTIEFFLIB.format(module=module, crops=crops, engine=engine), published)
        for prefix, module in (
            ("", "emotiefflib.facial_analysis"),
            (trusted, "engagement.hsemotion"),
        )
    )
    assert before.count("\n") == 2
    assert after == before
