"""Accuracy of both engines on vectors: scikit-learn's small data sets, 3 folds, against logistic regression.

    python benchmarks/vectors.py

Scikit-learn's scaler in front of logistic regression sees statistics of all classes; the engines take the raw
numbers, one input at a time. Seconds are of one processor.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from preforget.backbones.vectors import vector_encoder
from preforget.data import Split, Vectors
from preforget.data.dataset import label_array
from preforget.data.hold_out import hold_out
from preforget.engines.base import Engine, Session
from preforget.engines.exact import ExactEngine
from preforget.engines.isolated import IsolatedEngine
from preforget.engines.options import Exact, Isolated

Rows = npt.NDArray[np.float64]
Labels = npt.NDArray[np.str_]
SETS = {"iris": load_iris, "wine": load_wine, "breast cancer": load_breast_cancer, "digits": load_digits}


def exact(rows: Rows, labels: Labels, test: Rows) -> Labels:
    """Return the answers of the exact engine, none of them abstained."""
    return _answers(ExactEngine(vector_encoder(rows.shape[1]), Exact()), rows, labels, test)


def isolated(rows: Rows, labels: Labels, test: Rows) -> Labels:
    """Return the answers of the isolated engine, none of them abstained."""
    return _answers(IsolatedEngine(vector_encoder(rows.shape[1]), Isolated()), rows, labels, test)


def logistic(rows: Rows, labels: Labels, test: Rows) -> Labels:
    """Return the answers of logistic regression on standardised numbers."""
    answers: Labels = (
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(rows, labels).predict(test)
    )
    return answers


def measure(
    method: Callable[[Rows, Labels, Rows], Labels], rows: Rows, labels: Labels
) -> tuple[float, float]:
    """Return mean accuracy over 3 folds and processor seconds per fold, learning and answering."""
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    start, right = time.process_time(), []
    for train, test in folds.split(rows, labels):
        right.append((method(rows[train], labels[train], rows[test]) == labels[test]).mean())
    return float(np.mean(right)), (time.process_time() - start) / 3


def _answers(engine: Engine, rows: Rows, labels: Labels, test: Rows) -> Labels:
    split = Split(Vectors(rows), label_array(list(map(str, labels))))
    engine.learn(*hold_out(split, None, seed=0), Session())
    return np.array(engine.bank.attached)[engine.scores(Vectors(test)).argmax(axis=1)]


def main() -> None:
    """Print a row per data set: accuracy and seconds of each method."""
    torch.set_num_threads(1)
    methods = {"exact": exact, "isolated": isolated, "logistic regression": logistic}
    print("| data | inputs, numbers, classes | " + " | ".join(methods) + " |")
    print("|---" * (len(methods) + 2) + "|")
    for name, load in SETS.items():
        rows, numbers = load(return_X_y=True)
        labels = numbers.astype(str)
        cells = ["{:.3f}, {:.2f} s".format(*measure(method, rows, labels)) for method in methods.values()]
        shape = f"{rows.shape[0]}, {rows.shape[1]}, {len(set(labels))}"
        print(f"| {name} | {shape} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
