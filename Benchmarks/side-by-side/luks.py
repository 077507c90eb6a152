#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""LUKS beside QEMU: convert into an encrypted image and out of it, and random requests over NBD at depth 32.

usage: luks.py [--size MiB] [--rounds N] [--seconds N] [--dir FOLDER] [--bin FOLDER]

Both programs take their turns within each round, on the same image for what is read; the figures are medians. Of ours, what lies in
--bin by QEMU's name is run: native after "./blockhost build". On a machine that does nothing else, or the numbers say nothing.
"""
import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time

MIB = 1 << 20
SECRET = ["--object", "secret,id=s,data=password"]
LAYOUTS = {
    "luks": ("luks", "key-secret=s,iter-time=10", "driver=luks,key-secret=s"),
    "qcow2 luks": ("qcow2", "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10", "driver=qcow2,encrypt.format=luks,encrypt.key-secret=s"),
}


def run(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def seconds(*words):
    """QEMU gives up now and then where it times how fast it derives keys: it is asked again."""
    for _ in range(10):
        start = time.monotonic()
        done = subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if "Unable to get accurate CPU usage" not in done.stderr:
            break
    done.check_returncode()
    return time.monotonic() - start


def convert(folder, tools, layout, rounds):
    kind, options, opening = LAYOUTS[layout]
    raw, back = os.path.join(folder, "disk.raw"), os.path.join(folder, "back.raw")
    times = {}
    for _ in range(rounds):
        for name, tool in tools.items():
            image = os.path.join(folder, f"{name}.img")
            into = seconds(tool("qemu-img"), "convert", *SECRET, "-f", "raw", "-O", kind, "-o", options, raw, image)
            out = seconds(tool("qemu-img"), "convert", *SECRET, "--image-opts", "-O", "raw", f"{opening},file.filename={image}", back)
            run("cmp", raw, back)
            times.setdefault(name, []).append((into, out))
    return {name: [statistics.median(part) for part in zip(*all_of)] for name, all_of in times.items()}


def serve(folder, tool, image, layout):
    opening = dict(part.split("=") for part in LAYOUTS[layout][2].split(","))
    socket = os.path.join(folder, "nbd.sock")
    if os.path.exists(socket):
        os.unlink(socket)
    node = ",".join(f"{key}={value}" for key, value in opening.items())
    server = subprocess.Popen([
        tool("qemu-storage-daemon"), *SECRET,
        "--blockdev", f"{node},node-name=disk,file.driver=file,file.filename={image}",
        "--nbd-server", f"addr.type=unix,addr.path={socket}",
        "--export", "type=nbd,id=e,node-name=disk,name=disk,writable=on"], stdout=subprocess.DEVNULL)
    while not os.path.exists(socket):
        time.sleep(0.05)
        if server.poll() is not None:
            raise SystemExit("the server has ended")
    return server, socket


def nbd(folder, tools, layout, rounds, length):
    rates = {}
    for _ in range(rounds):
        for name, tool in tools.items():
            server, socket = serve(folder, tool, os.path.join(folder, "ours.img"), layout)
            try:
                for kind, block in (("randread", 4096), ("randwrite", 4096), ("randread", 65536)):
                    result = subprocess.run(
                        ["fio", "--name=x", "--ioengine=nbd", f"--uri=nbd+unix:///disk?socket={socket}", f"--rw={kind}", f"--bs={block}",
                         "--iodepth=32", "--time_based", f"--runtime={length}", "--output-format=json"],
                        check=True, capture_output=True, text=True)
                    job = json.loads(result.stdout[result.stdout.index("{"):])["jobs"][0]["read" if kind == "randread" else "write"]
                    rates.setdefault((kind, block), {}).setdefault(name, []).append(job["iops"])
            finally:
                server.terminate()
                server.wait()
    return {key: {name: statistics.median(all_of) for name, all_of in by.items()} for key, by in rates.items()}


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--dir")
    parser.add_argument("--bin", default=os.path.join(here, "../../artifacts/bin"))
    options = parser.parse_args()
    tools = {"ours": lambda program: os.path.join(options.bin, program), "qemu": lambda program: program}
    with tempfile.TemporaryDirectory(dir=options.dir) as folder:
        with open(os.path.join(folder, "disk.raw"), "wb") as disk:
            for _ in range(options.size):
                disk.write(os.urandom(MIB))
        for layout in LAYOUTS:
            for name, (into, out) in convert(folder, tools, layout, options.rounds).items():
                rates = [options.size / 1024 / part for part in (into, out)]
                print(f"{layout}, convert, {name}: into {into:.2f} s ({rates[0]:.2f} GiB/s), out {out:.2f} s ({rates[1]:.2f} GiB/s)")
            for (kind, block), by in nbd(folder, tools, layout, options.rounds, options.seconds).items():
                print(f"{layout}, {kind} {block}: ours {by['ours']:.0f}, qemu {by['qemu']:.0f}, {by['ours'] / by['qemu']:.2f} times")


if __name__ == "__main__":
    main()
