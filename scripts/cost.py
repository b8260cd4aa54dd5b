#!/usr/bin/env python3
"""What a run costs, by the local network's own counters: requests and DynamoDB rows per 1,000 uploads.

    python3 scripts/cost.py
    python3 scripts/cost.py --uploads 2000 --sterna target/release/sterna

Migrates a seeded world once, then forgets all progress and goes over the complete uploads again.
No more rows may be written for uploads that are found complete than for their spaces.
"""

import argparse
import collections
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "chaos"))
from network import Network  # noqa: E402

REPOSITORY = Path(__file__).resolve().parents[1]
PROGRESS = ("migration-customers", "migration-progress", "migration-failures")
# Rows that a space may cost in a run: lease, steps, beats, end, and its share of its customer's.
WRITES_OF_A_SPACE = 12


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--uploads", type=int, default=1000, help="uploads of the world [default: 1000]")
    add("--spaces", type=int, default=20, help="spaces of the world [default: 20]")
    add("--customers", type=int, default=5, help="customers of the world [default: 5]")
    add("--concurrency", type=int, default=16, help="uploads in flight [default: 16]")
    add("--sterna", type=Path, default=REPOSITORY / "target/debug/sterna", help="the program")
    return parser.parse_args()


def migrate(network, options, name):
    """One run; gives its counters per service, and its answer."""
    network.control("/requests/reset", "POST")
    customers = str(network.root / "instance-1-customers.json")
    args = ["migrate", "--customers-file", customers, "--concurrency", str(options.concurrency)]
    answer = network.run(name, args, codes=(0, 3))
    return network.control("/requests")["services"], answer


def forget(network):
    """Drops all progress: tables and files."""
    for table in PROGRESS:
        rows = network.raw_rows(table)
        keys = network.call("DescribeTable", {"TableName": f"local-{table}"})["Table"]["KeySchema"]
        for row in rows:
            network.delete(table, row, [key["AttributeName"] for key in keys])
    for path in network.root.glob("instance-*"):
        path.unlink()


def show(title, services, uploads):
    """Requests by operation, and DynamoDB rows by table, per 1,000 uploads."""
    print(f"\n{title}, per 1,000 uploads")
    for service, counts in services.items():
        for operation, count in counts["operations"].items():
            print(f"  {service:<9} {operation:<18} {count['count'] * 1000 / uploads:9.1f}")
    rows = collections.Counter()
    for operation, count in services["dynamodb"]["operations"].items():
        for table, number in count.get("rows", {}).items():
            rows["writes" if count["mutating"] else "reads", table, operation] += number
    print("  DynamoDB rows named, by table")
    for (kind, table, operation), number in sorted(rows.items()):
        print(f"    {kind:<6} {table:<28} {operation:<15} {number * 1000 / uploads:9.1f}")
    return sum(number for (kind, _, _), number in rows.items() if kind == "writes")


def main():
    options = arguments()
    folder = Path(tempfile.mkdtemp(prefix="sterna-cost-"))
    network = Network(options.sterna.resolve(), folder, 1, 0)
    try:
        network.seed(1, options.customers, options.spaces, options.uploads)
        network.run("init", ["init"])
        network.run("setup", ["setup", "--instances", "1"])
        first, answer = migrate(network, options, "first")
        show(f"first run ({answer['seconds']:.0f} s)", first, options.uploads)
        forget(network)
        network.run("setup", ["setup", "--instances", "1"])
        again, answer = migrate(network, options, "again")
        writes = show(f"over complete uploads ({answer['seconds']:.0f} s)", again, options.uploads)
        failed = answer["counts"]["quarantined"]
    finally:
        network.stop()
    shutil.rmtree(folder)
    allowed = WRITES_OF_A_SPACE * options.spaces + failed
    print(f"\nrows written over complete uploads: {writes}, at most {allowed}")
    return 0 if writes <= allowed else 1


if __name__ == "__main__":
    sys.exit(main())
