"""What all tests share: one Spark session, which takes seconds to start, and no deadlines for property tests on a busy machine."""

import sys

import hypothesis
import pytest

from jobs.runtime.session import start_session
from jobs.runtime.tables import Tables
from schemas.lake import Lake

hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")


@pytest.fixture(scope="session")
def spark():
    with pytest.MonkeyPatch.context() as settings:
        settings.setenv("CODEMILL_DRIVER_MEMORY", "2g")  # after an hour of tests one gigabyte was full
        session = start_session("tests")
    yield session
    session.stop()


@pytest.fixture(autouse=True)
def forgotten_lakes():
    """Spark keeps what jobs persist, and Delta the log of every table that it met: after hundreds of lakes Java does little but collect
    garbage."""
    yield
    if "pyspark.sql" in sys.modules:
        from pyspark.sql import SparkSession

        session = SparkSession.getActiveSession()
        if session is not None:
            session.catalog.clearCache()
            session._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()


@pytest.fixture
def tables(spark, tmp_path):
    """An empty lake, as a job sees it."""
    lake = Lake.at(str(tmp_path / "lake"))
    lake.create()
    return Tables(spark, lake)
