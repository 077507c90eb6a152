#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Other machines' formats beside QEMU: convert from raw and back, and random 4 KiB requests over NBD.

usage: formats.py [--size MiB] [--rounds N] [--seconds N] [--formats a,b] [--dir FOLDER] [--bin FOLDER]

Both programs take their turns within each round; the figures are medians. Every second MiB of the disk holds data. What either
program has written is compared with the disk, read by QEMU. Of ours, what lies in --bin by QEMU's name converts: native after
"./blockhost build". On a machine that does nothing else, or the numbers say nothing.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

MIB = 1 << 20
FORMATS = {
    "qcow": [], "qed": [], "parallels": [], "vdi": [], "vdi static": ["-o", "static=on"], "vhdx": [],
    "vpc": ["-o", "force_size=on"], "vpc fixed": ["-o", "force_size=on,subformat=fixed"], "vmdk": [],
}


def run(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def timed(*words):
    start = time.perf_counter()
    run(*words)
    return time.perf_counter() - start


def make_disk(path, mib):
    with open(path, "wb") as disk:
        for i in range(0, mib, 2):
            disk.seek(i * MIB)
            disk.write(os.urandom(MIB))
        disk.truncate(mib * MIB)


def conversions(name, options, programs, rounds):
    """Seconds of each program: to the format, and back."""
    kind = name.split()[0]
    times = {program: ([], []) for program in programs}
    for _ in range(rounds):
        for program, img in programs.items():
            for path in ("image", "back"):
                if os.path.exists(path):
                    os.remove(path)
            times[program][0].append(timed(*img, "convert", "-f", "raw", "-O", kind, *options, "disk", "image"))
            times[program][1].append(timed(*img, "convert", "-f", kind, "-O", "raw", "image", "back"))
            run("qemu-img", "compare", "-f", "raw", "-F", "raw", "disk", "back")
            run("qemu-img", "compare", "-f", "raw", "-F", kind, "disk", "image")
    return {program: [statistics.median(part) for part in parts] for program, parts in times.items()}


def requests(kind, daemon, direction, seconds):
    """Requests a second, at depth 32."""
    if os.path.exists("nbd.sock"):
        os.remove("nbd.sock")
    server = subprocess.Popen([
        *daemon, "--blockdev", json.dumps({"driver": kind, "node-name": "n", "file": {"driver": "file", "filename": "image"}}),
        "--nbd-server", "addr.type=unix,addr.path=nbd.sock", "--export", "type=nbd,id=e,node-name=n,name=n,writable=on"])
    try:
        while not os.path.exists("nbd.sock"):
            time.sleep(0.05)
        out = subprocess.run(
            ["fio", "--name=j", "--ioengine=nbd", "--uri=nbd+unix:///n?socket=nbd.sock", "--rw=" + direction, "--bs=4k",
             "--iodepth=32", "--time_based", "--runtime=%d" % seconds, "--output-format=json"],
            check=True, capture_output=True, text=True).stdout
        job = json.loads(out[out.index("{"):])["jobs"][0]
        return job["read" if direction == "randread" else "write"]["iops"]
    finally:
        server.terminate()
        server.wait()


def served(name, options, daemons, rounds, seconds):
    kind = name.split()[0]
    rates = {program: {"randread": [], "randwrite": []} for program in daemons}
    for _ in range(rounds):
        for program, daemon in daemons.items():
            run("qemu-img", "convert", "-f", "raw", "-O", kind, *options, "disk", "image")
            for direction in ("randread", "randwrite"):
                rates[program][direction].append(requests(kind, daemon, direction, seconds))
    return {program: [statistics.median(part[way]) for way in ("randread", "randwrite")] for program, part in rates.items()}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3, help="of each run of fio; 0: conversions only")
    parser.add_argument("--formats", default=",".join(FORMATS))
    parser.add_argument("--dir")
    parser.add_argument("--bin", default=os.path.join(os.path.dirname(__file__), "..", "..", "artifacts", "bin"))
    args = parser.parse_args()
    ours = os.path.join(os.path.abspath(args.bin), "blockhost")
    programs = {"QEMU": ["qemu-img"], "ours": [os.path.join(os.path.abspath(args.bin), "qemu-img")]}
    daemons = {"QEMU": ["qemu-storage-daemon"], "ours": [ours, "serve"]}
    print("load %.1f, %d processors" % (os.getloadavg()[0], os.cpu_count()))
    print("| format | to it: QEMU | ours | back: QEMU | ours | read: QEMU | ours | write: QEMU | ours |")
    print("|---|" + "---:|" * 8)
    with tempfile.TemporaryDirectory(dir=args.dir) as folder:
        os.chdir(folder)
        make_disk("disk", args.size)
        for name in args.formats.split(","):
            times = conversions(name, FORMATS[name], programs, args.rounds)
            cells = ["%d ms" % (times[program][way] * 1000) for way in (0, 1) for program in programs]
            if args.seconds:
                rates = served(name, FORMATS[name], daemons, args.rounds, args.seconds)
                cells += ["%d/s" % rates[program][way] for way in (0, 1) for program in daemons]
            print("| %s | %s |" % (name, " | ".join(cells)), flush=True)


if __name__ == "__main__":
    sys.exit(main())
