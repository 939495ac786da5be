"""`engagement train`: the bundled model's training, and the two stages of the published models'.

The defaults of `faces` and `affectnet` are the published recipe; docs/training.md says where each
comes from.
"""

from pathlib import Path
from typing import Annotated

import typer

from engagement.cli_common import console
from engagement.cli_train_engagement import train_engagement_command

train_app = typer.Typer(no_args_is_help=True, help="Train a model on labelled data.")
train_app.command("engagement")(train_engagement_command)

_Out = Annotated[Path, typer.Option(help="Folder for the result and its record.")]
_Architecture = Annotated[
    str,
    typer.Option(
        help="efficientnet_b0, efficientnet_b2, mobilenet_face, mobilefacenet or mobilevitv2_150."
    ),
]
_HeadEpochs = Annotated[int, typer.Option(help="Epochs of the head alone, first.")]
_HeadRate = Annotated[float, typer.Option(help="Learning rate of the head alone.")]
_Epochs = Annotated[int, typer.Option(help="Epochs of the whole network, then.")]
_Rate = Annotated[float, typer.Option(help="Learning rate of the whole network.")]
_SamRho = Annotated[float, typer.Option(help="Radius of the sharpness-aware step; 0 for none.")]
_InputSize = Annotated[int, typer.Option(help="Side of the input; 0 for the published one.")]
_Flip = Annotated[bool, typer.Option(help="Mirror half of the faces.")]
_Patience = Annotated[
    int, typer.Option(help="Epochs without a better val accuracy that end a phase; 0 for none.")
]
_Precision = Annotated[
    str,
    typer.Option(help="fp32, bf16, fp16 or auto: half precision on CUDA, fp32 elsewhere."),
]
_DeviceName = Annotated[str, typer.Option(help="cpu, cuda, mps or auto: the fastest here.")]
_Workers = Annotated[int, typer.Option(help="Processes that decode images.")]
_Threads = Annotated[int, typer.Option(help="CPU threads; 0 for all.")]
_CheckpointSteps = Annotated[
    int, typer.Option(help="Steps between checkpoints within an epoch; 0 for none.")
]
_TensorBoard = Annotated[bool, typer.Option(help="Write event files into OUT/events too.")]
_Resume = Annotated[bool, typer.Option(help="Go on from OUT/checkpoint.pt.")]
_Seed = Annotated[int, typer.Option()]


@train_app.command("faces")
def train_faces_command(
    data: Annotated[
        Path,
        typer.Argument(help="Folder with train/<identity>/ and val/ or test/, or one of them."),
    ],
    out: _Out,
    architecture: _Architecture = "efficientnet_b0",
    start: Annotated[
        Path | None,
        typer.Option(help="File to fill the backbone from first; random weights without."),
    ] = None,
    head_epochs: _HeadEpochs = 1,
    head_rate: _HeadRate = 1e-3,
    epochs: _Epochs = 10,
    rate: _Rate = 1e-4,
    batch_size: Annotated[int, typer.Option()] = 48,
    sam_rho: _SamRho = 0.05,
    crop: Annotated[float, typer.Option(help="Least share of a face that a crop keeps.")] = 0.08,
    flip: _Flip = True,
    input_size: _InputSize = 0,
    val_share: Annotated[
        float, typer.Option(help="Share of each identity's images to measure on, if none are set.")
    ] = 0.1,
    patience: _Patience = 0,
    precision: _Precision = "auto",
    seed: _Seed = 0,
    device: _DeviceName = "auto",
    workers: _Workers = 4,
    threads: _Threads = 0,
    checkpoint_steps: _CheckpointSteps = 2000,
    tensorboard: _TensorBoard = False,
    resume: _Resume = False,
) -> None:
    """Pre-train a face network to tell people apart, as the published models were on VGGFace2."""
    from engagement.training.faces import FacesConfig
    from engagement.training.loop import LoopConfig, Phase
    from engagement.training.setup import Running
    from engagement.training.stages import run_faces

    phases = (Phase(True, head_epochs, head_rate), Phase(False, epochs, rate))
    loop = LoopConfig(phases, batch_size, sam_rho, patience, seed, precision, checkpoint_steps)
    run_faces(
        data,
        out,
        FacesConfig(architecture, loop, crop, flip, input_size, val_share),
        start=start,
        running=Running(device, workers, resume, tensorboard),
        threads=threads,
        console=console,
    )


