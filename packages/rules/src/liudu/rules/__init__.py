"""Policies as data, over a whole city at once.

A pack (`read_pack`) is compiled for a day (`compile_pack`) and computed over a table of facts
(`read_table`, `row_of`):

- `run` says of everybody what each rule says; `near_amounts` what a missing step would bring.
- `settle` says what is paid after groups and limits; of several packs, `settle_together`.
- `explain` says it of one subject, with the reasons; of several packs, `explain_together`.
- `run_city` and `run_together` count over chunks, more than fit in memory.
- `what_if` and `compare` say what another parameter or another version changes.
- `effects_of` says which facts a payment changes.
- `check_pack`, `check_versions`, `check_together` and `run_examples` look at the packs alone.

Every refusal is a `liudu.contract.Refusal` with a sentence in Chinese and in English. See
docs/reference/rule-packs.md for the language, `liudu.rules.sql` for the same in a database.
"""

from liudu.rules._bitmap import Planes
from liudu.rules._check import check_pack, check_versions
from liudu.rules._check_together import check_together
from liudu.rules._city import CityCount, run_city, run_together
from liudu.rules._compare import Comparison, GroupChange, RuleChange, compare, what_if
from liudu.rules._core import Rounding
from liudu.rules._determination import (
    AtomState,
    Determination,
    Fellow,
    Status,
    Step,
    UsedFact,
)
from liudu.rules._evaluate import add_months, months_between
from liudu.rules._examples import Outcome, run_examples
from liudu.rules._explain import determination_id, explain, explain_together
from liudu.rules._fact import Fact, Words, money_text
from liudu.rules._finding import Finding, Severity
from liudu.rules._intake import read_chunks, read_table
from liudu.rules._kind import Kind, Type, day_number, day_of
from liudu.rules._lower import Setting
from liudu.rules._near import NearAmounts, near_amounts
from liudu.rules._pack import (
    Atom,
    Budget,
    Document,
    Effect,
    Example,
    Group,
    How,
    OtherRule,
    Pack,
    PackRefusedError,
    Parameter,
    Period,
    Provenance,
    Rule,
    Stacking,
)
from liudu.rules._payment import PaymentEffect, effects_of
from liudu.rules._program import EffectTest, Program, RuleTest, compile_pack, version_on
from liudu.rules._reader import read_pack
from liudu.rules._run import RuleCount, RuleRun, Run, run
from liudu.rules._settle import (
    BudgetUse,
    JointSettlement,
    OtherDayError,
    OtherSubjectsError,
    Payable,
    Settlement,
    settle,
    settle_together,
)
from liudu.rules._source import PackError, Place
from liudu.rules._table import Column, FactTable, encoded_row, row_of
from liudu.rules._together import (
    JointGroup,
    OrderContradictionError,
    PackTwiceError,
    StackContradictionError,
    joint_groups,
)

__all__ = [
    "Atom",
    "AtomState",
    "Budget",
    "BudgetUse",
    "CityCount",
    "Column",
    "Comparison",
    "Determination",
    "Document",
    "Effect",
    "EffectTest",
    "Example",
    "Fact",
    "FactTable",
    "Fellow",
    "Finding",
    "Group",
    "GroupChange",
    "How",
    "JointGroup",
    "JointSettlement",
    "Kind",
    "NearAmounts",
    "OrderContradictionError",
    "OtherDayError",
    "OtherRule",
    "OtherSubjectsError",
    "Outcome",
    "Pack",
    "PackError",
    "PackRefusedError",
    "PackTwiceError",
    "Parameter",
    "Payable",
    "PaymentEffect",
    "Period",
    "Place",
    "Planes",
    "Program",
    "Provenance",
    "Rounding",
    "Rule",
    "RuleChange",
    "RuleCount",
    "RuleRun",
    "RuleTest",
    "Run",
    "Setting",
    "Settlement",
    "Severity",
    "StackContradictionError",
    "Stacking",
    "Status",
    "Step",
    "Type",
    "UsedFact",
    "Words",
    "add_months",
    "check_pack",
    "check_together",
    "check_versions",
    "compare",
    "compile_pack",
    "day_number",
    "day_of",
    "determination_id",
    "effects_of",
    "encoded_row",
    "explain",
    "explain_together",
    "joint_groups",
    "money_text",
    "months_between",
    "near_amounts",
    "read_chunks",
    "read_pack",
    "read_table",
    "row_of",
    "run",
    "run_city",
    "run_examples",
    "run_together",
    "settle",
    "settle_together",
    "version_on",
    "what_if",
]
