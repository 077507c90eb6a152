#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Disks over SSH beside QEMU: convert from and into one, and random reads of 4 KiB at depth 32.

usage: ssh.py [--size MiB] [--rounds N] [--delay MS] [--dir FOLDER] [--bin FOLDER]

An sshd of its own on this machine; with --delay behind a proxy, through which everything takes so long each way. Both programs take their turns within each round; the figures are medians. QEMU's driver logs in by an agent, as it knows no other way.
"""
import asyncio
import os
import subprocess
import threading
import time

from turns import compare, folder, options, requests, run, seconds, write_noise

PORT = 2722
FAR_PORT = 2723


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


def main():
    given = options(__doc__, delay=0.0)
    with folder(given) as place:
        server = Server(place, given.delay / 1000)
        try:
            write_noise(server["disk"], given.size)

            def measure(tool, _):
                login = {"env": server.environment}
                out = seconds(tool, "convert", "-f", "raw", "-O", "raw", server.url("disk"), server["back"], **login)
                run("cmp", server["disk"], server["back"])
                into = seconds(tool, "convert", "-f", "raw", "-O", "raw", server["disk"], server.url("copy"), **login)
                run("cmp", server["disk"], server["copy"])
                return {"convert from, s": out, "convert into, s": into,
                        "random reads a second": requests(tool, server.url("disk"), 2000, **login)}

            compare(given, measure)
        finally:
            server.end()


if __name__ == "__main__":
    main()
