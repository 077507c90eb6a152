#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Disks on Ceph beside QEMU's driver: convert from and into one, random reads and writes of 4 KiB at depth 32.

usage: rbd.py [--size MiB] [--rounds N] [--count N] [--dir FOLDER] [--bin FOLDER]

A cluster of one node in memory on this machine, which takes most of the time. Both programs take their turns within each round; the
figures are medians.
"""
import os
import subprocess

from turns import HERE, compare, folder, options, requests, run, seconds, write_noise

CLUSTER = os.path.join(HERE, "../../Tests/BlockHost.Block.Rbd.Tests/Cluster/one-node.py")


def compare_on(conf, place, given):
    def image(name):
        return f"rbd:rbd/{name}:conf={conf}"

    disk, back = os.path.join(place, "disk"), os.path.join(place, "back")
    write_noise(disk, given.size)
    run("qemu-img", "convert", "-f", "raw", "-O", "raw", disk, image("source"))

    def measure(tool, name):
        out = seconds(tool, "convert", "-f", "raw", "-O", "raw", image("source"), back)
        run("cmp", disk, back)
        into = seconds(tool, "convert", "-f", "raw", "-O", "raw", disk, image(name))
        run("qemu-img", "compare", "-f", "raw", "-F", "raw", disk, image(name))
        figures = {"convert from, s": out, "convert into, s": into,
                   "random reads a second": requests(tool, image(name), given.count, "-t", "none"),
                   "random writes a second": requests(tool, image(name), given.count, "-t", "none", "-w")}
        run("rbd", "-c", conf, "rm", "--no-progress", name)
        return figures

    compare(given, measure)


def main():
    given = options(__doc__, size=512, rounds=3, count=40000)
    with folder(given) as place:
        cluster = subprocess.Popen(
            ["/usr/bin/python3", CLUSTER, os.path.join(place, "ceph")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            compare_on(cluster.stdout.readline().split()[1], place, given)
        finally:
            cluster.stdin.close()
            cluster.wait()


if __name__ == "__main__":
    main()
