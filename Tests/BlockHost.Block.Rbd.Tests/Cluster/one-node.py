#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""one-node.py FOLDER: a Ceph cluster to try things with: a monitor, a storage daemon in memory, a pool "rbd".

It listens on 127.0.0.1 alone, writes "ready CONFIGURATION MONITOR-PID STORAGE-PID" when the pool takes data, and ends, with all that
was stored, when its standard input does. Needs ceph-mon, ceph-osd, ceph-common and python3-rados, which is the system's Python's.
"""
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid

PATIENCE = 90
CONFIGURATION = """
[global]
fsid = {fsid}
mon host = v2:127.0.0.1:{port}
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind msgr1 = false
keyring = {folder}/keyring
run dir = {folder}
crash dir = {folder}
log file = {folder}/$name.log
log to stderr = false
mon cluster log file = {folder}/cluster.log
osd pool default size = 1
osd pool default min size = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
[mon]
mon data = {folder}/mon
mon allow pool size one = true
mon data avail warn = 1
mon data avail crit = 1
paxos propose interval = 0.1
paxos min wait = 0.01
[osd]
osd data = {folder}/osd
osd objectstore = memstore
memstore device bytes = 2147483648
osd op num shards = 1
osd op num threads per shard = 2
osd class load list = *
osd class default list = *
osd mclock skip benchmark = true
[client]
admin socket =
log file =
"""


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{command[0]}: {done.stdout}")


def start(*command):
    """A daemon that ends with this process, whatever ends that."""
    dies_with_parent = 1
    return subprocess.Popen(
        [*command, "-f"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        preexec_fn=lambda: ctypes.CDLL(None).prctl(dies_with_parent, signal.SIGKILL))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make(folder):
    """Keys, and the empty stores of both daemons."""
    fsid, osd, port = str(uuid.uuid4()), str(uuid.uuid4()), free_port()
    conf, keyring, own = f"{folder}/ceph.conf", f"{folder}/keyring", f"{folder}/osd/keyring"
    with open(conf, "w", encoding="utf8") as file:
        file.write(CONFIGURATION.format(fsid=fsid, port=port, folder=folder))
    os.mkdir(f"{folder}/osd")
    run("ceph-authtool", "--create-keyring", keyring, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
    run("ceph-authtool", keyring, "--gen-key", "-n", "client.admin", "--cap", "mon", "allow *", "--cap", "osd", "allow *")
    run("ceph-authtool", "--create-keyring", own, "--gen-key", "-n", "osd.0")
    monmap = f"{folder}/monmap"
    run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", f"[v2:127.0.0.1:{port}]", monmap)
    run("ceph-mon", "-c", conf, "-i", "a", "--mkfs", "--monmap", monmap, "--keyring", keyring)
    run("ceph-osd", "-c", conf, "-i", "0", "--mkfs", "--osd-uuid", osd, "--monmap", monmap, "--no-mon-config")
    return conf, osd, own


class Monitor:
    """What is asked of the monitor; a process for each command would take a second each."""

    def __init__(self, conf):
        import rados
        self.cluster = rados.Rados(conffile=conf, name="client.admin", conf={"client_mount_timeout": str(PATIENCE)})
        self.cluster.connect(timeout=PATIENCE)

    def ask(self, prefix, data=b"", **arguments):
        code, answer, text = self.cluster.mon_command(json.dumps(dict(prefix=prefix, format="json", **arguments)), data)
        if code != 0:
            raise SystemExit(f"{prefix}: {text}")
        return json.loads(answer) if answer.strip() else None

    def make_pool(self):
        end = time.monotonic() + PATIENCE
        while not any(osd["up"] and osd["in"] for osd in self.ask("osd dump")["osds"]):
            if time.monotonic() > end:
                raise SystemExit("the storage daemon does not come up")
            time.sleep(0.05)
        self.ask("osd pool create", pool="rbd", pg_num=8)
        self.ask("osd pool application enable", pool="rbd", app="rbd")
        with self.cluster.open_ioctx("rbd") as pool:
            pool.write_full("probe", b"x")
            pool.remove_object("probe")


def main():
    folder = os.path.abspath(sys.argv[1])
    os.makedirs(folder, exist_ok=True)
    conf, osd, keyring = make(folder)
    daemons = [start("ceph-mon", "-c", conf, "-i", "a")]
    try:
        monitor = Monitor(conf)
        with open(keyring, encoding="utf8") as file:
            key = next(line.split("=", 1)[1].strip() for line in file if line.strip().startswith("key"))
        monitor.ask("osd new", json.dumps({"cephx_secret": key}).encode(), uuid=osd)
        daemons.append(start("ceph-osd", "-c", conf, "-i", "0", "--keyring", keyring))
        monitor.make_pool()
        print("ready", conf, *(daemon.pid for daemon in daemons), flush=True)
        sys.stdin.read()
    finally:
        for daemon in daemons:
            daemon.kill()


main()
