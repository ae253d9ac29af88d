#!/usr/bin/env python3
"""How fast crate `rsa` is beside NumPy, SciPy and rsatoolbox, on the same arrays in one run.

    cargo build --release -p rsa --example rsa_bench
    python3 bench/rsa_vs_python.py --images 10000 --features 4096 --rounds 3

Each round runs every contestant once, in a process of its own, one after the other, so that whatever else the machine does
hits all of them; medians over rounds are compared. Two things are timed: the correlation distances of one set of patterns (the
second of a process, since a study makes dozens), and Kendall's tau-b of two such matrices (also with one of them prepared, which
only ours can). Seconds are of the work alone, without starting and reading files; peak memory is of the whole process, in which two
matrices are made and compared.
"""
import argparse
import importlib.util
import json
import os
import shlex
import statistics
import sys
import tempfile

import numpy as np

NUMPY = """
import json, sys, time
import numpy as np
from scipy.stats import kendalltau
def timed(work):
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result
def distances(patterns):
    return 1 - np.corrcoef(patterns)
def upper(square):
    # row by row, because np.triu_indices would need another 800 MB for 10,000 images
    return np.concatenate([square[i, i + 1:] for i in range(len(square))])
x, y = (np.load(path) for path in sys.argv[1:3])
square = distances(x)
x = upper(square)
del square
rdm, square = timed(lambda: distances(y))
y = upper(square)
del square
tau_b, result = timed(lambda: kendalltau(x, y, variant="b"))
print(json.dumps({"rdm": rdm, "tau_b": tau_b, "value": float(result.statistic)}))
"""

RSATOOLBOX = """
import json, sys, time
import numpy as np
from rsatoolbox.data import Dataset
from rsatoolbox.rdm import calc_rdm, compare
def timed(work):
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result
x, y = (Dataset(np.load(path)) for path in sys.argv[1:3])
x = calc_rdm(x, method="correlation")
rdm, y = timed(lambda: calc_rdm(y, method="correlation"))
tau_b, result = timed(lambda: compare(x, y, method="tau-b"))
print(json.dumps({"rdm": rdm, "tau_b": tau_b, "value": float(result[0, 0])}))
"""

# Settings of OpenBLAS by hand may slow NumPy down; a fair race is against what its users have.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}


def measure(command, folder):
    """Runs a contestant; its JSON object, with peak memory in bytes."""
    output = os.path.join(folder, "output.json")
    actions = [(os.POSIX_SPAWN_OPEN, 1, output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)]
    process = os.posix_spawnp(command[0], command, ENVIRONMENT, file_actions=actions)
    _, status, usage = os.wait4(process, 0)
    if status != 0:
        sys.exit(f"{command[0]} failed ({os.waitstatus_to_exitcode(status)}); its messages are above")
    with open(output) as file:
        result = json.loads(file.read().splitlines()[-1])
    result["peak"] = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return result


def write_patterns(folder, images, features):
    """Rectified noise, as of units after a ReLU, and a disturbed copy; the paths of two files."""
    rng = np.random.default_rng(1)
    healthy = np.maximum(rng.standard_normal((images, features), dtype=np.float32), 0)
    injured = healthy + 0.5 * np.maximum(rng.standard_normal((images, features), dtype=np.float32), 0)
    paths = [os.path.join(folder, name) for name in ("healthy.npy", "injured.npy")]
    np.save(paths[0], healthy)
    np.save(paths[1], injured)
    return paths


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--features", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--command", default="target/release/examples/rsa_bench", help="ours; gets the paths of two .npy files")
    parser.add_argument("--without-rsatoolbox", action="store_true", help="even if it is installed")
    options = parser.parse_args()

    contestants = {"rsa": shlex.split(options.command), "NumPy + SciPy": [sys.executable, "-c", NUMPY]}
    if importlib.util.find_spec("rsatoolbox") and not options.without_rsatoolbox:
        contestants["rsatoolbox"] = [sys.executable, "-c", RSATOOLBOX]
    results = {name: [] for name in contestants}
    with tempfile.TemporaryDirectory() as folder:
        paths = write_patterns(folder, options.images, options.features)
        for number in range(1, options.rounds + 1):
            for name, command in contestants.items():
                result = measure([*command, *paths], folder)
                results[name].append(result)
                print(f"round {number}, {name}: {json.dumps(result)}", file=sys.stderr, flush=True)

    values = [result["value"] for rounds in results.values() for result in rounds]
    if max(values) - min(values) > 1e-4:
        sys.exit(f"the contestants do not agree on tau-b: {values}")
    print_table(results, options)


def print_table(results, options):
    def median(name, what):
        return statistics.median(result.get(what, result.get("tau_b")) for result in results[name])

    pairs = options.images * (options.images - 1) // 2
    print(f"{options.images:,} images ({pairs:,} pairs) x {options.features:,} features, medians of {options.rounds} rounds\n")
    print(f"{'':16}{'RDM':>18}{'tau-b':>18}{'tau-b, prepared':>18}{'peak memory':>18}")
    for name in results:
        cells = []
        for what in ("rdm", "tau_b", "tau_b_prepared", "peak"):
            value, ours = median(name, what), median("rsa", what)
            text = f"{value / 1e9:.2f} GB" if what == "peak" else f"{value:.2f} s"
            cells.append(f"{text} ({value / ours:.1f}x)")
        print(f"{name:16}" + "".join(f"{cell:>18}" for cell in cells))


if __name__ == "__main__":
    main()
