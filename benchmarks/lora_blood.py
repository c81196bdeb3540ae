"""Learn the ordinary classifier, LoRA and a linear head, by the paper's recipe; print seconds and test accuracy.

    python benchmarks/lora_blood.py --data DATA --backbone CHECKPOINT --out FOLDER

A run that is cut off goes on from `learning.ckpt`; the result stays in `result.json`.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
from safetensors.torch import save_file

from paper_blood import backbone, common_arguments, epochs_done, subset
from preforget.baselines.lora_head import LoraHead, LoraHeadConfig
from preforget.data import load_data
from preforget.engines.base import Session


def main() -> None:
    """Learn, test, write and print."""
    args = common_arguments(__doc__ or "").parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    result = args.out / "result.json"
    if result.is_file():
        sys.exit(f"{result} is there already; choose another --out")
    data, encoder = load_data(args.data, allow_duplicates=True), backbone(args)
    train = subset(data.train, args.train_images, args.seed)
    test = subset(data.test, args.test_images, args.test_seed)
    model = LoraHead(encoder, LoraHeadConfig(seed=args.seed, epochs=args.epochs))
    checkpoint = args.out / "learning.ckpt"
    before, start = epochs_done(checkpoint), time.perf_counter()
    model.learn(train, Session(checkpoint=checkpoint, show=True))
    seconds = time.perf_counter() - start
    save_file(model.parameters, args.out / "model.safetensors")
    answers = np.array(model.labels, dtype=object)[model.scores(test.inputs).argmax(axis=1)]
    found = {
        "seconds": round(seconds, 1),
        "epochs_in_this_run": args.epochs - before,
        "epochs": args.epochs,
        "train_images": len(train),
        "test_images": len(test),
        "test_accuracy": float((answers == test.labels).mean()),
        "dtype": str(encoder.dtype),
        "seed": args.seed,
    }
    result.write_text(json.dumps(found) + "\n", encoding="utf-8")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
