"""Forget a speaker who utters many words: each word is a class, each speaker a subject across all of them.

    python examples/speaker_subjects.py                           ten kinds of sounds by eight synthetic voices
    python examples/speaker_subjects.py CORPUS --forget NAME      CORPUS/<word>/<speaker>/*.wav

The model goes on to know every word. What is left is compared, bit for bit, with a model that never heard the speaker.
"""

from __future__ import annotations

import argparse

import numpy as np

import preforget as pf
from preforget.audit.certificate import certify
from preforget.data import Split
from preforget.data.synthetic_sounds import load_sounds


def main(argv: list[str] | None = None) -> int:
    """Learn all words, forget one speaker, retrain without and compare; return 3 if a bit differs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", nargs="?", help="folders of words, in them folders of speakers")
    parser.add_argument("--forget", help="the speaker to forget; the first by default")
    parser.add_argument("--backbone", default="builtin-audio")
    parser.add_argument("--frames", type=int, help="frames of 10 ms that are heard of each recording")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    if args.corpus:
        data = pf.load_data(args.corpus, seed=args.seed, subjects=1)
    else:
        data = load_sounds(args.seed, subjects=True)
    persons = () if data.train.subjects is None else data.train.subjects
    gone = args.forget or min(set(persons))
    model = pf.PreForgettableClassifier(args.backbone, "exact", args.frames, args.seed)
    model.fit(data.train, validation=data.validation, progress=True)
    print(f"{len(model.labels)} words, accuracy {accuracy(model, data.test):.1%}")
    erasure = model.forget_subject(gone, reason="example")
    print(f"forgot a speaker in {erasure.memory_ms:.1f} ms: {len(erasure.records)} records destroyed")
    print(f"{len(model.labels)} words, accuracy {accuracy(model, data.test):.1%}")
    proof = certify(model, data.train, data.validation, progress=True)
    print("EQUAL to retraining without the speaker" if proof.equal else "NOT EQUAL to retraining")
    return 0 if proof.equal else 3


def accuracy(model: pf.PreForgettableClassifier, split: Split) -> float:
    """Return the share of best guesses that are right."""
    guesses = np.array(model.labels, dtype=object)[model.scores(split.inputs).argmax(axis=1)]
    return float(np.mean(guesses == split.labels))


if __name__ == "__main__":
    raise SystemExit(main())
