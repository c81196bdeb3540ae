"""Tables whose columns a user names: of sounds, pictures, texts and vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from preforget.core.errors import DataError, UsageError
from preforget.data import Dataset, Texts, Vectors, load_data
from preforget.data.columns import checked_columns, chosen, parsed_columns

SPEECH = {"path": "recording", "label": "digit", "split": "when", "subject": "who"}


def rows(data: Dataset) -> list[tuple[str, str | None]]:
    train = data.train
    persons = [None] * len(train) if train.subjects is None else train.subjects.tolist()
    return sorted(zip(train.labels.tolist(), persons, strict=True))


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """A table of sounds with other names than usual, and one, `label`, that says something else."""
    lines = ["recording,digit,when,who,label"]
    for number in range(12):
        wave = np.random.default_rng(number).uniform(-0.5, 0.5, 8000).astype(np.float32)
        soundfile.write(tmp_path / f"{number}.wav", wave, 8000)
        part = ("train", "train", "val", "test")[number // 2 % 4]
        lines.append(
            f"{number}.wav,{'one' if number % 2 else 'two'},{part},{'Ada' if number < 6 else 'Kim'},x"
        )
    table = tmp_path / "speech.csv"
    table.write_text("\n".join(lines))
    return table


def test_a_table_of_sounds_with_parts_and_persons(sounds: Path) -> None:
    data = load_data(sounds, columns=SPEECH, allow_duplicates=True)
    assert (data.classes, len(data.train), len(data.validation), len(data.test)) == (("one", "two"), 8, 2, 2)
    assert (
        rows(data)
        == [("one", "Ada")] * 2 + [("one", "Kim")] * 2 + [("two", "Ada")] * 2 + [("two", "Kim")] * 2
    )
    assert [file.name for file in data.test.paths] == ["6.wav", "7.wav"]
    usual = sounds.read_text().replace("recording,digit,when,who,label", "path,label,split,subject,other")
    sounds.write_text(usual)
    assert rows(load_data(sounds, subjects="subject", allow_duplicates=True)) == rows(data)
    assert rows(load_data(sounds.parent, columns={"subject": "subject"}, allow_duplicates=True)) == rows(
        data
    )  # the folder of the table


def test_texts_and_vectors(tmp_path: Path) -> None:
    said = [
        f"{'where is' if n % 2 else 'what costs'} number {n},{'place' if n % 2 else 'price'}"
        for n in range(40)
    ]
    (tmp_path / "said.csv").write_text("\n".join(["utterances said,meant", *said]))
    data = load_data(tmp_path / "said.csv", columns={"text": "Utterances said", "label": "meant"})
    assert isinstance(data.train.inputs, Texts)
    assert data.classes == ("place", "price")
    numbers = [f"{n},{n % 3},{'a' if n % 2 else 'b'}" for n in range(40)]
    (tmp_path / "numbers.csv").write_text("\n".join(["one,two,kind", *numbers]))
    vectors = load_data(tmp_path / "numbers.csv", columns={"label": "kind"}).train.inputs
    assert isinstance(vectors, Vectors)
    assert vectors.values.shape[1] == 2


def test_a_table_of_pictures_with_a_column_of_texts(tmp_path: Path) -> None:
    """A caption doesn't make it a table of texts, unless its column is named."""
    lines = ["image,text,label"]
    for number in range(24):
        pixels = np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
        lines.append(f"{number}.png,caption {number},{'a' if number % 2 else 'b'}")
    table = tmp_path / "t.csv"
    table.write_text("\n".join(lines))
    assert load_data(table).train.paths
    assert isinstance(load_data(table, columns={"text": "text"}).train.inputs, Texts)


def test_what_is_refused(sounds: Path) -> None:
    with pytest.raises(
        DataError, match=r"no column 'digits', which was named for label; it has recording, digit"
    ):
        load_data(sounds, columns={**SPEECH, "label": "digits"})
    with pytest.raises(DataError, match="has no column 'nobody' of subjects"):
        load_data(sounds, columns={**SPEECH, "subject": "nobody"})
    with pytest.raises(UsageError, match="is no table; leave columns"):
        load_data("digits", columns={"label": "x"})
    with pytest.raises(UsageError, match="named twice: 'who' and 'label'"):
        load_data(sounds, columns=SPEECH, subjects="label")
    with pytest.raises(
        UsageError, match="can be named for path, label, split, subject, text, not for 'class'"
    ):
        checked_columns({"class": "x"})
    with pytest.raises(UsageError, match="the column for label must be a name, got ''"):
        checked_columns({"label": ""})
    with pytest.raises(UsageError, match=r"--column 'x': write what .* such as label=x"):
        parsed_columns(["x"])
    with pytest.raises(UsageError, match="--column label= was given twice"):
        parsed_columns(["label=a", "label=b"])


def test_the_named_column_comes_before_the_usual_one() -> None:
    header = ["label", "Diagnosis"]
    assert chosen(Path("t"), header, None, "label", ("label",)) == "label"
    assert chosen(Path("t"), header, {"label": "diagnosis"}, "label", ("label",)) == "Diagnosis"
    assert chosen(Path("t"), header, None, "path", ("path",)) is None
    assert parsed_columns(None) is None
