#!/usr/bin/env python3
"""Training and reading speed beside PyTorch's, on this machine, in alternation within one run.

    cargo build --release
    python3 bench/train_vs_pytorch.py [--rounds 5] [--steps 7] [--threads 2] [--only vgg19] [--json FILE]

Each round measures, for each network, `atrophy bench train` and then PyTorch twice: as a careful user runs it ("best":
channels-last memory, fused SGD) and as a plain script does ("plain"). Machines are noisy and phases of noise last minutes, so only
the ratios within a round mean anything; the table gives their medians and ranges over the rounds. All use float32 and the same number
of threads. Rates are images a second from the median step; the first step of each measurement warms up and is not counted.

Needs PyTorch (pip install torch).
"""
import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
NETWORKS = [  # name of `atrophy bench train`, width, batch
    ("vgg19", 1.0, 40),
    ("vgg19-bn", 1.0, 40),
    ("vgg19-bn", 1.0, 128),
    ("vgg11-bn", 0.5, 128),
]
BLOCKS = {
    "vgg11": [[64], [128], [256] * 2, [512] * 2, [512] * 2],
    "vgg19": [[64] * 2, [128] * 2, [256] * 4, [512] * 4, [512] * 4],
}


def network(name, width):
    """The same networks as ours: three dense layers without, one with batch normalisation; no dropout."""
    from torch import nn

    batch_norm = name.endswith("-bn")
    parts, inputs = [], 3
    for block in BLOCKS[name.removesuffix("-bn")]:
        for channels in block:
            outputs = round(channels * width)
            parts.append(nn.Conv2d(inputs, outputs, 3, padding=1))
            parts += [nn.BatchNorm2d(outputs)] if batch_norm else []
            parts.append(nn.ReLU(inplace=True))
            inputs = outputs
        parts.append(nn.MaxPool2d(2))
    parts.append(nn.Flatten())
    for outputs in [] if batch_norm else [4096, 4096]:
        parts += [nn.Linear(inputs, outputs), nn.ReLU(inplace=True)]
        inputs = outputs
    return nn.Sequential(*parts, nn.Linear(inputs, 10))


def pytorch(name, width, batch, steps, best):
    """Images a second in training and in reading (batches of 100, as ours)."""
    import torch
    from torch import nn

    torch.manual_seed(1)
    layout = torch.channels_last if best else torch.contiguous_format
    net = network(name, width).to(memory_format=layout)
    sgd = torch.optim.SGD(net.parameters(), lr=0.001, momentum=0.9, weight_decay=0.0005, **({"fused": True} if best else {}))
    loss_of = nn.CrossEntropyLoss()
    x = torch.randn(batch, 3, 32, 32).to(memory_format=layout)
    y = torch.arange(batch) % 10

    def step():
        sgd.zero_grad(set_to_none=True)
        loss = loss_of(net(x), y)
        loss.backward()
        sgd.step()
        loss.item()

    def median(work):
        work()
        seconds = []
        for _ in range(steps):
            start = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - start)
        return statistics.median(seconds)

    train = batch / median(step)
    net.eval()
    shown = torch.randn(100, 3, 32, 32).to(memory_format=layout)
    with torch.inference_mode():
        read = 100 / median(lambda: net(shown))
    return {"train": train, "read": read, "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def child(name, width, batch, steps, threads, best):
    """PyTorch in a process of its own, so that neither side inherits the other's memory or threads."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
    environment |= {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    arguments = [sys.executable, __file__, "--child", name, str(width), str(batch), str(steps), str(int(best))]
    return json.loads(subprocess.run(arguments, env=environment, check=True, capture_output=True, text=True).stdout)


def ours(binary, name, width, batch, steps, threads):
    arguments = [binary, "bench", "train", "--network", name, "--width", str(width), "--batch", str(batch)]
    arguments += ["--steps", str(steps), "--threads", str(threads), "--json"]
    told = json.loads(subprocess.run(arguments, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    return {"train": told["train_images_per_second"], "read": told["read_images_per_second"], "peak_mib": told["peak_memory_mib"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", help="one network, such as vgg19-bn")
    parser.add_argument("--binary", default=str(ROOT / "target/release/atrophy"))
    parser.add_argument("--json", help="file for all measurements")
    options = parser.parse_args()

    import torch

    print(f"PyTorch {torch.__version__}, {options.threads} threads, {options.rounds} rounds of {options.steps} steps")
    print(f"{'network':<22}{'':9}{'ours':>8}{'best':>8}{'plain':>8}   {'ours/best: median (range)':<28}{'ours/plain':<12}{'MiB ours, best'}")
    everything = []
    for name, width, batch in NETWORKS:
        if options.only not in (None, name):
            continue
        rounds = []
        for _ in range(options.rounds):
            measured = {
                "ours": ours(options.binary, name, width, batch, options.steps, options.threads),
                "best": child(name, width, batch, options.steps, options.threads, True),
                "plain": child(name, width, batch, options.steps, options.threads, False),
            }
            rounds.append(measured)
            everything.append({"network": name, "width": width, "batch": batch, **measured})
        for what in ("train", "read"):
            rate = {who: statistics.median(r[who][what] for r in rounds) for who in ("ours", "best", "plain")}
            ratios = sorted(r["ours"][what] / r["best"][what] for r in rounds)
            plain = statistics.median(r["ours"][what] / r["plain"][what] for r in rounds)
            peak = {who: max(r[who]["peak_mib"] or 0 for r in rounds) for who in ("ours", "best")}
            label = f"{name} x{width} B={batch}"
            ratio = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
            print(
                f"{label:<22}{what:<9}{rate['ours']:8.0f}{rate['best']:8.0f}{rate['plain']:8.0f}   {ratio:<28}{plain:<12.2f}"
                + (f"{peak['ours']:.0f}, {peak['best']:.0f}" if what == "train" else ""),
                flush=True,
            )
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(everything, indent=1) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        name, width, batch, steps, best = sys.argv[2:]
        print(json.dumps(pytorch(name, float(width), int(batch), int(steps), best == "1")))
    else:
        main()
