#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Random 4 KiB reads over a sparse qcow2 image of 1 TiB, with the L2 cache cold and warm, and how long huge images take to open.

blockhost and qemu-storage-daemon serve the image at the same time and are asked in turn, in many short rounds, so that
whatever else the machine does falls on all of them; a figure is the median, the quartiles stand in brackets. Cold: the
default caches, which hold the tables of a quarter of the disk, so that three requests in four miss. Warm: a cache that
holds all tables (l2-cache-size of 128 MiB), filled before. Every request is for another place of the disk.
"""
import argparse
import contextlib
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import tempfile
import time

from run import REPOSITORY, Server

TIB = 2**40
LOADS = {"depth 1": 1, "depth 32": 32}
OPENED = ["1M", "1T", "64T"]

# Rounds that do not count: a compiler at run time needs some.
WARM_UP = 5


def daemon(program, image, endpoint, caches, aio):
    return [
        *program,
        "--blockdev", f"driver=file,node-name=file,filename={image},aio={aio},read-only=on",
        "--blockdev", f"driver=qcow2,node-name=disk,file=file,read-only=on{caches}",
        "--nbd-server", f"addr.type=unix,addr.path={endpoint}",
        "--export", "type=nbd,id=export,node-name=disk,name=disk",
    ]


def fio(endpoint, *options):
    answer = subprocess.run(
        ["fio", "--name=load", "--ioengine=nbd", f"--uri=nbd+unix:///disk?socket={endpoint}", "--bs=4k", "--output-format=json", *options],
        check=True, capture_output=True, text=True)
    return json.loads(answer.stdout[answer.stdout.index("{"):])["jobs"][0]["read"]


def cpu_seconds(process):
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def burst(server, endpoint, depth, seed, seconds):
    """Requests a second, and the server's processor time for each in microseconds."""
    before = cpu_seconds(server.process)
    answer = fio(endpoint, "--rw=randread", f"--iodepth={depth}", "--norandommap", f"--randseed={seed}", "--time_based", f"--runtime={int(seconds * 1000)}ms")
    return answer["iops"], (cpu_seconds(server.process) - before) * 1e6 / answer["total_ios"]


def measure(programs, image, folder, warm, options):
    results = {}
    with contextlib.ExitStack() as servers:
        running = {}
        for number, (name, (program, aio)) in enumerate(programs.items()):
            endpoint = f"{folder}/nbd{number}.sock"
            command = daemon(program, image, endpoint, ",l2-cache-size=134217728" if warm else "", aio)
            running[name] = servers.enter_context(Server(command, endpoint)), endpoint
            if warm:
                # One read in every 4 KiB of every L2 table.
                fio(endpoint, f"--rw=read:{(32 << 20) - 4096}", "--iodepth=16", f"--number_ios={TIB >> 25}")
        for turn in range(options.rounds + WARM_UP):
            for title, depth in LOADS.items():
                for name, (server, endpoint) in running.items():
                    iops, cost = burst(server, endpoint, depth, turn + 1, options.seconds)
                    if turn >= WARM_UP:
                        results.setdefault(title, {}).setdefault(name, []).append((iops, cost))
    return results


def show(values, form="{:,.0f}"):
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{form.format(middle)} ({form.format(low)} to {form.format(high)})"


class Monitor:
    """QMP on a daemon of its own."""

    def __init__(self, program, endpoint):
        self.process = subprocess.Popen(
            [*program, "--chardev", f"socket,id=qmp,path={endpoint},server=on,wait=off", "--monitor", "chardev=qmp"], stdout=subprocess.DEVNULL)
        self.socket = socket.socket(socket.AF_UNIX)
        while self.socket.connect_ex(endpoint) != 0:
            time.sleep(0.01)
        self.stream = self.socket.makefile("rw")
        self.stream.readline()
        self.run("qmp_capabilities")

    def run(self, command, **arguments):
        self.stream.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.stream.flush()
        while "return" not in (answer := json.loads(self.stream.readline())):
            if "error" in answer:
                raise RuntimeError(answer["error"]["desc"])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def opening(programs, folder):
    print("| blockdev-add of an empty image, ms | " + " | ".join(programs) + " |\n| --- |" + " ---: |" * len(programs))
    with contextlib.ExitStack() as monitors:
        running = [monitors.enter_context(Monitor(program, f"{folder}/qmp{i}.sock")) for i, (program, _) in enumerate(programs.values())]
        for size in OPENED:
            image, times = f"{folder}/{size}.qcow2", [[] for _ in running]
            subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", image, size], check=True)
            for turn in range(35):
                for monitor, values in zip(running, times):
                    start = time.monotonic()
                    monitor.run("blockdev-add", **{"driver": "qcow2", "node-name": "n", "file": {"driver": "file", "filename": image}})
                    values.append((time.monotonic() - start) * 1000)
                    monitor.run("blockdev-del", **{"node-name": "n"})
            print(f"| {size} | " + " | ".join(show(values[10:], "{:.2f}") for values in times) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blockhost", default=str(REPOSITORY / "artifacts/bin/blockhost"))
    parser.add_argument("--seconds", type=float, default=0.5, help="of each burst (default: 0.5)")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--dir", help="where the image is made (default: the temporary folder)")
    options = parser.parse_args()
    programs = {
        "blockhost": ([options.blockhost, "serve"], "threads"),
        "qsd, threads": (["qemu-storage-daemon"], "threads"),
        "qsd, io_uring": (["qemu-storage-daemon"], "io_uring"),
    }
    programs = {name: how for name, how in programs.items() if shutil.which(how[0][0])}
    with tempfile.TemporaryDirectory(dir=options.dir) as folder:
        image = f"{folder}/disk.qcow2"
        creator = [options.blockhost, "img"]  # eight seconds; qemu-img takes thirty
        subprocess.run([*creator, "create", "-q", "-f", "qcow2", "-o", "preallocation=metadata", image, "1T"], check=True)
        print("| 4 KiB random reads | " + " | ".join(programs) + " |\n| --- |" + " ---: |" * len(programs))
        for warm in (False, True):
            for title, cells in measure(programs, image, folder, warm, options).items():
                row = f"{'warm' if warm else 'cold'}, {title}"
                print(f"| {row}: IOPS | " + " | ".join(show([iops for iops, _ in cells[name]]) for name in programs) + " |")
                print(f"| {row}: CPU µs a request | " + " | ".join(show([cost for _, cost in cells[name]], "{:.1f}") for name in programs) + " |", flush=True)
        opening({name: how for name, how in programs.items() if name != "qsd, io_uring"}, folder)


if __name__ == "__main__":
    main()
