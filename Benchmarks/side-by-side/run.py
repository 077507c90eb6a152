#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Serves the same images with blockhost, qemu-storage-daemon and nbdkit, and prints one table.

Needs fio with its nbd engine, qemu-img and qemu-storage-daemon; nbdkit and nbdcopy take part where they are installed.
Contenders take turns in every round, each cell starts its own server on a Unix socket, images are in the page cache, and
a figure is the median of the rounds.
"""
import argparse
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]

# name: fio's rw, block size, queue depth, unit
LOADS = {
    "4k random read, depth 1": ("randread", "4k", 1, "IOPS"),
    "4k random write, depth 1": ("randwrite", "4k", 1, "IOPS"),
    "4k random read, depth 32": ("randread", "4k", 32, "IOPS"),
    "4k random write, depth 32": ("randwrite", "4k", 32, "IOPS"),
    "1M sequential read": ("read", "1m", 8, "MiB/s"),
    "1M sequential write": ("write", "1m", 8, "MiB/s"),
}


def storage_daemon(program, aio):
    def command(image, form, endpoint):
        return [
            *program,
            "--blockdev", f"driver=file,node-name=file,filename={image},aio={aio}",
            "--blockdev", f"driver={form},node-name=disk,file=file",
            "--nbd-server", f"addr.type=unix,addr.path={endpoint}",
            "--export", "type=nbd,id=export,node-name=disk,name=disk,writable=on",
        ]
    return command


def nbdkit(image, form, endpoint):
    if form != "raw":
        return None
    return ["nbdkit", "--foreground", "--exit-with-parent", "--unix", endpoint, "--exportname", "disk", "file", image]


def contenders(blockhost):
    found = {"blockhost": storage_daemon([blockhost, "serve"], "threads")}
    if shutil.which("qemu-storage-daemon"):
        found["qemu-storage-daemon"] = storage_daemon(["qemu-storage-daemon"], "threads")
        found["qemu-storage-daemon, io_uring"] = storage_daemon(["qemu-storage-daemon"], "io_uring")
    if shutil.which("nbdkit"):
        found["nbdkit"] = nbdkit
    return found


class Server:
    """A contender, from its start until it accepts connections to its end."""

    def __init__(self, command, endpoint):
        start = time.monotonic()
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not self.accepts(endpoint):
            if self.process.poll() is not None:
                raise RuntimeError(f"{command[0]} ended with {self.process.returncode}")
            if time.monotonic() - start > 20:
                raise RuntimeError(f"{command[0]} does not serve")
            time.sleep(0.001)
        self.startup = time.monotonic() - start

    @staticmethod
    def accepts(endpoint):
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(endpoint)
                return probe.recv(8) == b"NBDMAGIC"
            except OSError:
                return False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def fio(endpoint, load, seconds):
    rw, size, depth, unit = load
    answer = subprocess.run(
        ["fio", "--name=load", "--ioengine=nbd", f"--uri=nbd+unix:///disk?socket={endpoint}", f"--rw={rw}", f"--bs={size}",
         f"--iodepth={depth}", "--time_based", f"--runtime={int(seconds * 1000)}ms", f"--ramp_time={int(min(1, seconds) * 1000)}ms", "--output-format=json"],
        check=True, capture_output=True, text=True)
    job = json.loads(answer.stdout[answer.stdout.index("{"):])["jobs"][0]["read" if "read" in rw else "write"]
    return job["iops"] if unit == "IOPS" else job["bw_bytes"] / 2**20


def timed(command):
    start = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - start


def make_images(folder, size):
    images = {"raw": f"{folder}/disk.raw", "qcow2": f"{folder}/disk.qcow2"}
    with open(images["raw"], "wb") as raw:
        for _ in range(size):
            raw.write(os.urandom(2**20))
    timed(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", images["raw"], images["qcow2"]])
    return images


def converters(blockhost):
    found = {"blockhost": [blockhost, "img", "convert"], "qemu-img": ["qemu-img", "convert"]}
    return {name: command for name, command in found.items() if shutil.which(command[0])}


def measure(options, folder):
    images = make_images(folder, options.size)
    results, startups = {}, {}

    def note(row, contender, value):
        results.setdefault(row, {}).setdefault(contender, []).append(value)

    for turn in range(options.rounds):
        names = list(options.contenders)
        order = names[turn % len(names):] + names[:turn % len(names)]
        for form, image in images.items():
            for title, load in LOADS.items():
                for name in order:
                    endpoint = f"{folder}/nbd.sock"
                    pathlib.Path(endpoint).unlink(missing_ok=True)
                    command = options.contenders[name](image, form, endpoint)
                    if command is None:
                        continue
                    with Server(command, endpoint) as server:
                        note(f"{form}: {title} ({load[3]})", name, fio(endpoint, load, options.seconds))
                        startups.setdefault(name, []).append(server.startup * 1000)
        for name, command in options.converters.items():
            target = f"{folder}/converted"
            note("convert qcow2 to raw (s)", name, timed([*command, "-f", "qcow2", "-O", "raw", images["qcow2"], target]))
            note("convert raw to qcow2 (s)", name, timed([*command, "-f", "raw", "-O", "qcow2", images["raw"], target]))
            pathlib.Path(target).unlink()
    return results | {"start-up (ms)": startups}


def table(results):
    columns = list(dict.fromkeys(name for row in results.values() for name in row))
    yield "| | " + " | ".join(columns) + " |"
    yield "| --- |" + " ---: |" * len(columns)
    for row, cells in results.items():
        values = (statistics.median(cells[c]) if c in cells else None for c in columns)
        yield f"| {row} | " + " | ".join("" if v is None else f"{v:,.2f}" if v < 10 else f"{v:,.0f}" for v in values) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blockhost", default=str(REPOSITORY / "artifacts/bin/blockhost"), help="default: what ./blockhost has built")
    parser.add_argument("--size", type=int, default=512, help="MiB of each image (default: 512)")
    parser.add_argument("--seconds", type=float, default=3, help="of each cell (default: 3)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dir", help="where images are made (default: the temporary folder)")
    options = parser.parse_args()
    missing = [tool for tool in ("fio", "qemu-img", options.blockhost) if not shutil.which(tool)]
    if missing:
        sys.exit(f"missing: {', '.join(missing)} (./blockhost --version builds blockhost)")
    options.contenders = contenders(options.blockhost)
    options.converters = converters(options.blockhost)
    with tempfile.TemporaryDirectory(dir=options.dir) as folder:
        print("\n".join(table(measure(options, folder))))


if __name__ == "__main__":
    main()
