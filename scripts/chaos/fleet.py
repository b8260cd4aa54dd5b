"""Instances of `sterna migrate`, and what is done to them."""

import collections
import json
import os
import random
import signal
import subprocess
import time

# Everything of the scope is settled, with or without quarantined uploads.
FINISHED = {0, 3}
# Work is left that others hold or held, or there was trouble that passes.
AGAIN = {5, 11}
ENDED = {"completed", "failed"}
# The part of the blows that is aimed at processes which hold a lease at the time.
AT_WORK = 0.9
# Freezes of one world that hit the holder of its last spaces, and seconds between two looks for one.
CORNERED = 2
LOOK_EVERY = 0.3
# Terms after which it is thawed though nobody took over.
LONGEST_FREEZE = 12


class Instance:
    """One instance: a folder of its own, and one process after the other."""

    def __init__(self, number, network, options, customers):
        self.number, self.network, self.options = number, network, options
        self.customers = customers
        self.process, self.starts, self.lost_folders = None, 0, 0
        self.finished, self.frozen, self.cornered = False, False, False
        self.not_before, self.thaw_at = 0.0, 0.0
        self.held = {}
        self.dir = network.root / f"instance-{number}"
        self.make_folder()

    def make_folder(self):
        """The state folder, with all customers in an order of its own, so that instances meet."""
        self.dir.mkdir()
        (self.dir / "customers.json").write_text(json.dumps(self.customers))

    def start(self):
        """Starts the next process."""
        self.starts += 1
        args = ["--state-dir", self.dir, "--env-file", self.network.env_file, "--output", "json"]
        args += ["migrate", "--customers-file", self.dir / "customers.json"]
        args += ["--instance", self.number, "--concurrency", self.options.concurrency]
        args += ["--checkpoint-every", self.options.checkpoint_every]
        with (self.dir / "migrate.log").open("a") as log, (self.dir / "answer.json").open("w") as out:
            self.process = subprocess.Popen(
                [self.network.sterna, *map(str, args)],
                stdout=out,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "STERNA_LEASE_TERM": str(self.options.lease_term)},
                start_new_session=True,
            )

    def signal(self, what):
        """Sends a signal to the process."""
        self.process.send_signal(what)

    def run_id(self):
        """The run of the process, as its fleet row says; none before its first report."""
        for row in self.network.rows("migration-fleet"):
            report = row.get("report") or {}
            # A holder is a number and a state folder.
            number, _, _folder = row["instanceId"].partition("#")
            if number == str(self.number) and report.get("pid") == self.process.pid:
                return row["run"]
        return None

    def leases(self, run):
        """Epochs of the unfinished units that a run of this instance holds, by space."""
        holds = lambda row: (row.get("leaseHolder"), row.get("leaseRun")) == (str(self.number), run)
        rows = (row for row in self.network.rows("migration-progress") if holds(row))
        return {row["space"]: row["leaseEpoch"] for row in rows if row["status"] not in ENDED}

    def cut_effects(self, run):
        """Effects that a run began and of which it recorded no end."""
        open_effects = collections.Counter()
        for line in whole_lines(self.dir / f"instance-{self.number}-journal.ndjson"):
            if line["run"] != run or "step" not in line:
                continue
            entry = line["entry"]
            begins = isinstance(entry, dict) and "started" in entry
            what = (line["unit"]["name"], line.get("item"), line["step"])
            open_effects[what] += 1 if begins else -1
        return sum(count > 0 for count in open_effects.values())

    def lose_folder(self):
        """The machine is gone with its disk: the next process has a new one."""
        self.lost_folders += 1
        self.dir.rename(self.dir.with_name(f"{self.dir.name}-lost-{self.lost_folders}"))
        self.make_folder()


def whole_lines(path):
    """The records of a file of JSON lines; a last line that was cut is left out."""
    if not path.exists():
        return []
    *lines, _cut = path.read_bytes().split(b"\n")
    return [json.loads(line) for line in lines]


