"""What must hold when every instance is done."""

import collections
from pathlib import Path

from fleet import ENDED, whole_lines

# Causes of whole spaces, and the name of the row that they have.
OF_SPACES = {"MISSING_DELEGATION", "GATEWAY_DECLINED", "PRIVATE_SPACE"}
ALL = "*"
# Uploads of these conditions need an index of their own.
WITHOUT_INDEX = {"fresh", "claims-without-space"}


def wanted(record):
    """The reason for which an upload must be quarantined; none when it must be right."""
    expected = record["expected"]
    return None if isinstance(expected, str) else expected["failed"]


class Check:
    """Collects everything that is not as it must be."""

    def __init__(self, network, uploads, before):
        self.network, self.before, self.problems = network, before, []
        self.uploads = {(one["space"], one["root"]): one for one in uploads}
        self.owner = {one["space"]: one["customer"] for one in uploads}
        self.spaces = collections.defaultdict(list)
        for one in uploads:
            self.spaces[one["space"]].append(one)

    def expect(self, what, expected, found):
        """Keeps what differs."""
        if expected != found:
            self.problems.append(f"{what}: expected {expected}, found {found}")

    def all(self, folders):
        """Everything."""
        self.results(folders)
        self.failures()
        self.counters()
        self.customers()
        self.once()
        self.audit()

    def results(self, folders):
        """Every upload has a result line, and none tells what is not so."""
        told = set()
        for folder in folders:
            for path in sorted(Path(folder).glob("instance-*-results*.ndjson")):
                for line in whole_lines(path):
                    key = (line["unit"]["name"], line["item"])
                    told.add(key)
                    self.result(key, line)
        self.expect("uploads without a result line", set(), self.uploads.keys() - told)

    def result(self, key, line):
        if key not in self.uploads:
            self.problems.append(f"{key}: a result for no upload")
            return
        reason, record = (line.get("failure") or {}).get("reason"), self.uploads[key]
        self.expect(f"{key}, reason of its result", wanted(record), reason)
        if wanted(record):
            may = {"quarantined"}
        elif record["expected"] == "already-complete":
            may = {"found"}
        else:
            may = {"migrated", "found"}
        if line["settled"] not in may:
            self.problems.append(f"{key}: {line['settled']}, but may only be {may}")

    def failures(self):
        """A row for each upload that must fail, or one for all that a cause of their space keeps back, and no other."""
        rows = self.network.rows("migration-failures")
        found = {(row["space"], row["item"]): (row["reason"], row.get("items", 1)) for row in rows}
        should = {}
        for (space, root), one in self.uploads.items():
            if reason := wanted(one):
                key = (space, ALL if reason in OF_SPACES else root)
                should[key] = (reason, should.get(key, (reason, 0))[1] + 1)
        self.expect("failure rows", should, found)

    def counters(self):
        """Each space ended, free, and with counters that add up to its uploads."""
        rows = {row["space"]: row for row in self.network.rows("migration-progress")}
        self.expect("spaces with progress", set(self.spaces), set(rows))
        for space, uploads in self.spaces.items():
            row, bad = rows.get(space, {}), sum(wanted(one) is not None for one in uploads)
            counts = row.get("counts", {})
            self.expect(f"{space}, status", "failed" if bad else "completed", row.get("status"))
            self.expect(f"{space}, holder", None, row.get("leaseHolder"))
            self.expect(f"{space}, planned", len(uploads), counts.get("planned"))
            self.expect(f"{space}, quarantined", bad, counts.get("quarantined"))
            self.expect(f"{space}, done", len(uploads) - bad, counts.get("done"))
            rest = [counts.get(name) for name in ("failed", "unknown", "skipped")]
            self.expect(f"{space}, failed, unknown, skipped", [0, 0, 0], rest)

    def customers(self):
        """Rows of customers are the sum of their spaces."""
        for row in self.network.rows("migration-customers"):
            spaces = [space for space, owner in self.owner.items() if owner == row["customer"]]
            uploads = [one for space in spaces for one in self.spaces[space]]
            good = [space for space in spaces if not any(map(wanted, self.spaces[space]))]
            done = sum(wanted(one) is None for one in uploads)
            found = [row[name] for name in ("totalSpaces", "completedSpaces", "totalUploads", "completedUploads")]
            self.expect(f"{row['customer']}, sums", [len(spaces), len(good), len(uploads), done], found)
            self.expect(f"{row['customer']}, ended", True, row["status"] in ENDED)

    def once(self):
        """What must not happen twice: a migration space per customer, paid for and delegated once; an index per upload."""
        spaces = {row["customer"]: row["migrationSpace"] for row in self.network.rows("migration-spaces")}
        indexed = [one for one in self.uploads.values() if one["condition"] in WITHOUT_INDEX and not wanted(one)]
        self.expect("customers with a migration space", {one["customer"] for one in indexed}, set(spaces))
        once = sorted((space, customer) for customer, space in spaces.items())
        consumers = self.new("consumer", "w3infra-consumer")
        self.expect("consumers made", once, sorted((row["consumer"], row["customer"]) for row in consumers))
        paid = sorted(row["subscription"] for row in consumers)
        subscribed = self.new("subscription", "w3infra-subscription")
        self.expect("subscriptions made", paid, sorted(row["subscription"] for row in subscribed))
        delegated = self.new("link", "w3infra-delegation")
        self.expect("delegations made", once, sorted((row["issuer"], row["audience"]) for row in delegated))
        stored = collections.Counter(row["space"] for row in self.network.rows("w3infra-blob-registry"))
        per_customer = collections.Counter(one["customer"] for one in indexed)
        for customer, space in spaces.items():
            self.expect(f"indexes in the migration space of {customer}", per_customer[customer], stored[space])
        paid_for = collections.Counter(row["space"] for row in self.network.rows("w3infra-space-diff"))
        self.expect("blobs put to account", {space: stored[space] for space in paid_for}, dict(paid_for))

    def new(self, name, table):
        """Rows that were not there before the migration."""
        return [row for row in self.network.rows(table) if row[name] not in self.before[table]]

    def audit(self):
        """Sterna's own audit agrees, upload by upload, and changes nothing."""
        changes = self.network.changes()
        file = self.network.root / "instance-1-customers.json"
        answer = self.network.run("verify", ["verify", "--customers-file", str(file)], codes=(0, 4))
        self.expect("changes by the audit", changes, self.network.changes())
        lines = whole_lines(Path(answer["file"])) if answer.get("file") else []
        wrong = {(line["unit"]["name"], line["item"]) for line in lines if line["line"] == "item"}
        self.expect("uploads that the audit finds wrong", {key for key, one in self.uploads.items() if wanted(one)}, wrong)
        self.expect("uploads audited", len(self.uploads), sum(answer["verdicts"].values()))


# Tables in which the migration may add rows once, with the attribute that tells them apart.
ONCE = {"w3infra-consumer": "consumer", "w3infra-subscription": "subscription", "w3infra-delegation": "link"}


def before(network):
    """What is there before the migration."""
    return {table: {row[name] for row in network.rows(table)} for table, name in ONCE.items()}
