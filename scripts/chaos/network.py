"""The local network that the processes work on, and direct looks into its tables."""

import json
import subprocess
import urllib.request

SIGNATURE = (
    "AWS4-HMAC-SHA256 Credential=local-sterna/20250101/us-east-2/dynamodb/aws4_request, "
    "SignedHeaders=host;x-amz-date, Signature=0"
)


class Network:
    """`sterna sandbox start` in a folder, with a legacy world and the migration's tables."""

    def __init__(self, sterna, root, seed, latency):
        self.sterna, self.root, self.dir = sterna, root, root / "local"
        self.process = subprocess.Popen(
            [sterna, "--state-dir", root, "sandbox", "start"]
            + ["--seed", str(seed), "--latency", f"{latency}ms"],
            stdout=subprocess.PIPE,
            stderr=(root / "sandbox.log").open("w"),
            # A Ctrl-C is for the script, which ends the network last.
            start_new_session=True,
        )
        ready = self.process.stdout.readline()
        if not ready:
            raise SystemExit(f"the local network did not start: see {root / 'sandbox.log'}")
        self.endpoints = json.loads(ready)["endpoints"]
        self.env_file = self.dir / "sandbox.env"
        self.token = json.loads((self.dir / "sandbox.json").read_text())["control_token"]

    def run(self, name, args, codes=(0,)):
        """Runs one command to its end and gives its JSON answer."""
        log = self.root / f"{name}.log"
        with log.open("w") as said:
            done = subprocess.run(
                [self.sterna, "--state-dir", self.root, "--output", "json", *args],
                stdout=subprocess.PIPE,
                stderr=said,
                check=False,
            )
        if done.returncode not in codes:
            raise SystemExit(f"`sterna {' '.join(args)}` ended with {done.returncode}: see {log}")
        return json.loads(done.stdout)

    def seed(self, seed, customers, spaces, uploads):
        """Writes a legacy world; gives its uploads with what must become of each."""
        sizes = {"customers": customers, "spaces": spaces, "uploads": uploads}
        flags = [text for name, size in sizes.items() for text in (f"--{name}", str(size))]
        self.run("seed", ["sandbox", "seed", "--seed", str(seed), *flags])
        return json.loads((self.dir / "world.json").read_text())["uploads"]

    def call(self, operation, body):
        """One DynamoDB operation."""
        request = urllib.request.Request(
            self.endpoints["dynamodb"],
            data=json.dumps(body).encode(),
            headers={
                "x-amz-target": f"DynamoDB_20120810.{operation}",
                "content-type": "application/x-amz-json-1.0",
                "x-amz-date": "20250101T000000Z",
                "authorization": SIGNATURE,
            },
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def raw_rows(self, table):
        """All rows of a table, as DynamoDB writes them."""
        rows, more = [], {}
        while True:
            page = self.call("Scan", {"TableName": f"local-{table}", "ConsistentRead": True, **more})
            rows += page["Items"]
            if "LastEvaluatedKey" not in page:
                return rows
            more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def rows(self, table):
        """All rows of a table, as plain values."""
        return [{name: plain(value) for name, value in row.items()} for row in self.raw_rows(table)]

    def put(self, table, row):
        """Writes a row as `raw_rows` gave it."""
        self.call("PutItem", {"TableName": f"local-{table}", "Item": row})

    def delete(self, table, row, keys):
        """Deletes the row with the key of `row`."""
        key = {name: row[name] for name in keys}
        self.call("DeleteItem", {"TableName": f"local-{table}", "Key": key})

    def changes(self):
        """Operations so far that changed something, over all services."""
        services = self.control("/requests")["services"]
        return sum(service["mutating"] for service in services.values())

    def control(self, path, method="GET"):
        """Asks the control listener."""
        request = urllib.request.Request(
            self.endpoints["control"] + "/_sandbox" + path,
            method=method,
            headers={"authorization": f"Bearer {self.token}"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def stop(self):
        """Ends the network."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def plain(value):
    """A DynamoDB attribute value as a Python value."""
    ((kind, inner),) = value.items()
    if kind == "N":
        return float(inner) if "." in inner else int(inner)
    if kind == "NULL":
        return None
    if kind == "M":
        return {name: plain(field) for name, field in inner.items()}
    if kind == "L":
        return [plain(element) for element in inner]
    return inner
