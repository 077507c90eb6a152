"""Times mirror and active commit over a chain of nearly empty layers, for one daemon.

usage: chains.py DAEMON LAYERS mirror|commit    (say it for qemu-storage-daemon and for ours, in turn, on a quiet machine)
"""
import json
import os
import socket
import subprocess
import sys
import tempfile
import time


def make_chain(layers, size="1G"):
    """0000.q to NNNN.q: each an overlay of the one before, with one cluster of its own."""
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "0000.q", size], check=True)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-u", "-b", "0000.q", "-F", "qcow2", "t.q", size], check=True)
    image = bytearray(open("t.q", "rb").read())
    name = image.find(b"0000.q")
    for layer in range(1, layers + 1):
        image[name:name + 6] = b"%04d.q" % (layer - 1)
        open("%04d.q" % layer, "wb").write(image)
        alone = json.dumps({"driver": "qcow2", "file": {"driver": "file", "filename": "%04d.q" % layer}, "backing": None})
        subprocess.run(["qemu-io", "json:" + alone, "-c", "write -q %dk 64k" % (layer * 256)], check=True)


class Monitor:
    def __init__(self, path):
        link = socket.socket(socket.AF_UNIX)
        link.connect(path)
        self.file = link.makefile("rw")
        self.events = []
        self.line()
        self.command("qmp_capabilities")

    def line(self):
        return json.loads(self.file.readline())

    def command(self, name, **arguments):
        self.file.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
        self.file.flush()
        while "event" in (answer := self.line()):
            self.events.append(answer["event"])
        if "error" in answer:
            sys.exit("%s: %s" % (name, answer["error"]["desc"]))

    def wait(self, event):
        while event not in self.events:
            self.events.append(self.line().get("event"))
        self.events.clear()


def processor_time(pid):
    fields = open("/proc/%d/stat" % pid).read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main():
    daemon, layers, job = os.path.abspath(sys.argv[1]) if "/" in sys.argv[1] else sys.argv[1], int(sys.argv[2]), sys.argv[3]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        make_chain(layers)
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "target.q", "1G"], check=True)
        process = subprocess.Popen([daemon, "--chardev", "socket,id=c,path=q.sock,server=on,wait=off", "--monitor", "c"])
        while not os.path.exists("q.sock"):
            time.sleep(0.05)
        monitor = Monitor("q.sock")
        start = time.time()
        monitor.command("blockdev-add", driver="qcow2", **{"node-name": "top", "file": {"driver": "file", "filename": "%04d.q" % layers}})
        opened, before = time.time() - start, processor_time(process.pid)
        start = time.time()
        if job == "mirror":
            monitor.command("blockdev-add", driver="qcow2", **{"node-name": "to", "file": {"driver": "file", "filename": "target.q"}})
            monitor.command("blockdev-mirror", device="top", target="to", sync="full", **{"job-id": "j"})
        else:
            monitor.command("block-commit", device="top", **{"job-id": "j"})
        monitor.wait("BLOCK_JOB_READY")
        monitor.command("block-job-complete", device="j")
        monitor.wait("BLOCK_JOB_COMPLETED")
        print("%s over %d layers: open %.2f s, job %.2f s, processor %.2f s" % (job, layers, opened, time.time() - start, processor_time(process.pid) - before))
        monitor.command("quit")
        process.wait()


main()
