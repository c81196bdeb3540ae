"""Published MedMNIST sets: class names, licences and checksums.

Yang et al., MedMNIST v2, Scientific Data 10, 2023; the larger sizes are MedMNIST+. All values are those of
the medmnist package, version 3.0.2, for the files of Zenodo record 10519652.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

RECORD = "10519652"
SIZES = (28, 64, 128, 224)
ORGANS = (
    *("bladder", "femur-left", "femur-right", "heart", "kidney-left", "kidney-right", "liver"),
    *("lung-left", "lung-right", "pancreas", "spleen"),
)


@dataclass(frozen=True)
class Published:
    """The facts of a published set: class names in label order, licence, one MD5 per size of `SIZES`."""

    title: str
    classes: tuple[str, ...]
    licence: str
    md5: tuple[str, str, str, str]


PUBLISHED = {
    "bloodmnist": Published(
        "BloodMNIST",
        (
            *("basophil", "eosinophil", "erythroblast"),
            "immature granulocytes(myelocytes, metamyelocytes and promyelocytes)",
            *("lymphocyte", "monocyte", "neutrophil", "platelet"),
        ),
        "CC BY 4.0",
        (
            "7053d0359d879ad8a5505303e11de1dc",
            "2b94928a2ae4916078ca51e05b6b800b",
            "adace1e0ed228fccda1f39692059dd4c",
            "b718ff6835fcbdb22ba9eacccd7b2601",
        ),
    ),
    "chestmnist": Published(
        "ChestMNIST",
        (
            *("atelectasis", "cardiomegaly", "effusion", "infiltration", "mass", "nodule", "pneumonia"),
            *("pneumothorax", "consolidation", "edema", "emphysema", "fibrosis", "pleural", "hernia"),
        ),
        "CC BY 4.0",
        (
            "02c8a6516a18b556561a56cbdd36c4a8",
            "9de6cd0b934ebb5b7426cfba5efbae16",
            "db107e5590b27930b62dbaf558aebee3",
            "45bd33e6f06c3e8cdb481c74a89152aa",
        ),
    ),
    "dermamnist": Published(
        "DermaMNIST",
        (
            "actinic keratoses and intraepithelial carcinoma",
            "basal cell carcinoma",
            "benign keratosis-like lesions",
            *("dermatofibroma", "melanoma", "melanocytic nevi", "vascular lesions"),
        ),
        "CC BY-NC 4.0",
        (
            "0744692d530f8e62ec473284d019b0c7",
            "b70a2f5635c6199aeaa28c31d7202e1f",
            "2defd784463fa5243564e855ed717de1",
            "8974907d8e169bef5f5b96bc506ae45d",
        ),
    ),
    "organsmnist": Published(
        "OrganSMNIST",
        ORGANS,
        "CC BY 4.0",
        (
            "9ab87b696fb54e2a387ebe992d6ed5f1",
            "53a6d115339d874c25e309a994ff46d3",
            "ded0c5fa01a95dc4978b956f613e9b8e",
            "b354719e553fbbb2513d5533f52a4cb1",
        ),
    ),
    "organcmnist": Published(
        "OrganCMNIST",
        ORGANS,
        "CC BY 4.0",
        (
            "b9ceb9546e10131b32923c5bbeaea2b1",
            "3ce34a8724ea6f548e6db4744d03b6a9",
            "773c1f009daa3fe5d9a2a201b2a7ed94",
            "050f5e875dc056f6768abf94ec9995d1",
        ),
    ),
    "octmnist": Published(
        "OCTMNIST",
        ("choroidal neovascularization", "diabetic macular edema", "drusen", "normal"),
        "CC BY 4.0",
        (
            "c68d92d5b585d8d81f7112f81e2d0842",
            "e229e9440236b774d9f0dfef9d07bdaf",
            "0a97e76651ace45c5d943ee3f65b63ae",
            "abc493b6d529d5de7569faaef2773ba3",
        ),
    ),
}


def known_md5(name: str, size: int) -> str:
    """Return the published MD5, in hex, of one set at one size."""
    return PUBLISHED[name].md5[SIZES.index(size)]


def file_name(name: str, size: int) -> str:
    """Return the name under which a set is published, for example `bloodmnist_64.npz`."""
    return f"{name}.npz" if size == 28 else f"{name}_{size}.npz"


def edition(stem: str) -> tuple[str, int] | None:
    """Return name and size of the published set that a file stem names, or `None`.

    >>> edition("octmnist_64")
    ('octmnist', 64)
    >>> edition("my_cells") is None
    True
    """
    for name in PUBLISHED:
        for size in SIZES:
            if f"{stem}.npz" == file_name(name, size):
                return name, size
    return None


def md5_of(path: Path) -> str:
    """Return the MD5 of a file in hex, as MedMNIST publishes it: against accidents, not against attackers."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
