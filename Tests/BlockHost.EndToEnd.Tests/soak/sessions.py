#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Sends the same random sessions to qemu-storage-daemon and to ours, and prints where they answer differently:

    sessions.py FOLDER-OF-OUR-PROGRAMS FIRST-SEED END-SEED [STEPS]

Jobs, transactions, bitmaps, snapshots and nodes, right and wrong. After each command both come to rest; then answers and events must be
alike, but for how far a job is. A session ends at its first difference, or where QEMU crashes, which it does now and then.
"""

import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

from clients import Monitor

IMAGE = 1 << 20
CHAIN = {"base": ("write -P 1 0 512k", None), "mid": ("write -P 2 256k 256k", "base"), "top": ("write -P 3 64k 64k", "mid")}
SHOWN_BEFORE = 12


def run(*arguments):
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)


def qcow2(name, **more):
    return {"driver": "qcow2", "node-name": name, "file": {"driver": "file", "filename": f"{name}.qcow2", "node-name": f"{name}-f"}, **more}


START = [
    ("blockdev-add", qcow2("top", backing=qcow2("mid", backing=qcow2("base")))),
    ("blockdev-add", qcow2("t")),
    ("blockdev-add", qcow2("s")),
    ("blockdev-add", {"driver": "raw", "node-name": "r", "file": {"driver": "file", "filename": "r.raw", "node-name": "r-f"}}),
    ("block-dirty-bitmap-add", {"node": "top", "name": "b0"}),
]


class Side:
    """A daemon in a folder of its own, with the same images."""

    def __init__(self, program, folder):
        self.folder = folder
        os.makedirs(folder)
        for name, (write, backing) in CHAIN.items():
            path = f"{folder}/{name}.qcow2"
            run("qemu-img", "create", "-f", "qcow2", *(["-b", f"{backing}.qcow2", "-F", "qcow2"] if backing else []), path, *([] if backing else [str(IMAGE)]))
            run("qemu-io", "-c", write, path)
        run("qemu-img", "create", "-f", "qcow2", f"{folder}/t.qcow2", str(IMAGE))
        run("qemu-img", "create", "-f", "qcow2", f"{folder}/s.qcow2", str(IMAGE // 2))
        run("qemu-img", "create", "-f", "raw", f"{folder}/r.raw", str(IMAGE))
        options = ["--chardev", "socket,id=c,path=qmp.sock,server=on,wait=off", "--monitor", "chardev=c"]
        self.daemon = subprocess.Popen([program, *options], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.qmp = Monitor(f"{folder}/qmp.sock")
        for command, arguments in START:
            self.qmp.run(command, **arguments)

    def ask(self, command, arguments):
        """The answer, and the events until nothing moves any more; both as texts."""
        answer = self.qmp.ask(command, arguments)
        self.rest()
        events = [event for event in self.qmp.events if event["event"] != "PLUGIN_STATE_CHANGE"]
        self.qmp.events = []
        if command == "query-named-block-nodes":
            answer = [(self.plain(node["node-name"]), node["drv"], node["file"]) for node in answer["return"] if node["drv"] != "copy-on-read"]
            answer.sort()
        return self.plain(answer), sorted(self.plain({"event": event["event"], "data": event["data"]}) for event in events)

    def rest(self):
        """Until nothing has changed for a while: longer where a job is still at it."""
        before, same = None, 0
        for _ in range(80):
            time.sleep(0.03)
            jobs, block_jobs = self.qmp.run("query-jobs"), self.qmp.run("query-block-jobs")
            held = {job["device"] for job in block_jobs if job["speed"] == 1}
            busy = any(job["status"] in ("created", "running", "waiting", "pending", "aborting") and job["id"] not in held for job in jobs)
            now = (jobs, block_jobs, len(self.qmp.events))
            same = same + 1 if now == before else 0
            before = now
            if same >= (25 if busy else 4):
                return

    def plain(self, value):
        text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
        text = re.sub(r"#block\d+", "#block", text.replace(f"{self.folder}/", ""))
        text = re.sub(r": held by process \d+ \([^)]*\)", "", text)
        return re.sub(r'"(current-progress|total-progress|offset|len|io-status)": ("[a-z]+"|\d+)', r'"\1": _', text)

    def end(self):
        self.daemon.kill()
        self.daemon.wait()


class Deck:
    """Draws commands."""

    NODES = ["base", "mid", "top", "top", "top", "t", "t", "r", "r", "s", "x", "f", "nope"]
    JOBS = ["j", "j", "k", "zz"]

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.made = 0
        self.kinds = [
            *[self.stream, self.commit, self.snapshot, self.cover, self.node, self.drive_mirror, self.drive_backup] * 2,
            *[self.mirror, self.backup, self.bitmap, self.query, self.transaction] * 4,
            *[self.verb] * 12,
            self.speed, self.internal_snapshot, self.delete, self.resize, self.create, self.amend,
        ]

    def draw(self):
        return self.one(self.kinds)()

    def one(self, choices):
        return self.rng.choice(choices)

    def some(self, **choices):
        """Each member with a chance of a third."""
        return {name.replace("_", "-"): self.one(values) for name, values in choices.items() if self.rng.random() < 0.33}

    def any_node(self):
        return self.one(self.NODES)

    def job(self, **arguments):
        arguments = {name.replace("_", "-"): value for name, value in arguments.items()}
        return {"job-id": self.one(["j", "k", "j", "1bad"]), **arguments, **self.some(speed=[0, 1, 1, -1], auto_finalize=[True, False], auto_dismiss=[True, False])}

    def on_error(self, name):
        return self.some(**{name: ["report", "ignore", "enospc", "stop"]})

    def stream(self):
        more = self.some(base=["base.qcow2", "no"], base_node=["base", "mid", "t"], bottom=["mid", "base"], backing_file=["zz"], filter_node_name=["f"])
        return "block-stream", {**self.job(device=self.any_node()), **more, **self.on_error("on_error")}

    def commit(self):
        more = self.some(top_node=["mid", "top", "t"], top=["mid.qcow2"], base_node=["base", "mid"], base=["base.qcow2", "q"], filter_node_name=["f"])
        return "block-commit", {**self.job(device=self.any_node()), **more, **self.on_error("on_error")}

    def _mirror(self, **arguments):
        more = self.some(granularity=[512, 65536, 1000], buf_size=[0, 65536, -1], copy_mode=["background", "write-blocking"])
        return {**self.job(sync=self.one(["full", "full", "top", "none"]), **arguments), **more, **self.on_error("on_target_error")}

    def mirror(self):
        return "blockdev-mirror", {**self._mirror(device=self.any_node(), target=self.any_node()), **self.some(filter_node_name=["f"])}

    def new_file(self):
        target = self.one(["new1.qcow2", "new2.raw", "t.qcow2"])
        return {"target": target, "format": self.one(["qcow2", "raw", "bogus"]), "mode": "existing" if target == "t.qcow2" else "absolute-paths"}

    def drive_mirror(self):
        return "drive-mirror", {**self._mirror(device=self.any_node()), **self.new_file(), **self.some(node_name=["x", "y"])}

    def _backup(self, **arguments):
        sync = self.one(["full", "top", "none", "incremental", "bitmap"])
        more = self.some(bitmap=["b0", "b1"], bitmap_mode=["on-success", "never", "always"], compress=[True, False], filter_node_name=["f", "top"])
        limits = self.some(x_perf=[{"max-workers": 1}, {"max-workers": 0}, {"max-chunk": 1000}, {"max-chunk": 65536}])
        return {**self.job(sync=sync, **arguments), **more, **limits}

    def backup(self):
        return "blockdev-backup", self._backup(device=self.any_node(), target=self.any_node())

    def drive_backup(self):
        return "drive-backup", {**self._backup(device=self.any_node()), **self.new_file()}

    def verb(self):
        verb = self.one(["pause", "resume", "cancel", "cancel", "complete", "complete", "finalize", "dismiss"])
        if self.rng.random() < 0.5:
            return f"job-{verb}", {"id": self.one(self.JOBS)}
        member = "id" if verb in ("finalize", "dismiss") else "device"
        return f"block-job-{verb}", {member: self.one(self.JOBS), **(self.some(force=[True, False]) if verb == "cancel" else {})}

    def speed(self):
        return "block-job-set-speed", {"device": self.one(self.JOBS), "speed": self.one([0, 1, -5])}

    def bitmap(self, verbs=("add", "add", "remove", "clear", "enable", "disable", "merge")):
        verb = self.one(verbs)
        if verb == "merge":
            sources = self.one([["b0"], ["b1", "b0"], [{"node": self.any_node(), "name": "b0"}]])
            return "block-dirty-bitmap-merge", {"node": self.any_node(), "target": self.one(["b0", "b1"]), "bitmaps": sources}
        more = self.some(granularity=[512, 65536, 1000], persistent=[True, False], disabled=[True, False]) if verb == "add" else {}
        return f"block-dirty-bitmap-{verb}", {"node": self.any_node(), "name": self.one(["b0", "b1"]), **more}

    def snapshot(self):
        file = {"snapshot-file": self.one(["snap1.qcow2", "snap2.qcow2", "no/x"]), "snapshot-node-name": self.one(["x", "y", "top"])}
        return "blockdev-snapshot-sync", {"node-name": self.any_node(), **file, **self.some(format=["qcow2", "raw"])}

    def cover(self):
        return "blockdev-snapshot", {"node": self.any_node(), "overlay": self.any_node()}

    def internal_snapshot(self):
        return "blockdev-snapshot-internal-sync", {"device": self.any_node(), "name": self.one(["i1", "i2", ""])}

    def delete(self):
        return "blockdev-del", {"node-name": self.any_node()}

    def node(self):
        """Over nodes that no job uses: QEMU stops a job for a moment where its node gets another user."""
        self.made += 1
        below = self.one([{"driver": "file", "filename": self.one(["new1.qcow2", "new2.raw"])}, {"driver": "null-co", "size": IMAGE}])
        return "blockdev-add", {"driver": self.one(["copy-on-read", "raw", "qcow2"]), "node-name": self.one(["x", "y", f"n{self.made}"]), "file": below}

    def resize(self):
        return "block_resize", {"node-name": self.any_node(), "size": self.one([IMAGE, 2 * IMAGE, IMAGE // 2, -1])}

    def create(self):
        return "blockdev-create", {"job-id": self.one(["j", "k"]), "options": {"driver": "file", "filename": self.one(["new3.raw", "no/x"]), "size": 4096}}

    def amend(self):
        return "x-blockdev-amend", {"job-id": self.one(["j", "k"]), "node-name": self.any_node(), "options": {"driver": "qcow2"}}

    def query(self):
        return self.one([("query-jobs", {}), ("query-block-jobs", {}), ("query-named-block-nodes", {"flat": True})])

    def transaction(self):
        kinds = [self.backup, self.drive_backup, self.snapshot, self.cover, lambda: self.bitmap(("add", "clear", "remove")), lambda: ("abort", {})]
        drawn = [self.one(kinds)() for _ in range(self.rng.randint(1, 3))]
        actions = [{"type": command, "data": arguments} for command, arguments in drawn]
        return "transaction", {"actions": actions, **self.some(properties=[{"completion-mode": "grouped"}, {"completion-mode": "individual"}])}


def session(programs, seed, steps, folder):
    """What differed, or None."""
    deck, said = Deck(seed), []
    real, ours = Side("qemu-storage-daemon", f"{folder}/real"), Side(programs + "/qemu-storage-daemon", f"{folder}/ours")
    try:
        for _ in range(steps):
            command, arguments = deck.draw()
            said.append(f"{command} {json.dumps(arguments)}")
            try:
                theirs = real.ask(command, arguments)
            except (EOFError, ConnectionError):
                return None
            try:
                answer = ours.ask(command, arguments)
            except (EOFError, OSError) as failure:
                answer = repr(failure)
            if answer != theirs:
                return "\n".join([*said[-SHOWN_BEFORE:], f"  real {theirs}", f"  ours {answer}"])
        return None
    finally:
        real.end()
        ours.end()


def main(programs, first, end, steps=60):
    different = 0
    for seed in range(int(first), int(end)):
        folder = tempfile.mkdtemp(prefix="sessions")
        try:
            difference = session(os.path.abspath(programs), seed, int(steps), folder)
        finally:
            shutil.rmtree(folder)
        if difference:
            different += 1
            print(f"--- session {seed}\n{difference}", flush=True)
    print(f"{different} of {int(end) - int(first)} sessions differ")
    return 1 if different else 0


if __name__ == "__main__":
    if not 4 <= len(sys.argv) <= 5:
        sys.exit(__doc__.strip())
    sys.exit(main(*sys.argv[1:]))
