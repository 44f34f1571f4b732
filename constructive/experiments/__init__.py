"""Experiments as functions that return tables: parameters counted, rates measured, hypotheses looked at.

Each is parallel over its draws through joblib, resumable from a folder, and repeatable from one seed; the results
do not depend on the number of workers.
"""

from constructive.experiments.cases import RateCase, chebyshev_mean, rate_case
from constructive.experiments.convergence import rates
from constructive.experiments.counting import ledger
from constructive.experiments.price import PriceRow, price_of_parameters, price_table
from constructive.experiments.radii import admissible_radius
from constructive.experiments.random_features import FeatureRow, agreement_checks, feature_table, simulate_features
from constructive.experiments.risks import RiskCase, RiskRow, risk_table, robust_risks, sweep
from constructive.experiments.running import run_cells
from constructive.experiments.slopes import Slope, fit_slope
from constructive.experiments.steepness import student_lipschitz

__all__ = ["ledger", "rates", "admissible_radius", "RateCase", "rate_case", "chebyshev_mean", "run_cells", "Slope",
           "fit_slope", "RiskCase", "RiskRow", "robust_risks", "sweep", "risk_table", "PriceRow", "price_of_parameters",
           "price_table", "student_lipschitz", "FeatureRow", "simulate_features", "feature_table", "agreement_checks"]
