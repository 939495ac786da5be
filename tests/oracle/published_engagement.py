"""What emotiefflib's Keras model says of embeddings: runs in an environment with TensorFlow.

    python published_engagement.py EMBEDDINGS.npy SCORES.npy

The package reads its weights from ``~/.emotiefflib``, where the caller has put them.
"""

import os
import sys

import numpy as np


def main(embeddings: str, scores: str) -> None:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    from emotiefflib.facial_analysis import EmotiEffLibRecognizerBase

    class OnlyEngagement(EmotiEffLibRecognizerBase):
        """The package's own method, without an expression model to load."""

        def extract_features(self, face_img: object) -> object:
            raise NotImplementedError

        def _preprocess(self, img: object) -> object:
            raise NotImplementedError

    published = OnlyEngagement("enet_b0_8_best_vgaf")
    _, found = published.classify_engagement(np.load(embeddings))
    np.save(scores, found)


if __name__ == "__main__":
    main(*sys.argv[1:])
