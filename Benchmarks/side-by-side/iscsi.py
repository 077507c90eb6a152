#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Disks of an iSCSI target beside QEMU: convert from and into one, random reads and writes of 4 KiB at depth 32.

usage: iscsi.py [--size MiB] [--rounds N] [--count N] [--dir FOLDER] [--bin FOLDER]

A tgtd of its own on this machine. Both programs take their turns within each round; the figures are medians.
"""
import os
import subprocess
import time

from turns import MIB, compare, folder, options, requests, run, seconds, write_noise

PORT = 33719
CONTROL = "3719"
TARGET = "iqn.2024-01.benchmark:disks"


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
            write_noise(self[name], size if name == "disk" else 0)
            os.truncate(self[name], size * MIB)
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


def main():
    given = options(__doc__, count=50000)
    with folder(given) as place:
        target = Target(place, given.size)
        try:
            def measure(tool, _):
                out = seconds(tool, "convert", "-f", "raw", "-O", "raw", target.url(1), target["back"])
                run("cmp", target["disk"], target["back"])
                into = seconds(tool, "convert", "-n", "-f", "raw", "-O", "raw", target["disk"], target.url(2))
                run("cmp", target["disk"], target["copy"])
                return {"convert from, s": out, "convert into, s": into,
                        "random reads a second": requests(tool, target.url(2), given.count),
                        "random writes a second": requests(tool, target.url(2), given.count, "-w")}

            compare(given, measure)
        finally:
            target.end()


if __name__ == "__main__":
    main()
