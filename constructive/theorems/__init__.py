"""Theorem records: each result as a statement with constants, a construction, and checks with planted errors.

In reading order: gates; bumps and how they pack; separation; memorization, its size, every recipe and its infinite
family; local polynomials, teachers on cells and their rate; linear over-parameterization; robust generalization, of
classes and of regression. Then networks near initialization: caps, steps, weights, coupling, training; infinitely
wide networks: how attacked training moves them; ridge regression: interpolators are long, what no ridge avoids or
reaches, and where a ridge heals; wide networks with one hidden layer under attack; random features, fitted under
attack and in the limit. Last the memorizers of the zoo: those of one projection, one datum after the other, grids, the
nearest neighbor.
"""

from constructive.theorems.adversarial_fit import FIT as ADVERSARIAL_FIT
from constructive.theorems.adversarial_fit import THRESHOLDS as FIT_THRESHOLDS
from constructive.theorems.approximation import THEOREM as LOCAL_POLYNOMIALS
from constructive.theorems.best_ridge import THEOREM as BEST_RIDGE
from constructive.theorems.between import THEOREM as BETWEEN
from constructive.theorems.caps import THEOREM as CAP_GEOMETRY
from constructive.theorems.cells import THEOREM as TAYLOR_CELLS
from constructive.theorems.copying import THEOREM as COPIES_THE_TEACHER
from constructive.theorems.coupling import COUPLING
from constructive.theorems.coupling import EXPECTED as EXPECTED_COUPLING
from constructive.theorems.degeneration import THEOREM as DEGENERATION
from constructive.theorems.drift import THEOREM as TRAINING_DRIFT
from constructive.theorems.existence import THEOREM as CLOSED_FORM_WEIGHTS
from constructive.theorems.expected_length import EXPECTED as EXPECTED_LENGTH
from constructive.theorems.expected_length import LIKELY as LIKELY_LENGTH
from constructive.theorems.extinction import THEOREM as EXTINCTION
from constructive.theorems.feature_limits import ENDS as TWO_INTERPOLANTS
from constructive.theorems.feature_limits import LIMIT as FEATURES_LIMIT
from constructive.theorems.feature_limits import SLOPES as LIMIT_SLOPES
from constructive.theorems.feature_width import CURE as KERNEL_LIMIT
from constructive.theorems.feature_width import CURSE as CURSE_OF_WIDTH
from constructive.theorems.folded_lookup import DOUBLES as LOOK_UP_IN_DOUBLES
from constructive.theorems.folded_lookup import FOLDED as FOLDED_LOOK_UP
from constructive.theorems.folded_lookup import PLATEAUS as LARGEST_RADIUS_ON_A_LINE
from constructive.theorems.folding import THEOREM as FOLDING_NORM
from constructive.theorems.forbidden_risks import THEOREM as FORBIDDEN_RISKS
from constructive.theorems.gap import THEOREM as REGRESSION_GAP
from constructive.theorems.gates import AGREEMENT_GATE, HERMITE_FEATURE
from constructive.theorems.generalization import RULE, UNAVOIDABLE
from constructive.theorems.harmless import THEOREM as HARMLESS
from constructive.theorems.healed import THEOREM as HEALED
from constructive.theorems.indicator import THEOREM as PUBLISHED_INDICATOR
from constructive.theorems.infinity import THEOREM as INFINITELY_MANY
from constructive.theorems.interpolator_length import EVERY as EVERY_INTERPOLATOR
from constructive.theorems.interpolator_length import SURE as SURE_LENGTH
from constructive.theorems.kernel_balls import THEOREM as KERNEL_BALLS
from constructive.theorems.kernel_slopes import THEOREM as KERNEL_SLOPES
from constructive.theorems.least_squares import THEOREM as LEAST_SQUARES
from constructive.theorems.memorization import INTERVALS, PATCHED, PUBLISHED, ROBUST
from constructive.theorems.near_network import THEOREM as NEAR_NETWORK
from constructive.theorems.nearest_neighbor import THEOREM as NEAREST_NEIGHBOR
from constructive.theorems.noise_free import THEOREM as NOISE_FREE
from constructive.theorems.optimality import THEOREM as OPTIMALITY
from constructive.theorems.overparameterization import LINEAR, SLIGHTLY
from constructive.theorems.packing import CROSS, PACKING, PAIR
from constructive.theorems.product import THEOREM as PRODUCT_GATE
from constructive.theorems.projection import CERTIFICATE as PROJECTION
from constructive.theorems.projection import RANK
from constructive.theorems.rate import THEOREM as RATE
from constructive.theorems.recipes import BALLS, EVERY, FACETS, MERGED, SIZES
from constructive.theorems.record import Claim, Theorem
from constructive.theorems.regression import THEOREM as REGRESSION_ERROR
from constructive.theorems.regret_ledger import THEOREM as REGRET_LEDGER
from constructive.theorems.ridge_ceilings import THEOREM as RIDGE_CEILINGS
from constructive.theorems.ridge_floors import THEOREM as RIDGE_FLOORS
from constructive.theorems.risk_product import EQUIVALENT as PRODUCT_IN_EQUIVALENTS
from constructive.theorems.risk_product import SPIKED as PRODUCT_FOR_SPIKED
from constructive.theorems.robust_risk import THEOREM as ROBUST_RISK
from constructive.theorems.separating import THEOREM as SEPARATION
from constructive.theorems.sequential_boxes import THEOREM as SEQUENTIAL_BOXES
from constructive.theorems.shifted_grids import THEOREM as SHIFTED_GRIDS
from constructive.theorems.size import THEOREM as SIZE
from constructive.theorems.sphere_steps import CLOSED_FORM as CHEBYSHEV_STEP
from constructive.theorems.sphere_steps import MAJORITY as BERNSTEIN_STEP
from constructive.theorems.square import THEOREM as SQUARE_GATE
from constructive.theorems.step import THEOREM as STEP_GATE
from constructive.theorems.step_norm import THEOREM as STEP_NORM
from constructive.theorems.tangent_gradient import THEOREM as INPUT_GRADIENT
from constructive.theorems.tangent_kernel import EIGENVALUE as TANGENT_KERNEL
from constructive.theorems.tangent_kernel import FIT as MINIMAL_NORM_FIT
from constructive.theorems.tangent_propagator import CLOSED_FORM as CLOSED_FORM_FLOW
from constructive.theorems.tangent_propagator import GRADIENT as PROPAGATOR_GRADIENT
from constructive.theorems.tangent_propagator import PROPAGATOR
from constructive.theorems.time_change import THEOREM as COMMON_ATTACK
from constructive.theorems.uniform_risk import THEOREM as UNIFORM_RISK
from constructive.theorems.wide_ridge import THEOREM as WIDE_RIDGE

