#!/usr/bin/env python3
"""How fast `atrophy rdm` and `atrophy compare` are as commands, from file to file, beside NumPy and SciPy.

    cargo build --release -p atrophy
    python3 bench/rdm_commands_vs_python.py --images 10000 --features 1024 --rounds 3

Ours are three processes: two matrices (1 - Pearson) of activations in .npy files, and Kendall's tau-b of the two. Theirs is one Python
process that does the same, reads the same files and writes the matrices condensed in single precision as ours does. Each round runs both,
one after the other; seconds are of whole processes, start and files included, and medians over rounds are compared.
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

PYTHON = """
import sys
import numpy as np
from scipy.stats import kendalltau
def rdm(activations, output):
    square = 1 - np.corrcoef(np.load(activations))
    np.save(output, np.concatenate([square[i, i + 1:] for i in range(len(square))]).astype(np.float32))
rdm("a.npy", "python-a.npy")
rdm("b.npy", "python-b.npy")
print(kendalltau(np.load("python-a.npy"), np.load("python-b.npy"), variant="b").statistic)
"""


def timed(command, folder):
    """Seconds, peak memory in bytes, and what was said."""
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{command} failed")
    return time.perf_counter() - start, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024), said


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--features", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--atrophy", default="target/release/atrophy")
    options = parser.parse_args()
    atrophy = os.path.abspath(options.atrophy)
    commands = {
        "rdm a": [atrophy, "rdm", "a.npy", "-o", "ours-a.npy"],
        "rdm b": [atrophy, "rdm", "b.npy", "-o", "ours-b.npy"],
        "compare": [atrophy, "compare", "ours-a.npy", "ours-b.npy"],
    }
    seconds = {name: [] for name in [*commands, "all three", "NumPy + SciPy", "ratio"]}
    peaks = {"ours": 0, "NumPy + SciPy": 0}
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        healthy = np.maximum(rng.standard_normal((options.images, options.features), dtype=np.float32), 0)
        np.save(os.path.join(folder, "a.npy"), healthy)
        injured = healthy + 0.5 * np.maximum(rng.standard_normal(healthy.shape, dtype=np.float32), 0)
        np.save(os.path.join(folder, "b.npy"), injured)
        del healthy, injured
        for number in range(1, options.rounds + 1):
            total = 0.0
            for name, command in commands.items():
                took, peak, said = timed(command, folder)
                seconds[name].append(took)
                total += took
                peaks["ours"] = max(peaks["ours"], peak)
            took, peak, theirs = timed([sys.executable, "-c", PYTHON], folder)
            peaks["NumPy + SciPy"] = max(peaks["NumPy + SciPy"], peak)
            if abs(float(said.split()[0]) - float(theirs)) > 1e-4:
                sys.exit(f"ours says {said.strip()} and SciPy {theirs.strip()}")
            for name, value in [("all three", total), ("NumPy + SciPy", took), ("ratio", took / total)]:
                seconds[name].append(value)
            print(f"round {number}: ours {total:.2f} s, NumPy + SciPy {took:.2f} s, {took / total:.1f} times", file=sys.stderr, flush=True)
    print(f"{options.images:,} images x {options.features:,} features, {options.rounds} rounds: median (least to most)\n")
    for name, values in seconds.items():
        unit = "" if name == "ratio" else " s"
        print(f"{name:14}{statistics.median(values):7.2f}{unit} ({min(values):.2f} to {max(values):.2f})")
    print("peak memory   " + ", ".join(f"{name} {peak / 1e9:.2f} GB" for name, peak in peaks.items()))


if __name__ == "__main__":
    main()
