"""What is put aside is found again, whatever the lake is called."""

import pytest

from jobs.runtime.staging import Staging
from schemas.lake import Lake


@pytest.mark.parametrize("name", ["data[1]", "{a,b}", "star*", "what?", "back\\slash", "per%20cent", "with space"])
def test_what_is_put_aside_is_read_back_in_a_lake_whose_name_looks_like_a_pattern(spark, tmp_path, name):
    lake = Lake.at(str(tmp_path / name))
    lake.create()
    with Staging(lake, "run") as staging:
        assert staging.keep(spark, spark.range(3), "numbers").count() == 3
