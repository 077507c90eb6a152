#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the same background jobs in blockhost and qemu-storage-daemon by turns, and prints one table.

The disk is 2 GiB, half of it random data in pieces of 1 MiB, half of it never written. A daemon of its own runs each job, and
before it the same job on a small disk, as a daemon that has been running for a while would (--cold leaves that out). A time is
that from the command to BLOCK_JOB_COMPLETED (a mirror is completed as soon as it is ready), a size the most memory that the
daemon ever had resident (VmHWM). Contenders take turns in every round, images are in the page cache. The best round counts,
the median stands in brackets: on a machine that does other things too, the best says most about a program.
"""
import argparse
import json
import os
import pathlib
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from run import REPOSITORY

MIB = 2**20
WARM_UP = 64


class Disks:
    """The images of a run: those that jobs only read are made once, the others anew for each job."""

    def __init__(self, folder, size, prefix=""):
        self.folder, self.size, self.prefix = folder, size * MIB, prefix
        self.raw, self.qcow2, self.middle = self["data.raw"], self["data.qcow2"], self["middle.qcow2"]
        self.pour(size)
        tool("convert", "-f", "raw", "-O", "qcow2", self.raw, self.qcow2)
        self.fresh("qcow2", "base.qcow2")
        shutil.copy(self.qcow2, self.middle)
        tool("rebase", "-u", "-b", self["base.qcow2"], "-F", "qcow2", self.middle)

    def __getitem__(self, name):
        return f"{self.folder}/{self.prefix}{name}"

    def node(self, form, name, path, **more):
        return {"driver": form, "node-name": self.prefix + name, "file": {"driver": "file", "filename": path}, **more}

    def pour(self, size):
        coin = random.Random(7)
        with open(self.raw, "wb") as raw:
            raw.truncate(self.size)
            for at in range(size):
                if coin.random() < 0.5:
                    raw.seek(at * MIB)
                    raw.write(coin.randbytes(MIB))

    def fresh(self, form, name, *backing):
        path = self[name]
        pathlib.Path(path).unlink(missing_ok=True)
        tool("create", "-q", "-f", form, *backing, path, str(self.size))
        return path


def tool(*arguments):
    subprocess.run(["qemu-img", *arguments], check=True)


def stream(disks):
    top = disks.fresh("qcow2", "top.qcow2", "-b", disks.qcow2, "-F", "qcow2")
    return [disks.node("qcow2", "top", top)], ("block-stream", {"device": f"{disks.prefix}top"}), top


def commit(disks):
    base = disks.fresh("qcow2", "base.qcow2")
    tool("rebase", "-u", "-b", base, "-F", "qcow2", disks.middle)
    top = disks.fresh("qcow2", "top.qcow2", "-b", disks.middle, "-F", "qcow2")
    chain = disks.node("qcow2", "top", top, backing=disks.node("qcow2", "middle", disks.middle, backing=disks.node("qcow2", "base", base)))
    return [chain], ("block-commit", {name: f"{disks.prefix}{node}" for name, node in (("device", "top"), ("top-node", "middle"), ("base-node", "base"))}), base


def commit_active(disks):
    base = disks.fresh("qcow2", "base.qcow2")
    tool("rebase", "-u", "-b", base, "-F", "qcow2", disks.middle)
    return [disks.node("qcow2", "top", disks.middle, backing=disks.node("qcow2", "base", base))], ("block-commit", {"device": f"{disks.prefix}top"}), base


def copy(command, source, target):
    def prepare(disks):
        to = disks.fresh(target, f"target.{target}")
        nodes = [disks.node(source, "source", getattr(disks, source)), disks.node(target, "target", to)]
        return nodes, (command, {"device": f"{disks.prefix}source", "target": f"{disks.prefix}target", "sync": "full"}), to
    return prepare


JOBS = {
    "stream": stream,
    "commit, intermediate": commit,
    "commit, active": commit_active,
    "mirror, qcow2 to qcow2": copy("blockdev-mirror", "qcow2", "qcow2"),
    "mirror, raw to raw": copy("blockdev-mirror", "raw", "raw"),
    "mirror, raw to qcow2": copy("blockdev-mirror", "raw", "qcow2"),
    "backup, qcow2 to qcow2": copy("blockdev-backup", "qcow2", "qcow2"),
    "backup, raw to raw": copy("blockdev-backup", "raw", "raw"),
}


class Daemon:
    """A contender with a monitor."""

    def __init__(self, program, endpoint):
        pathlib.Path(endpoint).unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [*program, "--chardev", f"socket,id=qmp,path={endpoint},server=on,wait=off", "--monitor", "chardev=qmp"], stdout=subprocess.DEVNULL)
        self.socket = socket.socket(socket.AF_UNIX)
        while self.socket.connect_ex(endpoint) != 0:
            if self.process.poll() is not None:
                raise RuntimeError(f"{program[0]} ended with {self.process.returncode}")
            time.sleep(0.005)
        # One file for both directions would throw what it has read ahead away at each write.
        self.stream = self.socket.makefile("r")
        self.events = []
        self.read()
        self.run("qmp_capabilities")

    def run(self, command, **arguments):
        self.socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while "event" in (answer := self.read()):
            self.events.append(answer)
        if "error" in answer:
            raise RuntimeError(f"{command}: {answer['error']['desc']}")

    def wait(self, *names):
        while True:
            while self.events:
                event = self.events.pop(0)
                if event["event"] in names:
                    return event
            self.events.append(self.read())

    def read(self):
        return json.loads(self.stream.readline())

    @property
    def peak(self):
        """MiB."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024

    @property
    def cpu(self):
        """Seconds."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def work(daemon, disks, prepare):
    """Seconds, seconds of the processor, MiB, and the image that holds the result."""
    nodes, (command, arguments), result = prepare(disks)
    for node in nodes:
        daemon.run("blockdev-add", **node)
    before, start = daemon.cpu, time.monotonic()
    daemon.run(command, **{"job-id": f"{disks.prefix}job"}, **arguments)
    event = daemon.wait("BLOCK_JOB_READY", "BLOCK_JOB_COMPLETED")
    if event["event"] == "BLOCK_JOB_READY":
        daemon.run("job-complete", id=f"{disks.prefix}job")
        event = daemon.wait("BLOCK_JOB_COMPLETED")
    seconds = time.monotonic() - start
    if "error" in event["data"]:
        raise RuntimeError(f"{command}: {event['data']['error']}")
    return seconds, daemon.cpu - before, daemon.peak, result


def run(program, small, disks, prepare, check):
    with Daemon(program, disks["qmp.sock"]) as daemon:
        if small:
            work(daemon, small, prepare)
        *figures, result = work(daemon, disks, prepare)
    if check:
        subprocess.run(["qemu-img", "compare", "-q", "-f", "raw", "-F", pathlib.Path(result).suffix[1:], disks.raw, result], check=True)
    return figures


def measure(options, title, small, disks):
    """Contenders by turns: seconds, seconds of the processor, MiB, of each round."""
    results = {name: [] for name in options.contenders}
    for turn in range(options.rounds):
        names = list(results)
        for name in names[turn % len(names):] + names[:turn % len(names)]:
            results[name].append(run(options.contenders[name], small, disks, JOBS[title], check=turn == 0))
    return results


def show(title, results):
    cells = []
    for rounds in results.values():
        seconds, cpu, peak = zip(*rounds)
        cells += [f"{min(seconds):.2f} ({statistics.median(seconds):.2f})", f"{min(cpu):.2f}", f"{statistics.median(peak):.0f}"]
    print(f"| {title} | " + " | ".join(cells) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blockhost", default=str(REPOSITORY / "artifacts/bin/blockhost"), help="default: what ./blockhost has built")
    parser.add_argument("--size", type=int, default=2048, help="MiB of the disk (default: 2048)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cold", action="store_true", help="the job is the daemon's first")
    parser.add_argument("--jobs", help="only those whose name contains this")
    parser.add_argument("--dir", help="where images are made (default: the temporary folder)")
    options = parser.parse_args()
    missing = [program for program in ("qemu-img", options.blockhost) if not shutil.which(program)]
    if missing:
        sys.exit(f"missing: {', '.join(missing)} (./blockhost --version builds blockhost)")
    options.jobs = [title for title in JOBS if (options.jobs or "") in title]
    options.contenders = {"blockhost": [options.blockhost, "serve"], "qemu-storage-daemon": ["qemu-storage-daemon"]}
    with tempfile.TemporaryDirectory(dir=options.dir) as folder:
        small = None if options.cold else Disks(folder, WARM_UP, "small-")
        disks = Disks(folder, options.size)
        print("| | " + " | ".join(f"{name}: s | CPU s | MiB" for name in options.contenders) + " |")
        print("| --- |" + " ---: | ---: | ---: |" * len(options.contenders), flush=True)
        for title in options.jobs:
            show(title, measure(options, title, small, disks))


if __name__ == "__main__":
    main()
