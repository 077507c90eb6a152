#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Does what is limited keep to its limits? fio through exports of throttled disks, in blockhost and in qemu-storage-daemon.

    Benchmarks/side-by-side/throttle.py [--seconds 10]

Prints what is wanted and what came, for one disk and for several of a group, and what a throttle without limits costs.
"""
import argparse
import json
import os
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAMS = {"blockhost": f"{ROOT}/artifacts/bin/qemu-storage-daemon", "qemu": "qemu-storage-daemon"}
MIB = 1 << 20

# name, limits, size of a request, fio's rw, depth, disks of the group, what is counted, what is wanted in a second
CASES = [
    ("iops-total=1000", {"iops-total": 1000}, 4096, "randread", 16, 1, "iops", 1000),
    ("iops-total=20000", {"iops-total": 20000}, 4096, "randrw", 16, 1, "iops", 20000),
    ("iops-write=500", {"iops-write": 500}, 4096, "randwrite", 16, 1, "iops", 500),
    ("bps-total=30M, 64 KiB", {"bps-total": 30 * MIB}, 65536, "read", 16, 1, "bw", 30 * MIB),
    ("bps-read=30M, 4 KiB", {"bps-read": 30 * MIB}, 4096, "randread", 16, 1, "bw", 30 * MIB),
    ("iops-total=512, iops-size=4096, 64 KiB", {"iops-total": 512, "iops-size": 4096}, 65536, "read", 16, 1, "iops", 32),
    ("iops-total=200, max 1000 for 60 s (the burst)",
     {"iops-total": 200, "iops-total-max": 1000, "iops-total-max-length": 60}, 4096, "randread", 16, 1, "iops", 1000),
    ("bps-total=30M, three disks", {"bps-total": 30 * MIB}, 65536, "read", 16, 3, "bw", 30 * MIB),
    ("iops-total=3000, three disks, depths 1, 4, 16", {"iops-total": 3000}, 4096, "randread", (1, 4, 16), 3, "iops", 3000),
]


def serve(program, folder, limits, disks):
    """A daemon that exports so many disks of a group; None: disks without a throttle."""
    options = ["--nbd-server", f"addr.type=unix,addr.path={folder}/nbd"]
    if limits is not None:
        options += ["--object", json.dumps({"qom-type": "throttle-group", "id": "g", "limits": limits})]
    for i in range(disks):
        options += ["--blockdev", json.dumps({"driver": "null-co", "node-name": f"n{i}", "size": 1 << 30, "read-zeroes": False})]
        if limits is not None:
            options += ["--blockdev", json.dumps({"driver": "throttle", "node-name": f"t{i}", "throttle-group": "g", "file": f"n{i}"})]
        node = f"n{i}" if limits is None else f"t{i}"
        options += ["--export", json.dumps({"type": "nbd", "id": f"e{i}", "name": f"d{i}", "node-name": node, "writable": True})]
    daemon = subprocess.Popen([program, *options])
    while not os.path.exists(f"{folder}/nbd"):
        time.sleep(0.05)
    return daemon


def load(folder, disks, size, rw, depths, seconds):
    """What each disk gave, as fio tells it: requests a second and bytes a second."""
    jobs = [f"[global]\nioengine=nbd\ntime_based=1\nruntime={seconds}\nramp_time=1\nbs={size}\nrw={rw}\nsize=1g\n"]
    for i in range(disks):
        depth = depths[i] if isinstance(depths, tuple) else depths
        jobs.append(f"[d{i}]\nuri=nbd+unix:///d{i}?socket={folder}/nbd\niodepth={depth}\n")
    with open(f"{folder}/job", "w") as file:
        file.write("\n".join(jobs))
    output = subprocess.run(["fio", "--output-format=json", f"{folder}/job"], check=True, capture_output=True, text=True).stdout
    result = json.loads(output[output.index("{"):])
    return [{"iops": job["read"]["iops"] + job["write"]["iops"],
             "requests": job["read"]["total_ios"] + job["write"]["total_ios"],
             "bw": job["read"]["bw_bytes"] + job["write"]["bw_bytes"]} for job in result["jobs"]]


def cpu_seconds(process):
    with open(f"/proc/{process.pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(program, limits, size, rw, depths, disks, seconds):
    with tempfile.TemporaryDirectory() as folder:
        daemon = serve(program, folder, limits, disks)
        try:
            load(folder, disks, size, rw, depths, 1)
            before = cpu_seconds(daemon)
            results = load(folder, disks, size, rw, depths, seconds)
            results[0]["cpu"] = cpu_seconds(daemon) - before
            return results
        finally:
            daemon.terminate()
            daemon.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=10)
    seconds = parser.parse_args().seconds

    print("| limits | wanted | " + " | ".join(f"{name} | off by | largest/smallest disk" for name in PROGRAMS) + " |")
    print("|---|---:|" + "---:|---:|---:|" * len(PROGRAMS))
    for title, limits, size, rw, depths, disks, what, wanted in CASES:
        row = f"| {title} | {wanted:,} |"
        for program in PROGRAMS.values():
            got = [disk[what] for disk in measure(program, limits, size, rw, depths, disks, seconds)]
            row += f" {sum(got):,.0f} | {100 * (sum(got) / wanted - 1):+.1f} % | {max(got) / min(got):.2f} |"
        print(row, flush=True)

    print("\n| 4 KiB reads, depth 16, microseconds of processor time a request | " + " | ".join(PROGRAMS) + " |")
    print("|---|" + "---:|" * len(PROGRAMS))
    for title, limits in [("null-co", None), ("throttle without limits on it", {})] * 3:
        row = f"| {title} |"
        for program in PROGRAMS.values():
            # fio's first second is not in its count: its requests are about as many as those of any other.
            one = measure(program, limits, 4096, "randread", 16, 1, seconds)[0]
            row += f" {one['cpu'] * 1e6 / (one['requests'] * (seconds + 1) / seconds):.1f} |"
        print(row, flush=True)


if __name__ == "__main__":
    main()
