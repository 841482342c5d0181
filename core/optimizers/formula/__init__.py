"""Formulas: optimizers of a dozen named numbers, built from known mechanisms that can be switched on and off."""

from core.optimizers.formula.formula import Coefficients, Formula, coefficients
from core.optimizers.formula.members import as_formula
from core.optimizers.formula.structure import FOUR, MECHANISMS, PARAMETERS, Parameter, Structure

__all__ = [
    "FOUR",
    "MECHANISMS",
    "PARAMETERS",
    "Coefficients",
    "Formula",
    "Parameter",
    "Structure",
    "as_formula",
    "coefficients",
]