ALL: tuple[Theorem, ...] = (
    STEP_GATE, SQUARE_GATE, PRODUCT_GATE, PUBLISHED_INDICATOR, PACKING, CROSS, PAIR, SEPARATION, ROBUST, INTERVALS,
    PUBLISHED, PATCHED, SIZE, EVERY, SIZES, FACETS, MERGED, FOLDING_NORM, BALLS,
    PROJECTION, RANK, COPIES_THE_TEACHER, BETWEEN, INFINITELY_MANY, LOCAL_POLYNOMIALS, TAYLOR_CELLS, LEAST_SQUARES,
    RATE, LINEAR, SLIGHTLY, RULE, ROBUST_RISK, UNAVOIDABLE, OPTIMALITY, HARMLESS, UNIFORM_RISK,
    REGRESSION_ERROR, REGRESSION_GAP,
    CAP_GEOMETRY, CHEBYSHEV_STEP, BERNSTEIN_STEP, STEP_NORM, AGREEMENT_GATE, HERMITE_FEATURE, CLOSED_FORM_WEIGHTS,
    NEAR_NETWORK, COUPLING, EXPECTED_COUPLING, REGRET_LEDGER, TRAINING_DRIFT,
    TANGENT_KERNEL, MINIMAL_NORM_FIT,
    INPUT_GRADIENT, PROPAGATOR, PROPAGATOR_GRADIENT, CLOSED_FORM_FLOW, COMMON_ATTACK, DEGENERATION, EXTINCTION,
    KERNEL_BALLS,
    SURE_LENGTH, EVERY_INTERPOLATOR, EXPECTED_LENGTH, LIKELY_LENGTH, NOISE_FREE, RIDGE_FLOORS, RIDGE_CEILINGS,
    FORBIDDEN_RISKS, PRODUCT_IN_EQUIVALENTS, PRODUCT_FOR_SPIKED, BEST_RIDGE, HEALED,
    KERNEL_SLOPES, WIDE_RIDGE,
    ADVERSARIAL_FIT, FIT_THRESHOLDS, FEATURES_LIMIT, LIMIT_SLOPES, TWO_INTERPOLANTS, CURSE_OF_WIDTH, KERNEL_LIMIT,
    LARGEST_RADIUS_ON_A_LINE, FOLDED_LOOK_UP, LOOK_UP_IN_DOUBLES, SEQUENTIAL_BOXES, SHIFTED_GRIDS, NEAREST_NEIGHBOR,
)


def find(name: str) -> Theorem:
    """Return the record of that name; spaces and underscores count as hyphens. ValueError lists the names."""
    wanted = name.strip().lower().replace(" ", "-").replace("_", "-")
    for record in ALL:
        if record.name == wanted:
            return record
    raise ValueError(f"theorems: no record {name!r}; choose from {', '.join(record.name for record in ALL)}")


__all__ = ["ALL", "find", "Claim", "Theorem"]
