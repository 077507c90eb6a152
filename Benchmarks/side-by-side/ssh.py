#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Disks over SSH beside QEMU: convert from and into one, and random reads of 4 KiB at depth 32.

usage: ssh.py [--size MiB] [--rounds N] [--delay MS] [--dir FOLDER] [--bin FOLDER]

An sshd of its own on this machine; with --delay behind a proxy, through which everything takes so long each way. Both programs take their turns within each round; the figures are medians. QEMU's driver logs in by an agent, as it knows no other way.
"""
import argparse
import asyncio
import os
import re
import statistics
import subprocess
import tempfile
import threading
import time

MIB = 1 << 20
PORT = 2722
FAR_PORT = 2723


def run(*words, **more):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, **more).stdout


def seconds(*words, **more):
    start = time.monotonic()
    run(*words, **more)
    return time.monotonic() - start


async def delay(source, target, by):
    """Passes on what comes, each part so much later; what is on its way is not limited."""
    loop, parts = asyncio.get_running_loop(), asyncio.Queue()

    async def read():
        try:
            while part := await source.read(256 << 10):
                parts.put_nowait((loop.time() + by, part))
        except ConnectionError:
            pass
        parts.put_nowait((loop.time() + by, b""))

    reading = asyncio.create_task(read())
    try:
        while True:
            due, part = await parts.get()
            await asyncio.sleep(max(0, due - loop.time()))
            if not part:
                break
            target.write(part)
            await target.drain()
    except ConnectionError:
        reading.cancel()
    target.close()


def start_far_end(by):
    async def connected(reader, writer):
        other_reader, other_writer = await asyncio.open_connection("127.0.0.1", PORT)
        await asyncio.gather(delay(reader, other_writer, by), delay(other_reader, writer, by), return_exceptions=True)

    async def serve():
        async with await asyncio.start_server(connected, "127.0.0.1", FAR_PORT) as server:
            await server.serve_forever()

    threading.Thread(target=lambda: asyncio.run(serve()), daemon=True).start()


class Server:
    """sshd and an agent with the key that it takes."""

    def __init__(self, folder, delay_by):
        self.folder = folder
        self.port = FAR_PORT if delay_by else PORT
        if delay_by:
            start_far_end(delay_by)
        os.makedirs("/run/sshd", exist_ok=True)
        for key in ("host", "user"):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self[key])
        with open(self["conf"], "w") as conf:
            conf.write(f"Port {PORT}\nListenAddress 127.0.0.1\nHostKey {self['host']}\nAuthorizedKeysFile {self['user']}.pub\nStrictModes no\n"
                       "PidFile none\nUsePAM no\nPermitRootLogin yes\nSubsystem sftp internal-sftp\n")
        self.sshd = subprocess.Popen(["/usr/sbin/sshd", "-D", "-f", self["conf"]])
        self.agent = subprocess.Popen(["ssh-agent", "-D", "-a", self["agent"]], stdout=subprocess.DEVNULL)
        while not os.path.exists(self["agent"]):
            time.sleep(0.05)
        self.environment = {**os.environ, "SSH_AUTH_SOCK": self["agent"]}
        run("ssh-add", "-q", self["user"], env=self.environment)
        time.sleep(0.5)

    def __getitem__(self, name):
        return os.path.join(self.folder, name)

    def url(self, name):
        return f"ssh://127.0.0.1:{self.port}{self[name]}?host_key_check=no"

    def end(self):
        self.sshd.terminate()
        self.agent.terminate()


def bench(server, tool):
    said = run(tool, "bench", "-f", "raw", "-c", "2000", "-d", "32", "-s", "4096", "-S", str(MIB + 4096), server.url("disk"), env=server.environment)
    return 2000 / float(re.search(r"completed in ([\d.]+)", said)[1])


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--delay", type=float, default=0)
    parser.add_argument("--dir")
    parser.add_argument("--bin", default=os.path.join(here, "../../artifacts/bin"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.dir) as folder:
        server = Server(folder, options.delay / 1000)
        try:
            with open(server["disk"], "wb") as disk:
                for _ in range(options.size):
                    disk.write(os.urandom(MIB))
            figures = {}
            for _ in range(options.rounds):
                for name, tool in (("qemu", "qemu-img"), ("ours", os.path.join(options.bin, "qemu-img"))):
                    out = seconds(tool, "convert", "-f", "raw", "-O", "raw", server.url("disk"), server["back"], env=server.environment)
                    run("cmp", server["disk"], server["back"])
                    into = seconds(tool, "convert", "-f", "raw", "-O", "raw", server["disk"], server.url("copy"), env=server.environment)
                    run("cmp", server["disk"], server["copy"])
                    figures.setdefault(name, []).append((out, into, bench(server, tool)))
            for name, all_of in figures.items():
                out, into, reads = [statistics.median(part) for part in zip(*all_of)]
                print(f"{name}: convert from {out:.2f} s, into {into:.2f} s, {reads:.0f} random reads of 4 KiB a second")
        finally:
            server.end()


if __name__ == "__main__":
    main()
