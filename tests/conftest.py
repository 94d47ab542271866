"""What all tests share: one Spark session, which takes seconds to start, and no deadlines for property tests on a busy machine."""

import hypothesis
import pytest

from jobs.runtime.session import start_session
from jobs.runtime.tables import Tables
from schemas.lake import Lake

hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")


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
