"""Batches of faces, decoded in a data loader's workers.

Everything random is seeded by run, epoch and face: a batch is the same however many workers there
are, and after an interruption.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_all_start_methods

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from engagement.datasets.labelled_faces import LabelledFaces
from engagement.errors import DataError
from engagement.networks.preprocess import Pixels, resize_square
from engagement.networks.spec import InputSpec

#: Place of a face and the epoch that it is drawn in; -1 for a face as it is.
_Key = tuple[int, int]


@dataclass(frozen=True)
class Views:
    """How a training face may be changed, in the order of the attributes.

    Attributes:
        resize: side that the whole image is resized to first; 0 for none.
        crop: least share of the area of a random crop, of a ratio from 3:4 to 4:3, that is resized
            to the input; 1 for no crop. The published pre-training took 0.08, which is
            torchvision's ``RandomResizedCrop``.
        flip: whether half of the faces are mirrored.
    """

    resize: int = 0
    crop: float = 1.0
    flip: bool = True


def view(face: Pixels, spec: InputSpec, views: Views, dice: np.random.Generator) -> Pixels:
    """One random view of an RGB face, ``(size, size, 3)`` uint8."""
    if views.resize:
        face = resize_square(face, views.resize, spec.resize)
    if views.crop < 1:
        top, left, height, width = _crop(face.shape[0], face.shape[1], views.crop, dice)
        face = np.ascontiguousarray(face[top : top + height, left : left + width])
    face = resize_square(face, spec.size, spec.resize)
    return face[:, ::-1] if views.flip and dice.random() < 0.5 else face


def _crop(
    height: int, width: int, least: float, dice: np.random.Generator
) -> tuple[int, int, int, int]:
    """Top, left, height and width of a random crop; the whole where ten draws do not fit."""
    for _ in range(10):
        area = height * width * dice.uniform(least, 1)
        ratio = np.exp(dice.uniform(np.log(3 / 4), np.log(4 / 3)))
        tall, wide = round(np.sqrt(area / ratio)), round(np.sqrt(area * ratio))
        if 0 < tall <= height and 0 < wide <= width:
            top, left = dice.integers(height - tall + 1), dice.integers(width - wide + 1)
            return int(top), int(left), tall, wide
    return 0, 0, height, width


@dataclass(frozen=True, eq=False)
class Batch:
    """Prepared faces and what is known of them.

    Attributes:
        pixels: ``(n, size, size, 3)`` uint8, RGB.
        labels: ``(n,)`` int64.
        affect: ``(n, 2)`` float32 valence and arousal, NaN where there are none.
    """

    pixels: torch.Tensor
    labels: torch.Tensor
    affect: torch.Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def pin_memory(self) -> "Batch":
        """The same in memory that a CUDA device copies from fast; data loaders call it."""
        return Batch(self.pixels.pin_memory(), self.labels.pin_memory(), self.affect.pin_memory())

    def to(self, device: torch.device) -> "Batch":
        """The same on a device."""
        parts = (self.pixels, self.labels, self.affect)
        return Batch(*(part.to(device, non_blocking=True) for part in parts))


class _Faces(Dataset[tuple[Pixels, int] | str]):
    """Decodes single faces; what is wrong with one comes back as a sentence.

    An exception that crosses from a worker would come with the worker's traceback in its text.
    """

    def __init__(self, faces: LabelledFaces, spec: InputSpec, views: Views, seed: int) -> None:
        self.faces, self.spec, self.views, self.seed = faces, spec, views, seed

    def __len__(self) -> int:
        return len(self.faces)

    def __getitem__(self, key: _Key) -> tuple[Pixels, int] | str:
        index, epoch = key
        try:
            face = self.faces.read(index)
        except DataError as error:
            return str(error)
        if epoch < 0:
            return resize_square(face, self.spec.size, self.spec.resize), index
        dice = np.random.default_rng((self.seed, epoch, index))
        return view(face, self.spec, self.views, dice), index


class _Collate:
    def __init__(self, faces: LabelledFaces) -> None:
        self._faces = faces

    def __call__(self, items: Sequence[tuple[Pixels, int] | str]) -> Batch | str:
        places, pixels = [], []
        for item in items:
            if isinstance(item, str):
                return item
            pixels.append(item[0])
            places.append(item[1])
        affect = np.full((len(places), 2), np.nan, dtype=np.float32)
        if self._faces.affect is not None:
            affect = self._faces.affect[places]
        return Batch(
            torch.from_numpy(np.stack(pixels)),
            torch.from_numpy(self._faces.labels[places]),
            torch.from_numpy(affect),
        )


class _Order:
    """Places of the faces of each batch; incomplete batches are left out in training."""

    def __init__(self, count: int, batch_size: int, seed: int, *, shuffled: bool) -> None:
        self.count, self.batch_size, self.seed, self.shuffled = count, batch_size, seed, shuffled
        self.epoch, self.first = 0, 0

    def __len__(self) -> int:
        whole, rest = divmod(self.count, self.batch_size)
        return whole + (1 if rest and not self.shuffled else 0)

    def __iter__(self) -> Iterator[list[_Key]]:
        epoch = self.epoch if self.shuffled else -1
        order = np.arange(self.count)
        if self.shuffled:
            order = np.random.default_rng((self.seed, epoch)).permutation(self.count)
        for step in range(self.first, len(self)):
            chosen = order[step * self.batch_size : (step + 1) * self.batch_size]
            yield [(index, epoch) for index in chosen.tolist()]


def _start_worker(number: int) -> None:
    del number
    import cv2

    torch.set_num_threads(1)  # workers share the cores; each would start a thread a core
    cv2.setNumThreads(1)


# A copy of this process by fork would inherit OpenMP's locks but not its threads, and hang at the
# first parallel loop.
_START_METHOD = "forkserver" if "forkserver" in get_all_start_methods() else "spawn"


class Batches:
    """A split as batches, as often as wanted.

    Args:
        faces: the split.
        spec: what the network takes.
        batch_size: faces a batch.
        views: random changes, of a training split; None for faces as they are, in order.
        seed: decides order and views, together with the epoch.
        workers: processes that decode; 0 for none.
        pinned: whether batches go into memory that a CUDA device copies from fast.
    """

    def __init__(
        self,
        faces: LabelledFaces,
        spec: InputSpec,
        batch_size: int,
        *,
        views: Views | None,
        seed: int = 0,
        workers: int = 0,
        pinned: bool = False,
    ) -> None:
        self._order = _Order(len(faces), batch_size, seed, shuffled=views is not None)
        self._loader: DataLoader[tuple[Pixels, int] | str] = DataLoader(
            _Faces(faces, spec, views or Views(), seed),
            batch_sampler=self._order,
            num_workers=workers,
            collate_fn=_Collate(faces),
            worker_init_fn=_start_worker,
            pin_memory=pinned,
            # A loader otherwise draws from torch's own generator, which dropout uses too.
            generator=torch.Generator(),
            # Each imports torch, which takes seconds: they stay for all epochs.
            persistent_workers=workers > 0,
            multiprocessing_context=_START_METHOD if workers else None,
        )

    def __len__(self) -> int:
        return len(self._order)

    def epoch(self, number: int = 0, first: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, from the batch `first` on.

        Raises:
            DataError: a face cannot be read.
        """
        self._order.epoch, self._order.first = number, first
        for batch in self._loader:
            if isinstance(batch, str):
                raise DataError(batch)
            yield batch


def network_input(pixels: torch.Tensor, spec: InputSpec) -> torch.Tensor:
    """Uint8 RGB ``(n, s, s, 3)`` -> network input ``(n, 3, s, s)``, channels last.

    The same arithmetic as `engagement.networks.preprocess.prepare`, on the pixels' device.
    """
    if spec.channels == "bgr":
        pixels = pixels.flip(-1)
    scaled = pixels.float()
    scaled = scaled / 255 if spec.scale == 1 / 255 else scaled * spec.scale
    mean, std = scaled.new_tensor(spec.mean), scaled.new_tensor(spec.std)
    return ((scaled - mean) / std).permute(0, 3, 1, 2)
