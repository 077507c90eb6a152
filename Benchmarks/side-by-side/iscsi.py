#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Disks of an iSCSI target beside QEMU: convert from and into one, random reads and writes of 4 KiB at depth 32.

usage: iscsi.py [--size MiB] [--rounds N] [--count N] [--dir FOLDER] [--bin FOLDER]

A tgtd of its own on this machine. Both programs take their turns within each round; the figures are medians.
"""
import argparse
import os
import re
import statistics
import subprocess
import tempfile
import time

MIB = 1 << 20
PORT = 33719
CONTROL = "3719"
TARGET = "iqn.2024-01.benchmark:disks"


def run(*words):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout


def seconds(*words):
    start = time.monotonic()
    run(*words)
    return time.monotonic() - start


class Target:
    """tgtd with two disks, which are files."""

    def __init__(self, folder, size):
        self.folder = folder
        self.process = subprocess.Popen(["tgtd", "-f", "-C", CONTROL, "--iscsi", f"portal=127.0.0.1:{PORT}"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(100):
            time.sleep(0.1)
            if subprocess.run(self.admin("target", "show"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0:
                break
        run(*self.admin("target", "new", "--tid", "1", "--targetname", TARGET))
        for lun, name in (("1", "disk"), ("2", "copy")):
            with open(self[name], "wb") as disk:
                for _ in range(size):
                    disk.write(os.urandom(MIB) if name == "disk" else bytes(MIB))
            run(*self.admin("logicalunit", "new", "--tid", "1", "--lun", lun, "--backing-store", self[name]))
        run(*self.admin("target", "bind", "--tid", "1", "-I", "ALL"))

    def __getitem__(self, name):
        return os.path.join(self.folder, name)

    def admin(self, mode, operation, *more):
        return ["tgtadm", "-C", CONTROL, "--lld", "iscsi", "--mode", mode, "--op", operation, *more]

    def url(self, lun):
        return f"iscsi://127.0.0.1:{PORT}/{TARGET}/{lun}"

    def end(self):
        self.process.kill()
        self.process.wait()


def bench(target, tool, count, *more):
    said = run(tool, "bench", "-f", "raw", "-c", str(count), "-d", "32", "-s", "4096", "-S", str(MIB + 4096), *more, target.url(2))
    return count / float(re.search(r"completed in ([\d.]+)", said)[1])


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=50000)
    parser.add_argument("--dir")
    parser.add_argument("--bin", default=os.path.join(here, "../../artifacts/bin"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.dir) as folder:
        target = Target(folder, options.size)
        try:
            figures = {}
            for _ in range(options.rounds):
                for name, tool in (("qemu", "qemu-img"), ("ours", os.path.join(options.bin, "qemu-img"))):
                    out = seconds(tool, "convert", "-f", "raw", "-O", "raw", target.url(1), target["back"])
                    run("cmp", target["disk"], target["back"])
                    into = seconds(tool, "convert", "-n", "-f", "raw", "-O", "raw", target["disk"], target.url(2))
                    run("cmp", target["disk"], target["copy"])
                    reads = bench(target, tool, options.count)
                    writes = bench(target, tool, options.count, "-w")
                    figures.setdefault(name, []).append((out, into, reads, writes))
            for name, all_of in figures.items():
                out, into, reads, writes = [statistics.median(part) for part in zip(*all_of)]
                print(f"{name}: convert from {out:.2f} s, into {into:.2f} s, "
                      f"{reads:.0f} random reads and {writes:.0f} random writes of 4 KiB a second")
        finally:
            target.end()


if __name__ == "__main__":
    main()
