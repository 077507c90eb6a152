# SPDX-License-Identifier: MIT
"""What scripts share that compare qemu-img with ours on disks somewhere else: both take their turns within each round, the figures are medians."""
import argparse
import os
import re
import statistics
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
MIB = 1 << 20


def run(*words, check=True, **more):
    return subprocess.run(words, check=check, stdout=subprocess.PIPE, text=True, **more).stdout


def seconds(*words, **more):
    start = time.monotonic()
    run(*words, **more)
    return time.monotonic() - start


def requests(tool, image, count, *flags, **more):
    """Requests of 4 KiB a second, at places that a cache does not foresee, 32 at once."""
    said = run(tool, "bench", "-f", "raw", "-c", str(count), "-d", "32", "-s", "4096", "-S", str(MIB + 4096), *flags, image, **more)
    return count / float(re.search(r"completed in ([\d.]+)", said)[1])


def write_noise(path, mebibytes):
    with open(path, "wb") as disk:
        for _ in range(mebibytes):
            disk.write(os.urandom(MIB))


def options(description, size=256, rounds=5, **more):
    """Of the command line: --size, --rounds, --dir, --bin, and more numbers by name."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    for name, default in {"size": size, "rounds": rounds, **more}.items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    parser.add_argument("--dir")
    parser.add_argument("--bin", default=os.path.join(HERE, "../../artifacts/bin"))
    return parser.parse_args()


def compare(given, measure):
    """Measures with each program in each round: measure(program's path, name and round) gives figures by what they are."""
    figures = {}
    for number in range(given.rounds):
        for name, tool in (("qemu", "qemu-img"), ("ours", os.path.join(given.bin, "qemu-img"))):
            for what, figure in measure(tool, f"{name}{number}").items():
                figures.setdefault(what, {}).setdefault(name, []).append(figure)
    for what, of in figures.items():
        qemu, ours = statistics.median(of["qemu"]), statistics.median(of["ours"])
        times = qemu / ours if what.endswith(", s") else ours / qemu
        print(f"{what:24} qemu {qemu:10.2f}   ours {ours:10.2f}   {times:.2f} times")


def folder(given):
    return tempfile.TemporaryDirectory(dir=given.dir)