class Fleet:
    """All instances of one world, until nothing is left to do."""

    def __init__(self, network, options, seed, customers, tell, between):
        self.options, self.tell, self.between = options, tell, between
        self.random = random.Random(seed)
        shuffled = lambda: self.random.sample(customers, len(customers))
        numbers = range(1, options.instances + 1)
        self.all = [Instance(number, network, options, shuffled()) for number in numbers]
        # Whether the next blow may hit anyone; drawn once for each blow.
        self.anyone = None
        self.kills = self.in_flight = self.mid_effect = self.freezes = self.taken_over = 0
        self.cornered, self.looked = 0, 0.0

    def run(self, kills):
        """Runs until every instance says that it is done; kills at most so many times."""
        began = time.monotonic()
        next_blow = began + self.options.pace
        while not all(one.finished for one in self.all):
            now = time.monotonic()
            if now - began > self.options.patience:
                raise SystemExit(f"not done within {self.options.patience} s")
            for one in self.all:
                self.tend(one, now)
            self.between()
            self.corner(now)
            if now >= next_blow and self.kills < kills and self.strike():
                next_blow = now + self.random.uniform(0.2, 1.8) * self.options.pace
            time.sleep(0.05)

    def tend(self, one, now):
        """Starts, thaws and buries processes."""
        if one.finished or now < one.not_before:
            return
        if one.process is None:
            one.start()
        elif one.frozen:
            if now >= one.thaw_at or one.cornered and self.lost(one) == set(one.held):
                self.thaw(one)
        elif (code := one.process.poll()) is not None:
            one.process = None
            one.finished = code in FINISHED
            if code in AGAIN:
                one.not_before = now + 1
            elif not one.finished:
                raise SystemExit(f"instance {one.number} ended with {code}: see {one.dir}/migrate.log")

    def strike(self):
        """Kills or freezes one that runs, mostly one that is at work; says whether there was one."""
        fit = [one for one in self.all if one.process and not one.frozen]
        fit = [one for one in fit if one.process.poll() is None]
        if self.anyone is None:
            self.anyone = self.random.random() > AT_WORK
        if not self.anyone:
            fit = [one for one in fit if (run := one.run_id()) and one.leases(run)]
        if not fit:
            return False
        self.anyone = None
        one = self.random.choice(fit)
        if self.random.random() < self.options.freezes:
            self.freeze(one)
        else:
            self.kill(one)
        return True

    def kill(self, one):
        """kill -9; what it still holds then is work that was in flight."""
        one.signal(signal.SIGKILL)
        one.process.wait()
        self.kills += 1
        run = one.run_id()
        held, cut = (len(one.leases(run)), one.cut_effects(run)) if run else (0, 0)
        self.in_flight += held > 0
        self.mid_effect += cut > 0
        one.process = None
        fate = self.random.random()
        if fate < 0.4:
            after = "started again at once"
        elif fate < 0.8:
            wait = self.random.uniform(0.5, 2) * self.options.lease_term
            one.not_before = time.monotonic() + wait
            after = f"started again after {wait:.1f} s"
        else:
            one.lose_folder()
            after = "its folder lost"
        self.tell(f"kill {self.kills}: instance {one.number}, {held} units in hand, {cut} effects cut; {after}")

    def corner(self, now):
        """Freezes a holder of the last spaces: the others have no work but what it holds, and take that over.

        Others that are alive have to be there, and every open space in somebody's hands.
        """
        if self.cornered == CORNERED or now - self.looked < LOOK_EVERY:
            return
        self.looked = now
        alive = [one for one in self.all if one.process and one.process.poll() is None]
        if len(alive) < 2 or any(one.frozen for one in alive):
            return
        rows = [row for row in self.all[0].network.rows("migration-progress") if row["status"] not in ENDED]
        holders = {row.get("leaseHolder") for row in rows}
        if not rows or None in holders or len(rows) > len(self.all):
            return
        fit = [one for one in alive if str(one.number) in holders and (run := one.run_id()) and one.leases(run)]
        if fit:
            self.cornered += 1
            self.freeze(self.random.choice(fit), cornered=True)

    def freeze(self, one, cornered=False):
        """SIGSTOP past the lease, so that others take over meanwhile."""
        one.signal(signal.SIGSTOP)
        run = one.run_id()
        one.held = one.leases(run) if run else {}
        one.frozen, one.cornered = True, cornered
        terms = LONGEST_FREEZE if cornered else self.random.uniform(2, 8)
        one.thaw_at = time.monotonic() + terms * self.options.lease_term
        self.freezes += 1
        last = ", the last ones" if cornered else ""
        self.tell(f"freeze {self.freezes}: instance {one.number}, {len(one.held)} units in hand{last}")

    def thaw(self, one):
        """SIGCONT; its lease may be another's by now."""
        lost = self.lost(one)
        self.taken_over += len(lost)
        one.frozen = False
        one.signal(signal.SIGCONT)
        self.tell(f"thaw: instance {one.number}, {len(lost)} of its {len(one.held)} units taken over")

    def lost(self, one):
        """Spaces that an instance held when it was frozen, and that others took since."""
        rows = {row["space"]: row for row in one.network.rows("migration-progress")}
        return {space for space, epoch in one.held.items() if rows[space]["leaseEpoch"] > epoch}

    def stop(self):
        """Ends what still runs."""
        for one in self.all:
            if one.process and one.process.poll() is None:
                one.signal(signal.SIGKILL)
                one.process.wait()
