"""One Spark session for all tests that need one: it takes seconds to start, and the first Delta write as many."""

import pytest

from jobs.runtime.session import start_session
from jobs.runtime.tables import Tables
from schemas.lake import Lake


@pytest.fixture(scope="session")
def spark():
    session = start_session("tests")
    yield session
    session.stop()


@pytest.fixture
def tables(spark, tmp_path):
    """An empty lake, as a job sees it."""
    lake = Lake.at(str(tmp_path / "lake"))
    lake.create()
    return Tables(spark, lake)
