"""Ridge regression and interpolation under attack: exact moments, deterministic equivalents, bounds, trade-offs.

The penalty of a ridge is n times lambda throughout: theta = (X^T X + n lambda I)^-1 X^T y. In reading order: spectra
and the effective ridge; adversarial risk in closed form and the best any linear predictor does; moments, asymptotic for
a spectrum, exact for a design; paths of ridges on data of one's own, and a fitted model as it is; designs to try things
on; bounds on the norm, on the moments from below and from above; what no ridge reaches, and where it reaches
everything; the same for wide networks with one hidden layer.
"""

from constructive.ridge.analysis import RidgeAnalysis, analyze_ridge
from constructive.ridge.coordinate_bounds import MomentFloors, moment_floors
from constructive.ridge.effective import effective_bracket, effective_ridge, effective_ridges
from constructive.ridge.equivalents import RidgeMoments, deterministic_equivalent, least_squares_moments
from constructive.ridge.frontier import (
    ForbiddenRegion,
    SpikedTradeOff,
    asymptotic_forbidden_region,
    forbidden_region,
    product_floor,
    spiked_trade_off,
)
from constructive.ridge.healing import Healing, heal
from constructive.ridge.kernel_ridge import KernelMoments, KernelRidge, fit_kernel_ridge, kernel_moments
from constructive.ridge.kernel_risk import KernelRisks, kernel_risks
from constructive.ridge.linear import attacked_errors, linear_network
from constructive.ridge.linear_equivalent import KernelEquivalent, kernel_equivalent, linear_ridges
from constructive.ridge.moments import ConditionalMoments, conditional_moments
from constructive.ridge.monotonicity import BestRidges, best_ridges
from constructive.ridge.norm_bounds import (
    expected_trace,
    expected_trace_floors,
    interpolator_floor,
    likely_trace_floors,
    trace_floors,
    vulnerability_floor,
)
from constructive.ridge.optimum import RobustOptimum, robust_optimum
from constructive.ridge.path import RidgePath, ridge_path
from constructive.ridge.pathwise_bounds import MomentCeilings, likely_ceilings, pathwise_ceilings
from constructive.ridge.risk import adversarial_bounds, adversarial_risk, dual_norm
from constructive.ridge.sampling import SpikedDesign, draw_design, draw_labels, draw_spiked_design, explicit
from constructive.ridge.spectra import (
    Spectrum,
    benign_index,
    effective_ranks,
    isotropic,
    logarithmic,
    power_law,
    spiked,
)

__all__ = [
    "Spectrum", "spiked", "isotropic", "power_law", "logarithmic", "effective_ranks", "benign_index",
    "effective_ridge", "effective_ridges", "effective_bracket",
    "adversarial_risk", "adversarial_bounds", "dual_norm", "RobustOptimum", "robust_optimum",
    "RidgeMoments", "deterministic_equivalent", "least_squares_moments",
    "ConditionalMoments", "conditional_moments",
    "RidgePath", "ridge_path", "RidgeAnalysis", "analyze_ridge", "linear_network", "attacked_errors",
    "draw_design", "draw_labels", "explicit", "SpikedDesign", "draw_spiked_design",
    "trace_floors", "likely_trace_floors", "expected_trace_floors", "expected_trace", "interpolator_floor",
    "vulnerability_floor",
    "MomentFloors", "moment_floors", "MomentCeilings", "pathwise_ceilings", "likely_ceilings",
    "ForbiddenRegion", "forbidden_region", "asymptotic_forbidden_region", "product_floor",
    "SpikedTradeOff", "spiked_trade_off", "BestRidges", "best_ridges", "Healing", "heal",
    "KernelRidge", "fit_kernel_ridge", "KernelMoments", "kernel_moments", "KernelRisks", "kernel_risks",
    "KernelEquivalent", "kernel_equivalent", "linear_ridges",
]
