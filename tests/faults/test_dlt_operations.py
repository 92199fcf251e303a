"""Operations that dlt offers on the source work, or are refused in one sentence."""

import fcntl
from pathlib import Path

import dlt
import pyarrow as pa
import pytest
from conftest import TODAY, RememberingApi, days_ago
from dlt.pipeline.exceptions import PipelineStepFailed
from running import environment
from test_faults import MOMENTS, Small, Warehouse, everything, sentence_in, tables, was_killed
from test_source import charge

from openai_costs_source import OpenAICostsError, openai_costs
from openai_costs_source.simulator.api import DEMO_ADMIN_KEY

RESOURCES = ("costs", "projects", "usage_completions")
REFUSED = {
    "add_limit": (lambda source: source.add_limit(1), {}),
    "add_filter": (lambda source: source.costs.add_filter(lambda rows: True), {}),
    "add_yield_map": (lambda source: source.costs.add_yield_map(lambda rows: [rows]), {}),
    "parallelize": (lambda source: source.parallelize(), {}),
    "the write disposition append": (None, {"write_disposition": "append"}),
    "the write disposition replace": (
        lambda source: source.projects.apply_hints(write_disposition="replace"),
        {},
    ),
    "the table name all": (None, {"table_name": "all"}),
    "the primary key date": (lambda source: source.costs.apply_hints(primary_key="date"), {}),
    "the name mine": (lambda source: source.costs.with_name("mine"), {}),
    "the merge key id": (lambda source: source.projects.apply_hints(merge_key="id"), {}),
    "the data_type of the column amount": (
        None,
        {"columns": {"amount": {"data_type": "double"}}},
    ),
    "the schema contract discard_row": (None, {"schema_contract": "discard_row"}),
    "the table format delta": (None, {"table_format": "delta"}),
    "the file format jsonl": (None, {"loader_file_format": "jsonl"}),
}


@pytest.fixture(scope="module")
def small():
    return Small(TODAY)


@pytest.fixture
def small_api(small):
    with RememberingApi(small, overrides={}) as api:
        yield api


def source_of(api, since=2):
    source = openai_costs(DEMO_ADMIN_KEY, api.base_url, since=days_ago(since))
    return source.with_resources(*RESOURCES)


def pipeline_of(warehouse, destination=None):
    return dlt.pipeline(
        "openai_costs",
        destination=destination or dlt.destinations.duckdb(str(warehouse.path)),
        dataset_name="openai_raw",
        pipelines_dir=str(warehouse.folder / "pipelines"),
    )


@pytest.fixture(scope="module")
def filled(small, tmp_path_factory):
    warehouse = Warehouse(tmp_path_factory.mktemp("filled"))
    with RememberingApi(small, overrides={}) as api:
        warehouse.load(api, RESOURCES, since=days_ago(2))
    return warehouse


@pytest.mark.parametrize("named", REFUSED)
def test_change_of_a_resource_that_could_double_or_lose_rows_is_refused(named, filled, small_api):
    change, options = REFUSED[named]
    before = everything(filled)
    pipeline = pipeline_of(filled)
    source = source_of(small_api)
    changed = change(source) if change else source
    with pytest.raises(PipelineStepFailed) as failure:
        pipeline.run(changed, **options)
    sentence = sentence_in(failure.value)
    assert sentence.startswith("The resource ")
    assert f" cannot be loaded with {named}: " in sentence
    assert everything(filled) == before
    pipeline.drop()


def test_function_of_add_map_changes_whole_arrow_tables(small_api, warehouse):
    def without_keys(rows):
        if "api_key_id" not in rows.column_names:
            return rows
        place = rows.column_names.index("api_key_id")
        nothing = pa.nulls(rows.num_rows, pa.string())
        return rows.set_column(place, rows.schema.field(place), nothing)

    for _ in range(2):
        source = source_of(small_api)
        source.costs.add_map(without_keys)
        pipeline_of(warehouse).run(source)
    counted = "select count(*), count(api_key_id) from openai_raw.costs"
    ledger = "select sum(row_count), 0 from openai_raw.cost_days"
    assert warehouse.rows(counted) == warehouse.rows(ledger)


