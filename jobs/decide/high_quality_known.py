"""What the models of the high-quality sets said in earlier runs, of files that are still kept: a text is read once for the same models."""

from collections.abc import Mapping
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.decide.high_quality_seeds import members
from jobs.decide.high_quality_sets import HighQualitySet
from jobs.runtime.tables import Tables
from schemas.decide import HIGH_QUALITY, KEPT
from udfs.notebooks import SUFFIX


def known_and_unread(tables: Tables, profile: str, sets: Mapping[HighQualitySet, str | None]) -> tuple[DataFrame, DataFrame]:
    """Rows of decide/high_quality that hold as they are; and the candidates that are to be read.

    `sets` with the hash of their models; None where all that may be in one is to be read, because they are to be trained or nothing is
    believed. The language of a notebook is its kernel's, which nobody knows before it is read: of a set of notebooks in some languages all
    notebooks are read.
    """
    kept = tables[KEPT].where((F.col("policy") == profile) & (F.col("kind") == "file"))
    kept = kept.withColumn("is_notebook", F.lower("path").endswith(SUFFIX)).select("candidate", "is_notebook", "language")
    said = tables[HIGH_QUALITY].where(F.col("policy") == profile)
    known, unread = [said.where(F.lit(False))], []
    for one, models in sets.items():
        of_set = (kept.where("is_notebook") if one.population_is_notebooks else members(kept, one)).select("candidate")
        if models and not (one.population_is_notebooks and one.population_languages):
            of_models = said.where((F.col("set") == one.name) & (F.col("models") == models))
            known.append(of_models.join(of_set, "candidate", "left_semi").select(*HIGH_QUALITY.names))
            of_set = of_set.join(of_models, "candidate", "left_anti")
        unread.append(of_set)
    return reduce(DataFrame.unionByName, known), reduce(DataFrame.unionByName, unread).distinct()
