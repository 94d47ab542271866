"""The session in the threads of a run's jobs."""

from concurrent.futures import ThreadPoolExecutor

from pyspark.sql import SparkSession

from jobs.runtime.shared_session import SharedSession


def never(name, is_remote):
    raise AssertionError("another session was started")


def test_a_job_in_a_thread_has_the_running_session_with_its_settings(spark):
    shared, before = SharedSession(never), spark.conf.get("spark.sql.shuffle.partitions")
    spark.conf.set("spark.sql.shuffle.partitions", "5")
    try:
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(lambda: partitions(shared)).result() == (spark, "5")
    finally:
        spark.conf.set("spark.sql.shuffle.partitions", before)


def partitions(shared):
    with shared.used(False):
        active = SparkSession.getActiveSession()
        return active, active.conf.get("spark.sql.shuffle.partitions")


def test_what_is_held_is_let_go_only_when_no_other_job_runs(spark):
    shared = SharedSession(never)
    with shared.used(False):
        held = spark.range(3).persist()
        with shared.used(False):
            assert held.is_cached and not nothing_is_held(spark)
    with shared.used(False):
        assert nothing_is_held(spark)


def nothing_is_held(spark):
    return spark._jsparkSession.sharedState().cacheManager().isEmpty()
