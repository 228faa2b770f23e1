"""What all tests share: one thread, how hard Hypothesis tries, a disk that is full."""

import resource
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

QUIET = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}
settings.register_profile("default", max_examples=25, derandomize=True, database=None, **QUIET)
settings.register_profile("nightly", max_examples=600, derandomize=False, print_blob=True, **QUIET)
settings.load_profile("default")


def pytest_addoption(parser):
    """Add --fuzz-report."""
    parser.addoption(
        "--fuzz-report", help="write how the cases of tests/test_fuzz.py ended, a CSV, to this path"
    )


def pytest_sessionfinish(session):
    """Write the report of the doors that were fuzzed in this process."""
    path, fuzzing = session.config.getoption("--fuzz-report"), sys.modules.get("fuzzing")
    if path and fuzzing and fuzzing.TALLY:
        Path(path).write_text(fuzzing.report())


@pytest.fixture
def limited():
    """Let no file grow beyond 20,000 bytes, as on a full disk."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, old[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, old)
