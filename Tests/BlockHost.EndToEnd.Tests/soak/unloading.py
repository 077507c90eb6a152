#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Unloads plugins amid random commands, and ends with an error where the daemon dies or a command is refused that should not be:

    unloading.py FOLDER-OF-OUR-PROGRAMS COMMANDS SEED

Nodes, exports, jobs, an NBD server that comes and goes with clients at work, and one command in eight takes a plugin away. A plugin
that is wanted comes back; only one that something still uses may be refused, in words that say what uses it.
"""

import os
import random
import re
import subprocess
import sys
import tempfile
import time

from clients import Monitor, Nbd

MIB = 1 << 20
PLUGINS = ["block.qcow2", "block.file", "block.raw", "block.null", "export.nbd", "export.nbd", "commands.block", "commands.job",
           "job.mirror", "job.backup", "job.commit", "job.stream", "job.create", "filter.copyonread", "filter.throttle"]
QUERIES = ["query-named-block-nodes", "query-block-exports", "query-jobs", "query-block-jobs", "query-yank", "query-commands", "query-status",
           "query-plugins", "query-version", "query-blockstats"]
NODES = ["n0", "n1", "n2", "n3"]
WRONG = re.compile("unexpectedly|does not accept value|is being unloaded|has been unloaded|has not been found|is unloading(?!: in use by)")


class Daemon:
    def __init__(self, program, folder):
        self.folder = folder
        self.log = open(f"{folder}/log", "ab")
        self.program = program
        for name in ("a.qcow2", "b.qcow2"):
            subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", f"{folder}/{name}", "4M"], check=True)
        for name in ("a.raw", "b.raw"):
            with open(f"{folder}/{name}", "wb") as file:
                file.truncate(4 * MIB)
        self.start()

    def start(self):
        for name in ("qmp.sock", "nbd.sock"):
            if os.path.exists(f"{self.folder}/{name}"):
                os.unlink(f"{self.folder}/{name}")
        options = ["--chardev", "socket,id=c,path=qmp.sock,server=on,wait=off", "--monitor", "chardev=c"]
        self.process = subprocess.Popen([self.program, *options], cwd=self.folder, stdout=self.log, stderr=self.log)
        self.monitor = Monitor(f"{self.folder}/qmp.sock")

    def stop(self):
        self.process.kill()
        self.process.wait()


def node(choose):
    name = choose.choice(NODES)
    format = choose.choice(["qcow2", "raw"])
    options = {"driver": format, "node-name": name,
               "file": {"driver": "file", "filename": f"{choose.choice('ab')}.{format}", "aio": choose.choice(["threads", "native", "io_uring"])}}
    if options["file"]["aio"] == "native":
        options["file"]["cache"] = {"direct": True}
    if choose.random() < 0.1:
        options = {"driver": "null-co", "node-name": name, "size": MIB}
    elif choose.random() < 0.1:
        options = {"driver": "copy-on-read", "node-name": name, "file": options | {"node-name": f"{name}-f"}}
    return "blockdev-add", options


def job(choose):
    device, target, name = choose.choice(NODES), choose.choice(NODES), choose.choice(["j0", "j1"])
    return choose.choice([
        ("blockdev-mirror", {"job-id": name, "device": device, "target": target, "sync": "full"}),
        ("blockdev-backup", {"job-id": name, "device": device, "target": target, "sync": "full"}),
        ("block-commit", {"job-id": name, "device": device}),
        ("block-stream", {"job-id": name, "device": device}),
        ("blockdev-create", {"job-id": name, "options": {"driver": "qcow2", "file": device, "size": 4 * MIB}}),
        ("job-cancel", {"id": name}),
        ("block-job-complete", {"device": name}),
        ("job-dismiss", {"id": name}),
    ])


def export(choose):
    name = choose.choice(NODES)
    return choose.choice([
        ("nbd-server-start", {"addr": {"type": "unix", "data": {"path": "nbd.sock"}}}),
        ("nbd-server-start", {"addr": {"type": "unix", "data": {"path": "nbd.sock"}}}),
        ("nbd-server-stop", {}),
        ("block-export-add", {"type": "nbd", "id": f"e-{name}", "node-name": name, "name": name, "writable": True}),
        ("block-export-add", {"type": "nbd", "id": f"e-{name}", "node-name": name, "name": name, "writable": True}),
        ("block-export-del", {"id": f"e-{name}", "mode": "hard"}),
    ])


def change(choose):
    name = choose.choice(NODES)
    return choose.choice([
        ("block_resize", {"node-name": name, "size": choose.choice([4 * MIB, 5 * MIB])}),
        ("block-dirty-bitmap-add", {"node": name, "name": "bm"}),
        ("block-dirty-bitmap-remove", {"node": name, "name": "bm"}),
        ("blockdev-del", {"node-name": name}),
        ("blockdev-del", {"node-name": name}),
        ("transaction", {"actions": [{"type": "block-dirty-bitmap-clear", "data": {"node": name, "name": "bm"}}]}),
    ])


def command(choose):
    kind = choose.random()
    if kind < 0.125:
        return "plugin-unload", {"id": choose.choice(PLUGINS), "timeout": 0}
    if kind < 0.135:
        return "plugin-load", {"id": choose.choice(PLUGINS)}
    if kind < 0.14:
        return "query-qmp-schema", {}
    if kind < 0.35:
        return choose.choice(QUERIES), {}
    return choose.choice([node, node, change, export, export, job])(choose)


def work(folder, choose):
    """A client that reads and writes, if there is an export for it."""
    try:
        client = Nbd(f"{folder}/nbd.sock", choose.choice(NODES))
        client.socket.settimeout(10)
        for _ in range(8):
            offset = choose.randrange(0, 4 * MIB - 65536)
            client.write(offset, bytes(choose.randrange(1, 65536)))
            client.read(offset, 65536)
        if choose.random() < 0.5:
            client.close()
    except (OSError, AssertionError):
        pass


def main():
    programs, commands, seed = os.path.abspath(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    choose = random.Random(seed)
    deaths, unloaded, wrong = 0, 0, {}
    with tempfile.TemporaryDirectory(prefix="unloading-") as folder:
        daemon = Daemon(f"{programs}/qemu-storage-daemon", folder)
        start = time.monotonic()
        for number in range(commands):
            name, arguments = command(choose)
            try:
                answer = daemon.monitor.ask(name, arguments)
                unloaded += name == "plugin-unload" and "return" in answer
                text = answer.get("error", {}).get("desc", "")
                if WRONG.search(text):
                    wrong.setdefault(f"{name}: {text}", []).append(number)
                if number % 20 == 0:
                    work(folder, choose)
            except (OSError, EOFError, ValueError):
                daemon.process.wait(10)
                deaths += 1
                print(f"command {number} ({name}): the daemon ended with {daemon.process.poll()}", flush=True)
                daemon.start()
            if number % 1000 == 999:
                print(f"{number + 1} commands, {unloaded} unloads, {time.monotonic() - start:.0f} s, {deaths} deaths", flush=True)
        daemon.stop()
        print(f"{commands} commands with seed {seed}: {unloaded} unloads, {deaths} deaths")
        for text, numbers in wrong.items():
            print(f"{len(numbers)} times, first at {numbers[0]}: {text}")
        if deaths:
            print(open(f"{folder}/log", errors="replace").read()[-4000:])
    sys.exit(bool(deaths or wrong))


main()
