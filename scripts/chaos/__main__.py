"""Kills and freezes `sterna migrate` at random until a world is migrated, then proves that nothing was lost.

    python3 scripts/chaos                                   # the short form: 20 kills
    python3 scripts/chaos --kills 500 --uploads 3000        # the long form, world after world

Several instances share all customers of a local network, each from a folder of its own. Some are
killed with -9 and started again at once, later, or without their folder; some are frozen past
their lease and thawed. Some uploads arrive while their space is migrated. At the end of every
world, rows, result lines, counters and the audit are compared with what the world was made to
become. A kill counts as a hit when the dead process still held an unfinished space; fewer hits
than 80 % are a failure, because such a run proves little. When a world has only its last spaces
open, one of their holders is frozen until the others took over what it held: they have no other
work then. A long run without any such takeover is a failure, too.

The seed decides the world and what is done to whom in which order; when it is done depends on the
machine. The folder stays when something does not hold.
"""

import argparse
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from check import Check, before
from fleet import Fleet
from late import LateArrivals
from network import Network

LEAST_HITS = 0.8
# From so many kills on there must have been takeovers.
LONG = 100
LOOK_EVERY = 0.5
REPOSITORY = Path(__file__).resolve().parents[2]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--kills", type=int, default=20, help="processes to kill [default: 20]")
    add("--seed", type=int, help="what everything is drawn from [default: the time]")
    add("--uploads", type=int, default=200, help="uploads of a world [default: 200]")
    add("--instances", type=int, default=4, help="processes at the same time [default: 4]")
    add("--concurrency", type=int, default=2, help="uploads in flight in each [default: 2]")
    add("--checkpoint-every", type=int, default=10, help="settled uploads between checkpoints [default: 10]")
    add("--lease-term", type=int, default=2, help="seconds a lease lasts [default: 2]")
    add("--latency", type=int, default=20, help="milliseconds before every answer [default: 20]")
    add("--pace", type=float, default=1.0, help="seconds between two blows, on average [default: 1]")
    add("--freezes", type=float, default=0.2, help="part of the blows that freeze [default: 0.2]")
    add("--patience", type=float, default=1800, help="seconds that a world may take [default: 1800]")
    add("--sterna", type=Path, default=REPOSITORY / "target/debug/sterna", help="the program")
    add("--keep", action="store_true", help="keep the folder also when all holds")
    return parser.parse_args()


def tell(text):
    print(text, flush=True)


class World:
    """One world from its seeding to its check."""

    def __init__(self, options, folder, seed):
        folder.mkdir()
        self.network = Network(options.sterna.resolve(), folder, seed, options.latency)
        self.options, self.seed, self.looked = options, seed, 0.0

    def run(self, kills):
        """Migrates it under blows; gives the fleet and what did not hold."""
        options, network = self.options, self.network
        spaces = max(8, options.uploads // 12)
        uploads = network.seed(self.seed, max(4, spaces // 3), spaces, options.uploads)
        self.late = LateArrivals(network, uploads, random.Random(self.seed))
        network.run("init", ["init"])
        network.run("setup", ["setup", "--instances", "1"])
        rows = before(network)
        customers = sorted({one["customer"] for one in uploads})
        fleet = Fleet(network, options, self.seed, customers, tell, self.look)
        began = time.monotonic()
        try:
            fleet.run(kills)
        finally:
            fleet.stop()
        took = time.monotonic() - began
        there = [one for one in uploads if (one["space"], one["root"]) not in self.late.waiting]
        check = Check(network, there, rows)
        folders = [path for path in network.root.glob("instance-*") if path.is_dir()]
        check.all(folders)
        arrived = self.late.all - len(self.late.waiting)
        tell(
            f"world {self.seed}: {len(there)} uploads in {took:.0f} s, {fleet.kills} kills"
            f" ({fleet.in_flight} hit work in flight, {fleet.mid_effect} an effect),"
            f" {fleet.freezes} freezes ({fleet.taken_over} spaces taken over meanwhile),"
            f" {arrived} late arrivals ({self.late.below_cursor} below the cursor);"
            f" {len(check.problems)} problems"
        )
        return fleet, check.problems

    def look(self):
        """Lets late uploads arrive, not at every beat."""
        if self.late.waiting and time.monotonic() - self.looked > LOOK_EVERY:
            self.looked = time.monotonic()
            self.late.arrive()


def main():
    options = arguments()
    seed = options.seed if options.seed is not None else int(time.time())
    folder = Path(tempfile.mkdtemp(prefix="sterna-chaos-"))
    tell(f"seed {seed}, folder {folder}")
    kills = hits = cuts = freezes = taken = worlds = 0
    problems = []
    while kills < options.kills and not problems:
        world = World(options, folder / f"world-{worlds}", seed + worlds)
        try:
            fleet, problems = world.run(options.kills - kills)
        finally:
            world.network.stop()
        worlds += 1
        kills, hits, cuts = kills + fleet.kills, hits + fleet.in_flight, cuts + fleet.mid_effect
        freezes, taken = freezes + fleet.freezes, taken + fleet.taken_over
        if not fleet.kills:
            problems.append("the world was migrated before anything could be killed: make it larger")
    if hits < LEAST_HITS * kills:
        problems.append(f"only {hits} of {kills} kills hit work in flight")
    if kills >= LONG and not taken:
        problems.append(f"no space of {freezes} frozen processes was taken over")
    for problem in problems[:50]:
        tell(f"PROBLEM {problem}")
    tell(f"{worlds} worlds, {kills} kills, {hits} hit work in flight, {cuts} cut an effect, {freezes} freezes, {taken} spaces taken over")
    if problems:
        tell(f"FAILED with seed {seed}; everything lies in {folder}")
        return 1
    if not options.keep:
        shutil.rmtree(folder)
    tell("nothing lost, nothing twice, no lie")
    return 0


if __name__ == "__main__":
    sys.exit(main())
