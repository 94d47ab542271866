# Every target does its own set-up first. `make demo` and `make test` are the two to know.
SHELL := /bin/bash
.DELETE_ON_ERROR:
PYTHON ?= python3
# Certificates of the system too: many networks have their own.
export UV_SYSTEM_CERTS := 1
# Compiled modules are kept, whatever the shell says: every worker that Spark starts imports them.
unexport PYTHONDONTWRITEBYTECODE
BIN := .venv/bin
UV := $(BIN)/uv
LOCK := $(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
SOURCES := $(shell git ls-files '*.py' 2>/dev/null)

.PHONY: setup s3 demo test check proof bench airflow zip wheel lock clean

setup: .venv/.stamp

.venv/.uv: requirements-uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "codemill needs Python 3.11 or newer; this is " + sys.version.split()[0])'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements-uv.lock
	@touch $@

.venv/.stamp: .venv/.uv requirements.lock pyproject.toml jobs/runtime/jars.sha256 jobs/runtime/setup_classes.py
	@echo "setting up .venv (some minutes the first time: torch, and the kernels of pages, which are compiled)"
	$(UV) pip sync -q --require-hashes requirements.lock requirements-uv.lock
	$(UV) pip install -q --no-deps --no-build-isolation -e .
	$(BIN)/python -m jobs.runtime.setup_java
	$(BIN)/python -m jobs.runtime.setup_jars
	$(BIN)/python -m jobs.runtime.setup_classes
	$(BIN)/python -m jobs.runtime.setup_kernels
	@touch $@

# What a lake on S3 needs besides: 640 MB of jars.
s3: .venv/.s3-stamp

.venv/.s3-stamp: .venv/.stamp jobs/runtime/jars-s3.sha256
	$(BIN)/python -m jobs.runtime.setup_jars --s3
	@touch $@

# The whole pipeline on real code of this machine: build/demo/lake, build/demo/report.html.
demo: setup
	$(BIN)/python -m jobs.demo

# Lint, format, types and import boundaries, then every test but the long proofs. Two processes: one alone waits for Spark's small jobs.
test: check zip s3 .venv-airflow/.stamp .venv-readers/.stamp
	$(BIN)/python -m pytest -m 'not proof' -n 2 --dist loadfile --no-loadscope-reorder tests

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Long proofs: kills at random moments, large inputs within a memory bound, near-duplicates beside other methods.
proof: setup zip .venv-peers/.stamp
	$(BIN)/python -m pytest -m proof tests

# Every benchmark, each beside its best alternative. One alone: .venv/bin/python -m benchmarks.NAME
bench: setup .venv-peers/.stamp .venv-readers/.stamp
	@for name in syntax ingest_git ingest_folder rerun signatures signatures_in_spark near_duplicates duplicates_scaling scoring commit_context ingest_commits commit_documents commit_edits web_extraction crawl relevance tokenize_pack decontamination repository_order exports loader; do $(BIN)/python -m benchmarks.$$name || exit 1; done

# What spark-submit needs beside jobs/main.py: the packages, without what only a laptop uses.
zip: build/codemill.zip

build/codemill.zip: setup $(SOURCES)
	$(BIN)/python -m jobs.runtime.setup_zip $@

wheel: setup
	$(UV) build -q --wheel --no-build-isolation -o build/dist

.venv-airflow/.stamp: .venv/.uv airflow_dags/requirements.lock
	$(UV) venv -q --allow-existing --python $(BIN)/python .venv-airflow
	$(UV) pip sync -q --python .venv-airflow/bin/python --require-hashes airflow_dags/requirements.lock
	@touch $@

# What benchmarks compare with and what cannot live beside our own dependencies.
.venv-peers/.stamp: .venv/.uv benchmarks/peers/requirements.lock
	$(UV) venv -q --allow-existing --python $(BIN)/python .venv-peers
	$(UV) pip sync -q --python .venv-peers/bin/python --require-hashes benchmarks/peers/requirements.lock
	@touch $@

# The readers of other trainers, for the tests of the exports: 55 MB. torch and all else that they ask for is that of .venv, by a path file.
.venv-readers/.stamp: .venv/.stamp tests/readers/requirements.lock
	$(UV) venv -q --allow-existing --python $(BIN)/python .venv-readers
	$(UV) pip sync -q --python .venv-readers/bin/python --require-hashes tests/readers/requirements.lock
	purelib='import sysconfig; print(sysconfig.get_path("purelib"))'; $(BIN)/python -c "$$purelib" > "$$(.venv-readers/bin/python -c "$$purelib")/venv.pth"
	@touch $@

# Airflow on this machine, with the DAG ready to trigger.
airflow: setup zip .venv-airflow/.stamp
	.venv-airflow/bin/python airflow_dags/local.py

lock:
	$(LOCK) pyproject.toml --extra train --group dev -o requirements.lock
	grep -v '^#' requirements-uv.lock | grep == | sed 's/ .*//' | $(LOCK) - -o requirements-uv.lock
	$(LOCK) airflow_dags/requirements.in -o airflow_dags/requirements.lock
	$(LOCK) benchmarks/peers/requirements.in -o benchmarks/peers/requirements.lock
	$(LOCK) --no-deps tests/readers/requirements.in -o tests/readers/requirements.lock
	grep -v '^#' requirements-java.lock | grep == | sed 's/ .*//' | $(LOCK) - -o requirements-java.lock

clean:
	rm -rf build .venv .venv-airflow .venv-peers .venv-readers
