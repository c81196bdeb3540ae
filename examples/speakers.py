"""Forget a speaker: identification in which each speaker is a class.

python examples/speakers.py                                   eight synthetic voices
python examples/speakers.py CORPUS --forget NAME              CORPUS/<speaker>/.../*.wav
python examples/speakers.py CORPUS --backbone CHECKPOINT      such as one made by preforget init-ast
"""

from __future__ import annotations

import argparse

import numpy as np

import preforget as pf
from preforget.data import Dataset, Split
from preforget.data.synthetic_sounds import load_sounds


def voices(seed: int) -> Dataset:
    """Return the embedded sounds with the voice as the class and not what is uttered."""
    data = load_sounds(seed, subjects=True)
    parts = (data.train, data.validation, data.test)
    train, validation, test = (Split(p.inputs, p.subjects) for p in parts if p.subjects is not None)
    return Dataset("voices", train, validation, test, tuple(sorted(set(train.labels))), data.note)


def main(argv: list[str] | None = None) -> None:
    """Learn all speakers, forget one, and look at what is left."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", nargs="?", help="a folder per speaker; embedded voices by default")
    parser.add_argument("--forget", help="the speaker to forget; the first by default")
    parser.add_argument("--backbone", default="builtin-audio")
    parser.add_argument("--engine", default="exact", help="exact or isolated (default: exact)")
    parser.add_argument("--frames", type=int, help="frames of 10 ms that are heard of each recording")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    data = pf.load_data(args.corpus, seed=args.seed) if args.corpus else voices(args.seed)
    gone = args.forget or data.classes[0]
    model = pf.PreForgettableClassifier(args.backbone, args.engine, args.frames, args.seed)
    model.fit(data.train, validation=data.validation, progress=True)
    before, names = model.scores(data.test.inputs), model.labels
    guesses = np.array(names, dtype=object)[before.argmax(axis=1)]
    print(f"{len(names)} speakers, accuracy {np.mean(guesses == data.test.labels):.1%}")

    erasure = model.forget(gone, reason="example")
    answers = model.predict(data.test.inputs)
    own = data.test.labels == gone
    silent = np.array([answer is pf.ABSTAIN for answer in answers])
    guesses = np.array(model.labels, dtype=object)[model.scores(data.test.inputs).argmax(axis=1)]
    print(f"forgot one in {erasure.memory_ms:.2f} ms; what that promises: {erasure.meaning}")
    print(f"answered with the forgotten name: {int((answers == gone).sum())} times")
    print(f"recordings of the forgotten speaker abstained: {silent[own].mean():.1%}")
    print(f"accuracy on the others: {np.mean((guesses == data.test.labels)[~own]):.1%}")


if __name__ == "__main__":
    main()
