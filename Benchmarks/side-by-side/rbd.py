#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Disks on Ceph beside QEMU's driver: convert from and into one, random reads and writes of 4 KiB at depth 32.

usage: rbd.py [--size MiB] [--rounds N] [--dir FOLDER] [--bin FOLDER]

A cluster of one node in memory on this machine, which takes most of the time. Both programs take their turns within each round; the
figures are medians.
"""
import argparse
import os
import re
import statistics
import subprocess
import tempfile
import time

MIB = 1 << 20
HERE = os.path.dirname(os.path.abspath(__file__))
CLUSTER = os.path.join(HERE, "../../Tests/BlockHost.Block.Rbd.Tests/Cluster/one-node.py")


def run(*words):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout


def seconds(*words):
    start = time.monotonic()
    run(*words)
    return time.monotonic() - start


def bench(tool, image, *more):
    said = run(tool, "bench", "-f", "raw", "-t", "none", "-c", "5000", "-d", "32", "-s", "4096", "-S", str(MIB + 4096), *more, image)
    return 5000 / float(re.search(r"completed in ([\d.]+)", said)[1])


def measure(folder, conf, binaries, options):
    def image(name):
        return f"rbd:rbd/{name}:conf={conf}"

    disk, back = os.path.join(folder, "disk"), os.path.join(folder, "back")
    with open(disk, "wb") as file:
        for _ in range(options.size):
            file.write(os.urandom(MIB))
    run("qemu-img", "convert", "-f", "raw", "-O", "raw", disk, image("source"))
    figures = {}
    for number in range(options.rounds):
        for name, tool in binaries:
            out = seconds(tool, "convert", "-f", "raw", "-O", "raw", image("source"), back)
            run("cmp", disk, back)
            into = seconds(tool, "convert", "-f", "raw", "-O", "raw", disk, image(f"{name}{number}"))
            run("qemu-img", "compare", "-f", "raw", "-F", "raw", disk, image(f"{name}{number}"))
            reads = bench(tool, image(f"{name}{number}"))
            writes = bench(tool, image(f"{name}{number}"), "-w")
            run("rbd", "-c", conf, "rm", "--no-progress", f"{name}{number}")
            figures.setdefault(name, []).append((out, into, reads, writes))
    for name, of in figures.items():
        out, into, reads, writes = [statistics.median(part) for part in zip(*of)]
        print(f"{name}: convert from {out:.2f} s, into {into:.2f} s; 4 KiB a second: {reads:.0f} reads, {writes:.0f} writes")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dir")
    parser.add_argument("--bin", default=os.path.join(HERE, "../../artifacts/bin"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.dir) as folder:
        cluster = subprocess.Popen(
            ["/usr/bin/python3", CLUSTER, os.path.join(folder, "ceph")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            conf = cluster.stdout.readline().split()[1]
            measure(folder, conf, [("qemu", "qemu-img"), ("ours", os.path.join(options.bin, "qemu-img"))], options)
        finally:
            cluster.stdin.close()
            cluster.wait()


if __name__ == "__main__":
    main()
