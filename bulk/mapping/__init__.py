"""Source columns to a step's fields: evaluate, convert, validate, encode."""

from bulk.mapping.compile import compile_step
from bulk.mapping.expression import check_expression, check_form, column_names
from bulk.mapping.identifiers import Identifier, fits, identifiers, names_people
from bulk.mapping.problem import Problem
from bulk.mapping.rules import CompiledRules, Rules, compile_rules, dtype_of, naming_field
from bulk.mapping.step import StepMapping

__all__ = [
    "CompiledRules",
    "Identifier",
    "Problem",
    "Rules",
    "StepMapping",
    "check_expression",
    "check_form",
    "column_names",
    "compile_rules",
    "compile_step",
    "dtype_of",
    "fits",
    "identifiers",
    "names_people",
    "naming_field",
]
