"""Data sets: names, folders and files become inputs, class names and splits; nothing here imports torch."""

from preforget.data.counts import check_counts
from preforget.data.dataset import Dataset, Images, Labels, Sounds, Split
from preforget.data.images import read_batch, read_image
from preforget.data.inputs import as_inputs, as_split, check_trainable
from preforget.data.labels import as_labels
from preforget.data.load import load_data
from preforget.data.parts import finished
from preforget.data.registry import DATASETS, DataFormat, DataOptions, NamedSet
from preforget.data.splits import stratified_split, unit_names
from preforget.data.texts import Texts, texts_of
from preforget.data.vectors import Vectors, as_vectors

__all__ = [
    "DATASETS",
    "DataFormat",
    "DataOptions",
    "Dataset",
    "Images",
    "Labels",
    "NamedSet",
    "Sounds",
    "Split",
    "Texts",
    "Vectors",
    "as_inputs",
    "as_labels",
    "as_split",
    "as_vectors",
    "check_counts",
    "check_trainable",
    "finished",
    "load_data",
    "read_batch",
    "read_image",
    "stratified_split",
    "texts_of",
    "unit_names",
]
