#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A large dmg image is converted, by qemu-img and by ours in turn: time, processor time, and what the busiest thread took of it.

usage: dmg.py [--size MiB] [--rounds N] [--dir FOLDER] [--bin FOLDER]

The image has zlib chunks of 256 KiB, of which every eighth is left out; half of each is text, a quarter noise, a quarter zeroes. Where the
machine is busy the wall clock says little: a copy cannot take less than its busiest thread, nor than its processor time by the number of
processors. Of ours, what lies in --bin is run: native after "./blockhost build".
"""
import argparse
import base64
import os
import random
import statistics
import struct
import subprocess
import tempfile
import time
import zlib

CHUNK, SECTOR, MIB = 512 * 512, 512, 1 << 20
PLIST = """<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><dict><key>resource-fork</key><dict><key>blkx</key><array><dict>
<key>Attributes</key><string>0x0050</string><key>CFName</key><string>disk</string><key>Data</key><data>
{}
</data><key>ID</key><string>0</string><key>Name</key><string>disk</string></dict></array></dict></dict></plist>
"""


def content(seed):
    made = random.Random(seed)
    text = b" ".join(made.choices(WORDS, k=CHUNK // 14))[:CHUNK // 2]
    return (text + made.randbytes(CHUNK // 4)).ljust(CHUNK, b"\0")


WORDS = [bytes(random.Random(i).choices(b"abcdefghijklmnopqrstuvwxyz", k=3 + i % 8)) for i in range(3000)]


def make(path, size):
    packed, entries, at = [zlib.compress(content(i), 6) for i in range(64)], [], 0
    with open(path, "wb") as file:
        for i in range(size // CHUNK):
            if i % 8 == 7:
                entries.append((2, i * 512, 512, 0, 0))
                continue
            chunk = packed[i * 37 % 64]
            file.write(chunk)
            entries.append((0x80000005, i * 512, 512, at, len(chunk)))
            at += len(chunk)
        entries.append((0xFFFFFFFF, size // SECTOR, 0, at, 0))
        table = struct.pack(">4sIQQQII24xII128xI", b"mish", 1, 0, size // SECTOR, 0, 0x208, 0, 0, 0, len(entries))
        table += b"".join(struct.pack(">IIQQQQ", kind, 0, *rest) for kind, *rest in entries)
        plist = PLIST.format(base64.b64encode(table).decode()).encode()
        trailer = struct.pack(">4sIIIQQQQQII16x", b"koly", 4, 512, 1, 0, 0, at, 0, 0, 1, 1) + bytes(136)
        trailer += struct.pack(">QQ", at, len(plist)) + bytes(120) + bytes(136) + struct.pack(">IQ", 1, size // SECTOR)
        file.write(plist + trailer.ljust(SECTOR, b"\0"))


def convert(*words):
    """Wall clock, processor time of all threads, and of the busiest one."""
    start, threads = time.monotonic(), {}
    process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        try:
            for thread in os.listdir(f"/proc/{process.pid}/task"):
                with open(f"/proc/{process.pid}/task/{thread}/stat") as file:
                    fields = file.read().rpartition(")")[2].split()
                threads[thread] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except (FileNotFoundError, ProcessLookupError):
            pass
        time.sleep(0.02)
    assert process.returncode == 0, words
    return time.monotonic() - start, sum(threads.values()), max(threads.values())


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--size", type=int, default=1536)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--dir")
    options.add_argument("--bin", default=os.path.join(os.path.dirname(__file__), "../../artifacts/bin"))
    given = options.parse_args()
    tools = {"qemu-img": "qemu-img", "ours": os.path.join(given.bin, "qemu-img")}
    figures = {name: [] for name in tools}
    with tempfile.TemporaryDirectory(dir=given.dir) as folder:
        image = os.path.join(folder, "image.dmg")
        make(image, given.size * MIB)
        for _ in range(given.rounds):
            for name, tool in tools.items():
                figures[name].append(convert(tool, "convert", "-f", "dmg", "-O", "raw", image, os.path.join(folder, name)))
            subprocess.run(["cmp", *(os.path.join(folder, name) for name in tools)], check=True)
    print("| | wall clock, s | processor time, s | busiest thread, s |\n| --- | ---: | ---: | ---: |")
    for name, rounds in figures.items():
        print(f"| {name} |", " | ".join(f"{statistics.median(part):.2f}" for part in zip(*rounds)), "|")


main()
