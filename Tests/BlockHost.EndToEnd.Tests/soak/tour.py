#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Guests write a disk over NBD while every kind of job runs over its chain, at random:

    tour.py FOLDER-OF-PROGRAMS ROUNDS SEED

What guests read is compared with what they wrote all the time, each backup and copy with its moment, and at the end every image
is checked. Prints one line and exits with 0, or says what was wrong and what was done before.
"""

import os
import random
import subprocess
import sys
import tempfile
import threading
import time
import traceback

from clients import Monitor, Nbd

MIB = 1 << 20
SIZE, BLOCK, GUESTS, STRIPE = 32 * MIB, 4096, 3, 32
BLOCKS = SIZE // BLOCK


def qemu_img(*arguments):
    result = subprocess.run(["qemu-img", *arguments], capture_output=True, text=True)
    assert result.returncode == 0, f"qemu-img {' '.join(arguments)}: {result.stderr}{result.stdout}"


class Guests:
    """Each writes stripes of its own, and reads them back."""

    def __init__(self, seed):
        self.model = bytearray(BLOCKS)
        self.requests, self.error, self.stop = 0, None, False
        self.gates = [threading.Lock() for _ in range(GUESTS)]
        self.threads = [threading.Thread(target=self._run, args=(i, random.Random(f"{seed} {i}")), daemon=True) for i in range(GUESTS)]
        for thread in self.threads:
            thread.start()

    def at_rest(self, action):
        """Runs the action while nothing is in flight, and gives what the disk then held."""
        for gate in self.gates:
            gate.acquire()
        try:
            action()
            return bytes(self.model)
        finally:
            for gate in self.gates:
                gate.release()

    def finish(self):
        self.stop = True
        for thread in self.threads:
            thread.join()

    def _run(self, guest, rng):
        try:
            while not self.stop:
                nbd = Nbd("nbd.sock", "disk")
                for _ in range(200):
                    with self.gates[guest]:
                        self._request(nbd, guest, rng)
                nbd.close()
        except Exception:
            self.error = self.error or traceback.format_exc()

    def _request(self, nbd, guest, rng):
        inside = rng.randrange(STRIPE)
        first = (rng.randrange(BLOCKS // GUESTS // STRIPE) * GUESTS + guest) * STRIPE + inside
        count = min(rng.choice([1, 1, 1, 1, 2, 8, 20]), STRIPE - inside)
        kind = rng.random()
        if kind < 0.7:
            value = rng.randrange(1, 256)
            nbd.write(first * BLOCK, bytes([value]) * (count * BLOCK))
            self.model[first : first + count] = bytes([value]) * count
        elif kind < 0.8:
            nbd.zero(first * BLOCK, count * BLOCK, may_unmap=rng.random() < 0.5)
            self.model[first : first + count] = bytes(count)
        else:
            found = nbd.read(first * BLOCK, count * BLOCK)
            assert found == expand(self.model[first : first + count]), f"a guest reads what it did not write at {first * BLOCK}"
        self.requests += 1


def expand(model):
    return b"".join(bytes([value]) * BLOCK for value in model)


class Tour:
    def __init__(self, programs, seed):
        self.rng = random.Random(seed)
        self.files, self.chain, self.serial, self.done = {}, [], 0, {}
        self.chain.append(self.make())
        self.daemon = subprocess.Popen(
            [
                os.path.join(programs, "qemu-storage-daemon"),
                "--blockdev", f"driver=qcow2,node-name={self.top},discard=unmap,file.driver=file,file.filename={self.files[self.top]},file.discard=unmap",
                "--nbd-server", "addr.type=unix,addr.path=nbd.sock",
                "--export", f"type=nbd,id=e,node-name={self.top},name=disk,writable=on",
                "--chardev", "socket,id=c,path=qmp.sock,server=on,wait=off", "--monitor", "chardev=c",
            ]
        )
        self.qmp = Monitor("qmp.sock")
        self.guests = Guests(seed)

    @property
    def top(self):
        return self.chain[-1]

    def make(self, backing=None):
        """A new image, not opened yet."""
        self.serial += 1
        node = f"n{self.serial}"
        self.files[node] = f"{node}.qcow2"
        over = ["-u", "-b", self.files[backing], "-F", "qcow2"] if backing else []
        cluster = self.rng.choice([4096, 65536, 65536, 131072])
        qemu_img("create", "-q", "-f", "qcow2", "-o", f"cluster_size={cluster}", *over, self.files[node], str(SIZE))
        return node

    def open(self, node, backing=None):
        file = {"driver": "file", "filename": self.files[node], "discard": "unmap"}
        self.qmp.run("blockdev-add", driver="qcow2", node_name=node, discard="unmap", file=file, backing=backing)

    def drop(self, *nodes):
        """Nodes that nobody needs go, if they have not gone with their last user, and so do their files."""
        for node in nodes:
            self.qmp.run("blockdev-del", may_fail=True, node_name=node)
            os.remove(self.files.pop(node))

    def slowed(self):
        return {"speed": self.rng.choice([8, 32]) * MIB} if self.rng.random() < 0.3 else {}

    def ended_well(self, job):
        end = self.qmp.wait("BLOCK_JOB_COMPLETED", device=job)
        assert "error" not in end, end

    def ready(self, job):
        time.sleep(self.rng.random() / 2)
        self.qmp.run("block-job-set-speed", device=job, speed=0)
        self.qmp.wait("BLOCK_JOB_READY", device=job)

    # Each of these is a round.

    def snapshot(self, job):
        below = self.top
        if self.rng.random() < 0.5:
            node = self.make(below)
            self.open(node)
            self.qmp.run("blockdev-snapshot", node=below, overlay=node)
        else:
            self.serial += 1
            node = f"n{self.serial}"
            self.files[node] = f"{node}.qcow2"
            self.qmp.run("blockdev-snapshot-sync", node_name=below, snapshot_file=self.files[node], snapshot_node_name=node, format="qcow2")
        self.chain.append(node)

    def _mirror(self, job, sync):
        below = self.chain[-2] if sync == "top" else None
        target = self.make(below)
        self.open(target, below)
        unit = {"granularity": self.rng.choice([512, 4096, 65536, MIB])} if self.rng.random() < 0.5 else {}
        mode = self.rng.choice(["background", "write-blocking"])
        self.qmp.run("blockdev-mirror", job_id=job, device=self.top, target=target, sync=sync, copy_mode=mode, **unit, **self.slowed())
        return target

    def mirror(self, job):
        sync = "full" if len(self.chain) < 2 else self.rng.choice(["full", "top"])
        target = self._mirror(job, sync)
        self.ready(job)
        self.qmp.run("job-complete", id=job)
        self.ended_well(job)
        left = [self.top] if sync == "top" else self.chain
        self.chain = (self.chain[:-1] if sync == "top" else []) + [target]
        self.drop(*reversed(left))

    def copy_of_a_moment(self, job):
        target = self._mirror(job, "full")
        self.ready(job)

        def end():
            self.qmp.run("block-job-cancel", device=job)
            self.ended_well(job)

        self.compare(target, self.guests.at_rest(end))

    def mirror_called_off(self, job):
        target = self._mirror(job, "full")
        time.sleep(self.rng.random() / 3)
        self.qmp.run("block-job-cancel", may_fail=True, device=job, force=True)
        self.qmp.wait("JOB_STATUS_CHANGE", id=job, status="concluded")
        self.drop(target)

    def commit(self, job):
        if len(self.chain) < 3:
            return self.snapshot(job)
        base = self.rng.randrange(len(self.chain) - 2)
        top = self.rng.randrange(base + 1, len(self.chain) - 1)
        self.qmp.run("block-commit", job_id=job, device=self.top, base_node=self.chain[base], top_node=self.chain[top], **self.slowed())
        self.ended_well(job)
        self.forget(base + 1, top + 1)

    def commit_the_active_layer(self, job):
        if len(self.chain) < 2:
            return self.snapshot(job)
        base = self.rng.randrange(len(self.chain) - 1)
        self.qmp.run("block-commit", job_id=job, device=self.top, base_node=self.chain[base], **self.slowed())
        self.ready(job)
        self.qmp.run("job-complete", id=job)
        self.ended_well(job)
        self.forget(base + 1, len(self.chain))

    def stream(self, job):
        if len(self.chain) < 2:
            return self.snapshot(job)
        top = self.rng.randrange(1, len(self.chain))
        base = self.rng.randrange(-1, top)
        down_to = {"base_node": self.chain[base]} if base >= 0 else {}
        self.qmp.run("block-stream", job_id=job, device=self.chain[top], **down_to, **self.slowed())
        self.ended_well(job)
        self.forget(base + 1, top)

    def backup(self, job):
        full = self.make()
        self.open(full)
        after = self.make(full)
        self.open(after)
        packed = {"compress": True} if self.rng.random() < 0.3 else {}
        slowed = self.slowed()
        actions = [
            {"type": "block-dirty-bitmap-add", "data": {"node": self.top, "name": job}},
            {"type": "blockdev-backup", "data": {"job-id": job, "device": self.top, "target": full, "sync": "full", **packed, **slowed}},
        ]
        first = self.guests.at_rest(lambda: self.qmp.run("transaction", actions=actions))
        self.ended_well(job)
        incremental = {"sync": "incremental", "bitmap": job}
        second = self.guests.at_rest(lambda: self.qmp.run("blockdev-backup", job_id=job, device=self.top, target=after, **incremental))
        self.ended_well(job)
        self.qmp.run("block-dirty-bitmap-remove", node=self.top, name=job)
        self.qmp.run("blockdev-del", node_name=full)
        self.qmp.run("blockdev-del", node_name=after)
        self.compare_file(full, first)
        self.compare_file(after, second)
        os.remove(self.files.pop(full))
        os.remove(self.files.pop(after))

    def forget(self, first, end):
        nodes = self.chain[first:end]
        del self.chain[first:end]
        self.drop(*reversed(nodes))

    def compare(self, node, model):
        self.qmp.run("blockdev-del", node_name=node)
        self.compare_file(node, model)
        os.remove(self.files.pop(node))

    def compare_file(self, node, model):
        qemu_img("convert", "-O", "raw", self.files[node], "flat.raw")
        with open("flat.raw", "rb") as flat:
            wrong = [i * BLOCK for i in range(BLOCKS) if flat.read(BLOCK) != bytes([model[i]]) * BLOCK]
        assert not wrong, f"{node} differs at {len(wrong)} blocks: {wrong[:10]}"

    def run(self, rounds):
        kinds = [self.snapshot, self.snapshot, self.mirror, self.mirror, self.copy_of_a_moment, self.mirror_called_off]
        kinds += [self.commit, self.commit_the_active_layer, self.stream, self.stream, self.backup, self.backup]
        for i in range(rounds):
            kind = self.rng.choice(kinds if len(self.chain) < 6 else [self.commit, self.stream, self.mirror])
            self.done[kind.__name__] = self.done.get(kind.__name__, 0) + 1
            kind(f"j{i}")
            self.look()
        self.guests.finish()
        self.look()
        self.qmp.run("quit")
        assert self.daemon.wait(60) == 0
        self.compare_file(self.top, self.guests.model)
        for node in self.chain:
            qemu_img("check", self.files[node])

    def look(self):
        assert self.guests.error is None, self.guests.error
        assert self.qmp.run("query-jobs") == [], "a job is left"
        nodes = {node["node-name"] for node in self.qmp.run("query-named-block-nodes", flat=True) if node["drv"] == "qcow2"}
        assert nodes == set(self.chain), f"nodes {sorted(nodes)}, where the chain is {self.chain}"


def main():
    programs, rounds, seed = os.path.abspath(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    with tempfile.TemporaryDirectory(prefix="tour") as folder:
        os.chdir(folder)
        tour = Tour(programs, seed)
        try:
            tour.run(rounds)
            print(f"seed {seed}: {tour.guests.requests} requests, {tour.done}")
            return 0
        except Exception:
            traceback.print_exc()
            print(f"seed {seed} failed after {tour.done}; the last commands:", *tour.qmp.log[-8:], sep="\n  ", file=sys.stderr)
            return 1
        finally:
            tour.daemon.kill()
            os.chdir("/")


sys.exit(main())
