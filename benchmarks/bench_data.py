"""Building a dataset against the usual way: everything in memory, datasketch's own index for near-duplicates.

Both sides get the same generated reviews (a tenth equal to another, a twentieth nearly so), drop what is equal or near,
and split by product. Ours also cleans, detects the language, masks personal data, writes, and checks for leaks. Each
runs in a process of its own, so that its peak memory is its own; the second size shows what memory grows with.

    python benchmarks/bench_data.py [rows]     (default 5,000, then four times as many; minutes)
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random

from surroundings import describe

WORDS = [f"{first}{last}" for first in "bdfglmnprst" for last in ("an", "el", "ist", "our", "ume", "y")]

OURS = """
from models_ml.data import DatasetPlan, Source, build
source = Source("reviews", sys.argv[1], columns={"text": "text", "group": "sku"})
record = build([source], DatasetPlan("text"), sys.argv[1] + ".dataset")
kept = record.report["kept"]
"""
PEER = """
import hashlib
import pandas as pd
from datasketch import MinHash, MinHashLSH
rows = pd.read_json(sys.argv[1], lines=True).drop_duplicates("text")
index, chosen = MinHashLSH(threshold=0.8, num_perm=128), []
for number, text in enumerate(rows["text"]):
    words = text.lower().split()
    sketch = MinHash(num_perm=128)
    sketch.update_batch([" ".join(words[start : start + 3]).encode() for start in range(len(words) - 2)])
    if not index.query(sketch):
        index.insert(number, sketch)
        chosen.append(number)
rows = rows.iloc[chosen]
rows["split"] = [int(hashlib.sha256(sku.encode()).hexdigest(), 16) % 10 for sku in rows["sku"]]
rows.to_json(sys.argv[1] + ".peer", orient="records", lines=True)
kept = len(rows)
"""
FRAME = """
import json, resource, sys, warnings
from time import perf_counter
warnings.simplefilter("ignore")
started = perf_counter()
{body}
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print(json.dumps([kept, perf_counter() - started, peak]))
"""


def write_rows(path: Path, count: int) -> None:
    rng = Random(1)
    texts: list[str] = []
    with path.open("w", encoding="utf-8") as stream:
        for number in range(count):
            text = "The " + " ".join(rng.choices(WORDS, k=60)) + " is nice."
            if texts and number % 10 == 0:
                text = rng.choice(texts)
            elif texts and number % 20 == 1:
                text = rng.choice(texts) + " ok"
            texts.append(text)
            stream.write(json.dumps({"sku": f"p{rng.randrange(count // 4)}", "text": text}) + "\n")


def measured(body: str, path: Path) -> tuple[int, float, int]:
    environment = {**os.environ, "PYTHONPATH": ".", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", FRAME.format(body=body), str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    kept, seconds, peak = json.loads(done.stdout)
    return kept, seconds, peak


def main() -> int:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000
    print(describe("datasketch", "pandas"))
    peaks: dict[str, list[int]] = {"ours": [], "in memory": []}
    with tempfile.TemporaryDirectory() as folder:
        for count in (rows, 4 * rows):
            path = Path(folder) / f"{count}.jsonl"
            write_rows(path, count)
            found = {"ours": measured(OURS, path), "in memory": measured(PEER, path)}
            print(f"{count:,} rows, {path.stat().st_size / 1e6:.1f} MB")
            for name, (kept, seconds, peak) in found.items():
                peaks[name].append(peak)
                print(f"  {name:<10} {count / seconds:8,.0f} rows/s  {seconds:7.1f} s  peak {peak:5} MB  kept {kept:,}")
            print(f"  ours takes {found['ours'][1] / found['in memory'][1]:.2f} of their time")
    for name, (small, large) in peaks.items():
        print(f"{name}: {(large - small) * 1024 / (3 * rows):.1f} KB more memory for each further row")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