@train_app.command("affectnet")
def train_affectnet_command(
    data: Annotated[Path, typer.Argument(help="Folder of AffectNet, in any of its layouts.")],
    out: _Out,
    architecture: _Architecture = "efficientnet_b0",
    backbone: Annotated[
        Path | None,
        typer.Option(help="Face network to begin at; random weights without."),
    ] = None,
    classes: Annotated[int, typer.Option(help="8, or 7 without contempt.")] = 8,
    affect: Annotated[bool, typer.Option(help="Learn valence and arousal too.")] = False,
    name: Annotated[str, typer.Option(help="The model's name in reports.")] = "affectnet",
    head_epochs: _HeadEpochs = 3,
    head_rate: _HeadRate = 1e-3,
    epochs: _Epochs = 6,
    rate: _Rate = 1e-4,
    batch_size: Annotated[
        int | None, typer.Option(help="Without it 64, or 48 with --affect.")
    ] = None,
    sam_rho: _SamRho = 0.05,
    label_smoothing: Annotated[
        float | None, typer.Option(help="Without it 0.1, or 0 with --affect.")
    ] = None,
    flip: _Flip = True,
    input_size: _InputSize = 0,
    patience: _Patience = 0,
    precision: _Precision = "auto",
    seed: _Seed = 0,
    device: _DeviceName = "auto",
    workers: _Workers = 4,
    threads: _Threads = 0,
    checkpoint_steps: _CheckpointSteps = 2000,
    tensorboard: _TensorBoard = False,
    resume: _Resume = False,
) -> None:
    """Fine-tune a face network on AffectNet's expressions, as the published models were."""
    from engagement.training.affectnet import AffectNetConfig, published_batch, published_smoothing
    from engagement.training.loop import LoopConfig, Phase
    from engagement.training.setup import Running
    from engagement.training.stages import run_affectnet

    phases = (Phase(True, head_epochs, head_rate), Phase(False, epochs, rate))
    size = published_batch(affect=affect) if batch_size is None else batch_size
    loop = LoopConfig(phases, size, sam_rho, patience, seed, precision, checkpoint_steps)
    smoothing = published_smoothing(affect=affect) if label_smoothing is None else label_smoothing
    run_affectnet(
        data,
        out,
        AffectNetConfig(name, architecture, classes, affect, smoothing, flip, input_size, loop),
        backbone=backbone,
        running=Running(device, workers, resume, tensorboard),
        threads=threads,
        console=console,
    )


@train_app.command("expression")
def train_expression_command(
    data: Annotated[Path, typer.Argument(help="Folder with train/<emotion>/ and val/<emotion>/.")],
    backbone: Annotated[Path, typer.Option(help="HSE-FaceRes backbone (.safetensors).")],
    out: Annotated[Path, typer.Option(help="Folder for the model and its record.")],
    name: Annotated[str, typer.Option(help="The model's name in reports.")] = "expression",
    stage: Annotated[
        list[str] | None,
        typer.Option(help="SIZE:EPOCHS, repeatable: input sizes in order. Default 112:8."),
    ] = None,
    input_size: Annotated[
        int, typer.Option(help="The model's own input size; 0 for the last stage's.")
    ] = 0,
    optimiser: Annotated[str, typer.Option(help="adamw or sgd.")] = "adamw",
    learning_rate: Annotated[float, typer.Option(help="Peak of the one-cycle rate.")] = 1e-3,
    weight_decay: Annotated[float, typer.Option()] = 0.02,
    batch_size: Annotated[int, typer.Option()] = 64,
    label_smoothing: Annotated[float, typer.Option()] = 0.1,
    class_weight_power: Annotated[
        float, typer.Option(help="Classes weigh their frequency to minus this power; 0 for none.")
    ] = 0.5,
    warmup: Annotated[float, typer.Option(help="Share of the steps before the peak rate.")] = 0.2,
    average_decay: Annotated[
        float, typer.Option(help="Decay a step of the averaged weights, which are what is kept.")
    ] = 0.998,
    sam_epochs: Annotated[
        int, typer.Option(help="How many of the last epochs are sharpness-aware.")
    ] = 0,
    sam_rho: Annotated[float, typer.Option(help="Radius of the sharpness-aware step.")] = 0.05,
    crop_scale: Annotated[
        float, typer.Option(help="Framing of the data's faces: side over a detector's box.")
    ] = 1.0,
    crop_shift_y: Annotated[float, typer.Option(help="Framing: shift down, share of the box.")] = 0,
    seed: Annotated[int, typer.Option()] = 0,
    bf16: Annotated[bool, typer.Option(help="Mixed precision: twice as fast on new CPUs.")] = True,
    threads: Annotated[int, typer.Option(help="CPU threads; 0 for all.")] = 0,
    start: Annotated[
        Path | None, typer.Option(help="Begin at this model instead of the backbone.")
    ] = None,
    resume: Annotated[bool, typer.Option(help="Go on from OUT/checkpoint.pt.")] = False,
) -> None:
    """Fine-tune the face backbone on labelled expressions."""
    from engagement.training.expression import TrainingConfig, parse_stages
    from engagement.training.session import run_training

    config = TrainingConfig(
        name=name,
        stages=parse_stages(stage or ["112:8"]),
        input_size=input_size,
        optimiser=optimiser,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        batch_size=batch_size,
        label_smoothing=label_smoothing,
        class_weight_power=class_weight_power,
        warmup=warmup,
        average_decay=average_decay,
        sam_epochs=sam_epochs,
        sam_rho=sam_rho,
        crop_scale=crop_scale,
        crop_shift_y=crop_shift_y,
        seed=seed,
        bf16=bf16,
    )
    run_training(
        data,
        backbone,
        out,
        config,
        start=start,
        resume=resume,
        threads=threads,
        console=console,
    )