def test_custom_steps_and_file_formats_load_the_same(small_api, warehouse, filled):
    pipeline = pipeline_of(warehouse)
    pipeline.extract(source_of(small_api), loader_file_format="insert_values")
    pipeline.normalize()
    pipeline.load()
    loaded = [f"openai_raw.{name}" for name in ("costs", "cost_days", "projects", "usage_days")]
    assert tables(warehouse, loaded, MOMENTS) == tables(filled, loaded, MOMENTS)
    pipeline.run(source_of(small_api).costs)
    pipeline.run(source_of(small_api, since=1), loader_file_format="parquet")
    assert tables(warehouse, loaded, MOMENTS) == tables(filled, loaded, MOMENTS)


@pytest.fixture
def is_killed(forking, small_api, warehouse):
    """Runs a load that is killed after a job, if it has so many; returns whether it was killed."""
    settings = {
        "OPENAI_ADMIN_KEY": DEMO_ADMIN_KEY,
        "OPENAI_BASE_URL": small_api.base_url,
        "DESTINATION__DUCKDB__CREDENTIALS": str(warehouse.path),
        "SOURCES__OPENAI_COSTS__START_DATE": str(days_ago(2)),
        "SOURCES__OPENAI_COSTS__REFETCH_DAYS": "1",
    }

    def load(killed_at):
        first = ("load_by_library", str(warehouse.folder / "pipelines"), killed_at, RESOURCES)
        variables = environment(**settings)
        load = forking.start(cwd=warehouse.folder, environment=variables, first=first)
        return was_killed(load)

    return load


def test_killed_load_is_aborted_if_its_working_directory_remains(
    is_killed, small_api, warehouse, caplog
):
    for killed_at in range(2, 40, 4):
        bill = [charge(f"{killed_at}.5", api_key_id=f"key_{n}") for n in range(killed_at)]
        small_api.overrides[days_ago(1)] = bill
        if not is_killed(killed_at):
            break
        pipeline_of(warehouse).run(source_of(small_api))
        assert "was interrupted: aborting it" in caplog.text
        caplog.clear()
        assert stored(warehouse) == (3, 3, 2, 2, sum(each.amount for each in bill))
    assert killed_at > 10


def test_load_that_another_process_still_runs_is_not_aborted(is_killed, small_api, warehouse):
    assert is_killed(2)
    pipeline = pipeline_of(warehouse)
    with Path(pipeline.working_dir, "openai_costs.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(OpenAICostsError, match="another process, which still runs"):
            source_of(small_api)
    assert pipeline.list_normalized_load_packages()
    pipeline.run(source_of(small_api))
    assert warehouse.value("select count(*) from openai_raw.cost_days") == 3


def stored(warehouse):
    """Return the numbers of ledger rows, days, project rows and ids, and yesterday's costs."""
    assert not warehouse.rows("""
        select date, row_count, row_amount from openai_raw.cost_days
        except select date, count(*), sum(amount) from openai_raw.costs group by date
    """)
    (found,) = warehouse.rows(f"""
        select
            (select count(*) from openai_raw.cost_days),
            (select count(distinct date) from openai_raw.cost_days),
            (select count(*) from openai_raw.projects),
            (select count(distinct id) from openai_raw.projects),
            (select sum(amount) from openai_raw.costs where date = '{days_ago(1)}')
    """)
    return found


def test_each_load_into_a_lake_is_kept_and_the_ledger_names_the_last(small_api, warehouse):
    lake = dlt.destinations.filesystem(str(warehouse.folder / "lake"))
    for _ in range(2):
        pipeline = pipeline_of(warehouse, lake)
        pipeline.run(source_of(small_api))
    with pipeline.sql_client() as client:
        counted = client.execute_sql("select count(*), count(distinct loaded_at) from costs")
        last = client.execute_sql("""
            select count(*) from costs
            join (select date, max(loaded_at) as loaded_at from cost_days group by date) as ledger
                using (date, loaded_at)
        """)
    assert counted[0][1] == 2
    assert last[0][0] * 2 == counted[0][0]


def test_sqlite_is_refused_before_anything_is_loaded(small_api, warehouse):
    sqlite = dlt.destinations.sqlalchemy(f"sqlite:///{warehouse.folder / 'costs.sqlite'}")
    for resource in RESOURCES[:2]:
        with pytest.raises(PipelineStepFailed) as failure:
            pipeline_of(warehouse, sqlite).run(source_of(small_api).with_resources(resource))
        assert "sqlalchemy, which SQLite and MySQL need, cannot replace days" in sentence_in(
            failure.value
        )
