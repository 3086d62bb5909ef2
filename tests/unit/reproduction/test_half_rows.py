"""Half the budget of published rows: every committed table has it, and it is asked for where one trains."""

import pytest

from unroll.config.half import half_of
from unroll.errors import UserError
from unroll.reproduction.plan import plan_table
from unroll.reproduction.published import CPU, read_table, table_names
from unroll.reproduction.run import run_reproduction, shared_composer


@pytest.mark.parametrize("name", table_names())
def test_every_committed_tables_networks_have_their_half(name: str) -> None:
    table, make = read_table(name), shared_composer(None).trial
    for budget in table.budgets or (CPU,):
        found = plan_table(table, {}.get, (), None, budget, make)
        networks = [item.trial for item in found.comparing if not item.trial.is_baseline]
        wanted = [half.trial_id for trial in networks if (half := half_of(trial.plain)) is not None]
        assert [item.trial.trial_id for item in found.halves(make)] == wanted
        assert len(wanted) == len(networks)


def test_half_is_trained_and_not_judged() -> None:
    with pytest.raises(UserError, match="Where nothing is trained, no half is") as error:
        run_reproduction(["ltsf_linear_etth"], train=False, half=True)
    assert error.value.saw == "--half --judge"
