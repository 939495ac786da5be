"""This project's analysis as a player of the benchmarks.

    python -m benchmarks.our_pipeline MODEL WEIGHTS FOLDER

MODEL as `Analyzer` takes it; WEIGHTS a file, or ``-`` for the model's own.
"""

import sys
from pathlib import Path

import numpy as np

from benchmarks.measuring import Told, now, play
from engagement.files import sha256_of
from engagement.pipeline import AnalysisResult, Analyzer
from engagement.video.probe import probe


class OurPipeline:
    """One analyzer, and what it said of the recording that it analysed last."""

    def __init__(self, model: str, weights: str, folder: Path) -> None:
        self._analyzer = Analyzer(model, weights=None if weights == "-" else weights)
        self._folder = folder

    def analyze(self, video: str, native: bool = True, keep: bool = False) -> Told:
        """Time an analysis; where it is kept, the answer names the file that holds it."""
        before = now()
        result = self._analyzer.analyze(video, native=native)
        spent = now() - before
        analysis = result.analysis
        told = {
            "seconds": spent.wall_s,
            "cpu_s": spent.cpu_s,
            "frames": round(analysis.sampling_fps * analysis.source.duration_s),
            "faces": len(result.observations),
            "length_s": analysis.source.duration_s,
            "runtime": analysis.models.expression.runtime,
        }
        if keep:
            told["file"] = str(self._write(result))
        return told

    def looked_up(self, video: str) -> Told:
        """Time what comes before an analysis' first frame: the container's facts and the hash."""
        before = now()
        probe(Path(video))
        sha256_of(Path(video))
        spent = now() - before
        return {"seconds": spent.wall_s, "cpu_s": spent.cpu_s}

    def recognise(self, file: str) -> Told:
        """What the network makes of the face crops in another side's file."""
        with np.load(file) as seen:
            crops = [seen[name] for name in seen.files if name.startswith("crop")]
        if not crops:  # somebody was away
            return {"file": file}
        probabilities, embeddings = self._analyzer.recognizer.predict(crops)
        out = self._folder / f"recognised-{Path(file).stem}.npz"
        np.savez(out, embeddings=embeddings, outputs=probabilities)
        return {"file": str(out)}

    def _write(self, result: AnalysisResult) -> Path:
        observations = result.observations
        out = self._folder / "observed.npz"
        np.savez(
            out,
            t=np.array([o.t for o in observations]),
            boxes=np.array([o.face.xyxy for o in observations], np.float32).reshape(-1, 4),
            top=np.array([o.expression.probabilities.argmax() for o in observations]),
        )
        return out


def main() -> None:
    """Serve as a player."""
    model, weights, folder = sys.argv[1:]

    def load() -> dict[str, object]:
        side = OurPipeline(model, weights, Path(folder))
        return {
            "analyze": side.analyze,
            "looked_up": side.looked_up,
            "recognise": side.recognise,
        }

    play(load)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
