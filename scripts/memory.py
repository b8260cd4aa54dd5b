#!/usr/bin/env python3
"""The memory of the real program over many tiny uploads: a migration, then an audit over what it made (Linux).

    python3 scripts/memory.py --uploads 20000 --sterna target/release/sterna
    nice python3 scripts/memory.py --uploads 3000

Reads the resident memory from /proc at each tenth of the uploads. The slope is that of the line through all tenths but
the first three, in which caches and connections fill. Fails above the bounds; the slope is judged from 20,000 uploads
on, since below that what the allocator keeps back weighs more than what is looked for.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "chaos"))
from network import Network  # noqa: E402

REPOSITORY = Path(__file__).resolve().parents[1]
# Bounds for a run of a million uploads.
PEAK_MIB = 128
SLOPE_MIB_PER_MILLION = 1.0
# Uploads from which on a slope can be told from noise.
JUDGED_FROM = 20_000
WARM_UP = 3


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--uploads", type=int, default=20_000, help="uploads of the world [default: 20000]")
    add("--spaces", type=int, default=20, help="spaces of the world [default: 20]")
    add("--customers", type=int, default=5, help="customers of the world [default: 5]")
    add("--concurrency", type=int, default=16, help="uploads in flight [default: 16]")
    add("--sterna", type=Path, default=REPOSITORY / "target/debug/sterna", help="the program")
    return parser.parse_args()


class Settled:
    """Uploads that a run is done with, by the lines of progress in its log."""

    LINE = re.compile(r"([\d,]+) of [\d,]+ uploads")

    def __init__(self, log):
        self.log, self.number = log, 0

    def count(self):
        for line in self.log:
            if found := self.LINE.search(line):
                self.number = int(found[1].replace(",", ""))
        return self.number


def resident(pid):
    """Resident memory now and at its highest, MiB; none once the process has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = dict(line.split(":", 1) for line in lines)
    if "VmRSS" not in fields:
        return None
    return tuple(int(fields[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))


def slope(samples):
    """MiB per million uploads of the line that fits best."""
    if len(samples) < 2:
        return 0.0
    middle = sum(done for done, _ in samples) / len(samples)
    level = sum(size for _, size in samples) / len(samples)
    spread = sum((done - middle) ** 2 for done, _ in samples)
    return 1e6 * sum((done - middle) * (size - level) for done, size in samples) / spread


def watch(network, name, args, uploads, codes):
    """Runs a command and samples its memory; gives whether it kept the bounds."""
    samples, tenth, peak, log = [], -1, 0.0, network.root / f"{name}.log"
    began = time.monotonic()
    with log.open("w") as said, (network.root / f"{name}.json").open("w") as answer, log.open() as read:
        settled = Settled(read)
        command = [network.sterna, "--state-dir", network.root, "--output", "json", *args]
        running = subprocess.Popen(command, stdout=answer, stderr=said)
        while running.poll() is None:
            done, found = settled.count(), resident(running.pid)
            if found and done * 10 // uploads > tenth:
                tenth = done * 10 // uploads
                if tenth >= WARM_UP:
                    samples.append((done, found[0]))
                print(f"  {name:<8} {done:>9} uploads {found[0]:8.1f} MiB  {time.monotonic() - began:7.0f} s", flush=True)
            peak = max(peak, found[1] if found else 0)
            time.sleep(0.1)
    if running.returncode not in codes:
        raise SystemExit(f"`sterna {' '.join(args)}` ended with {running.returncode}: see {log}")
    took, rise = time.monotonic() - began, slope(samples)
    print(f"{name}: {uploads} uploads in {took:.0f} s, peak {peak:.1f} MiB, {rise:+.1f} MiB per million uploads")
    judged = uploads >= JUDGED_FROM
    return peak <= PEAK_MIB and (rise < SLOPE_MIB_PER_MILLION or not judged)


def main():
    options = arguments()
    folder = Path(tempfile.mkdtemp(prefix="sterna-memory-"))
    network = Network(options.sterna.resolve(), folder, 1, 0)
    try:
        began = time.monotonic()
        uploads = len(network.seed(1, options.customers, options.spaces, options.uploads))
        print(f"{uploads} uploads seeded in {time.monotonic() - began:.0f} s", flush=True)
        network.run("init", ["init"])
        network.run("setup", ["setup", "--instances", "1"])
        customers = ["--customers-file", str(folder / "instance-1-customers.json")]
        customers += ["--concurrency", str(options.concurrency)]
        kept = watch(network, "migrate", ["migrate", *customers], uploads, (0, 3))
        kept &= watch(network, "verify", ["verify", "--limit", "all", *customers], uploads, (0, 4))
    finally:
        network.stop()
    shutil.rmtree(folder)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
