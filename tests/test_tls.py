"""A cluster behind TLS: only who has the certificate gets in."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support import copy_of_the_project as project
from tests.support.course_folder import hand_in, marks
from tests.support.runs import grader

pytest.importorskip("distributed")


@pytest.fixture
def settings(tmp_path) -> dict[str, str]:
    """Dask's configuration, with a certificate made for this test."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-keyout", key, "-out", certificate, "-subj", "/CN=byhand"]
    subprocess.run(command, check=True, capture_output=True)
    tls = "DASK_DISTRIBUTED__COMM__TLS__"
    found = {f"{tls}CA_FILE": str(certificate)}
    for who in ("SCHEDULER", "WORKER", "CLIENT"):
        found |= {f"{tls}{who}__CERT": str(certificate), f"{tls}{who}__KEY": str(key)}
    return found | {"DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "True"}


def test_a_cluster_behind_tls(tmp_path, settings):
    copy = project.make(tmp_path / "project", {})
    course, place = tmp_path / "course", tmp_path / "scheduler.json"
    hand_in(course, project.TINY, "ada", project.tiny())
    dask = Path(sys.executable).with_name("dask")
    env = project.environment(PYTHONPATH=str(copy), **settings)
    processes = []

    def start(*command):
        with open(tmp_path / "dask.log", "ab") as log:
            arguments = [str(dask), *command, "--scheduler-file", str(place)]
            processes.append(
                subprocess.Popen(arguments, cwd=copy, env=env, stdout=log, stderr=log)
            )

    try:
        start("scheduler", "--host", "tls://127.0.0.1", "--port", "0", "--no-dashboard")
        over = time.monotonic() + 60
        while not place.exists():
            assert time.monotonic() < over, (tmp_path / "dask.log").read_text()
            time.sleep(0.1)
        start("worker", "--nthreads", "1", "--no-nanny", "--no-dashboard")
        address = json.loads(place.read_text())["address"]
        assert address.startswith("tls://")
        command = ("grade", project.TINY, "--engine", "dask", "--scheduler")
        for wrong in (address, address.replace("tls", "tcp")):  # without certificates
            result = grader(
                course, *command, wrong, cwd=copy, env=project.environment()
            )
            assert result.returncode == 2 and "Traceback" not in result.stderr
            assert "Dask" in result.stderr
        result = grader(
            course, *command, address, cwd=copy, env=project.environment(**settings)
        )
        assert result.returncode == 0, result.stdout + result.stderr
        assert marks(course, project.TINY) == {"ada": 6}
    finally:
        for process in processes:
            process.kill()
            process.wait()
