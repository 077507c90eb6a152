#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Guests' disks over vhost-user beside qemu-storage-daemon: random requests of 4 KiB from a virtio driver of our own.

usage: vhost_user_blk.py [--seconds N] [--rounds N] [--size MiB] [--dir FOLDER] [--ours PROGRAM] [--load PROGRAM] [--packed]

The daemons take their turns within each round; figures are medians of the rounds: thousands of requests a second, the median and 99th
percentile of their times, and the daemon's processor time for each. QEMU's runs as it does by itself and with an iothread.
"""
import argparse
import os
import statistics
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.join(HERE, "..", "..")
NODES = {
    "null-co": ["driver=null-co,node-name=d,size={bytes}"],
    "raw": ["driver=file,node-name=f,filename={dir}/disk.raw", "driver=raw,node-name=d,file=f"],
    "qcow2": ["driver=file,node-name=f,filename={dir}/disk.qcow2", "driver=qcow2,node-name=d,file=f"],
}


def processor_time(pid):
    with open(f"/proc/{pid}/stat") as stat:
        words = stat.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def measure(daemon, more, node, mode, depth, rings, options):
    socket = os.path.join(options.dir, "vu.sock")
    if os.path.exists(socket):
        os.remove(socket)
    words = [*daemon]
    for text in NODES[node]:
        words += ["--blockdev", text.format(bytes=options.size << 20, dir=options.dir)]
    words += ["--export", f"type=vhost-user-blk,id=e,node-name=d,writable=on,num-queues={rings},addr.type=unix,addr.path={socket}{more}"]
    process = subprocess.Popen(words)
    try:
        while not os.path.exists(socket):
            time.sleep(0.02)
        ring = "packed" if options.packed and daemon is not QEMU else "split"
        load = lambda seconds: subprocess.run(
            [options.load, socket, mode, str(depth), str(rings), str(seconds), ring],
            check=True, stdout=subprocess.PIPE, text=True).stdout.split()
        load(0.5)
        before, start = processor_time(process.pid), time.monotonic()
        rate, median, late = map(float, load(options.seconds))
        return rate, median, late, (processor_time(process.pid) - before) * 1e6 / (rate * options.seconds)
    finally:
        process.kill()
        process.wait()


QEMU = ["qemu-storage-daemon"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--dir")
    parser.add_argument("--ours", default=os.path.join(ROOT, "artifacts", "bin", "qemu-storage-daemon"))
    parser.add_argument("--load", default=os.path.join(
        ROOT, "artifacts", "build", "bin", "BlockHost.GuestLoad", "release", "BlockHost.GuestLoad"))
    parser.add_argument("--nodes", default="null-co,raw,qcow2")
    parser.add_argument("--depths", default="1,32")
    parser.add_argument("--rings", default="1,4")
    parser.add_argument("--packed", action="store_true")
    options = parser.parse_args()
    own = tempfile.TemporaryDirectory() if options.dir is None else None
    options.dir = options.dir or own.name
    for name, form in ("disk.raw", "raw"), ("disk.qcow2", "qcow2"):
        path = os.path.join(options.dir, name)
        subprocess.run(["qemu-img", "create", "-q", "-f", form, path, f"{options.size}M"], check=True)
        subprocess.run(["qemu-io", "-f", form, "-c", f"write -q -P 1 0 {options.size}M", path], check=True)
    daemons = {
        "ours": ([options.ours], ""),
        "QEMU": (QEMU, ""),
        "QEMU, iothread": (QEMU + ["--object", "iothread,id=t"], ",iothread=t"),
    }
    print(f"{'':34}" + "".join(f"{name:>32}" for name in daemons) + "   ours/QEMU")
    for node in options.nodes.split(","):
        for mode in "read", "write":
            for depth in map(int, options.depths.split(",")):
                for rings in map(int, options.rings.split(",")):
                    rounds = [
                        [measure(*daemon, node, mode, depth, rings, options) for daemon in daemons.values()]
                        for _ in range(options.rounds)]
                    figures = [
                        [statistics.median(column) for column in zip(*(turn[i] for turn in rounds))] for i in range(len(daemons))]
                    line = f"{node}, {mode}, depth {depth}, rings {rings}"
                    cells = "".join(f"{f'{r / 1000:.1f}k {m:.0f}/{l:.0f} us {c:.1f} us':>32}" for r, m, l, c in figures)
                    print(f"{line:34}{cells}   {figures[0][0] / max(figures[1][0], figures[2][0]):.2f}", flush=True)


main()
