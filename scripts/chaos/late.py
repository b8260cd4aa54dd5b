"""Uploads that are added while their space is migrated."""

import collections
import datetime

KEYS = ("space", "root")
# The part of a world's uploads that is held back at first.
PART = 0.05
# Uploads of a space that takes long enough.
LARGE = 10


class LateArrivals:
    """Takes some uploads out of the world before it is planned, and puts them in while it is migrated."""

    def __init__(self, network, uploads, random):
        self.network, self.below_cursor = network, 0
        sizes = collections.Counter(one["space"] for one in uploads)
        large = [one for one in uploads if sizes[one["space"]] >= LARGE]
        chosen = random.sample(large, min(len(large), int(len(uploads) * PART)))
        chosen = {(one["space"], one["root"]) for one in chosen}
        key = lambda row: tuple(row[name]["S"] for name in KEYS)
        self.waiting = {key(row): row for row in network.raw_rows("w3infra-upload") if key(row) in chosen}
        for row in self.waiting.values():
            network.delete("w3infra-upload", row, KEYS)
        self.all = len(self.waiting)

    def arrive(self):
        """Adds those that the first sweep of their space has passed by, or will miss, if it is not near its end."""
        progress = {row["space"]: row for row in self.network.rows("migration-progress")}
        for (space, root), row in list(self.waiting.items()):
            unit = progress.get(space, {})
            counts, sweep = unit.get("counts", {}), unit.get("sweep", {})
            done = counts.get("done", 0) + counts.get("quarantined", 0)
            young = unit.get("status") == "in-progress" and sweep.get("number") == 0
            below, planned = root < unit.get("cursor", ""), counts.get("planned", 0)
            if young and 4 * done < 3 * planned and (below or 2 * done > planned):
                now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")
                self.network.put("w3infra-upload", {**row, "insertedAt": {"S": now.replace("+00:00", "Z")}})
                self.below_cursor += below
                del self.waiting[space, root]
