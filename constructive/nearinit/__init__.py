"""Two-layer ReLU networks near their random initialization: explicit weights, their limits, and training.

In reading order: spherical caps; units at initialization and the two networks near them; step functions of inner
products; weights by formulas, and by a convex program; how far a network is from its linearization; attacks and
certificates on caps; adversarial training and the ledger that balances on every run.
"""

from constructive.nearinit.atoms import AtomicStep, atomic_step
from constructive.nearinit.attacks import Deviation, climb, robust_deviation
from constructive.nearinit.bernstein import BernsteinStep, bernstein_step
from constructive.nearinit.bracketing import deviation_bracket
from constructive.nearinit.cap_forms import CapRange
from constructive.nearinit.caps_bound import cap_range, rounding_bound
from constructive.nearinit.circle import ArcRange, circle_range
from constructive.nearinit.closed_form import (
    bounded_frobenius,
    bounded_largest,
    bounded_weights,
    hermite_frobenius,
    hermite_weights,
)
from constructive.nearinit.coupling import (
    Coupling,
    expected_coupling,
    expected_uniform_coupling,
    measure_coupling,
    narrow_share,
    narrow_share_bound,
    uniform_coupling,
)
from constructive.nearinit.dolph import ChebyshevStep, certified_degree, chebyshev_step, stated_degree
from constructive.nearinit.existence import Prediction, existence_width, log_patterns, predict_existence
from constructive.nearinit.fitting import (
    DualFit,
    FitRound,
    RobustFit,
    TooNarrowError,
    fit_anchors,
    fit_dual,
    robust_fit,
    swift_attack,
)
from constructive.nearinit.gated import GatedSum
from constructive.nearinit.gates_bound import gated_range
from constructive.nearinit.geometry import Caps, caps, chordal_angles, lifted, separated_sphere
from constructive.nearinit.goal import Difference, RobustTarget, on_slice, robust_target
from constructive.nearinit.hermite import agreement_gate, hermite_functions, hermite_gates, truncation_norms
from constructive.nearinit.kernel import (
    chernoff_width,
    eigenvalue_bound,
    empirical_kernel,
    gram_eigenvalue_bound,
    open_gates,
    simple_eigenvalue_bound,
    tangent_kernel,
)
from constructive.nearinit.ledger import Ledger, regret_ledger
from constructive.nearinit.measured import existence_report
from constructive.nearinit.minimal import MinimalStep, minimal_step
from constructive.nearinit.norms import RationalStep, least_norm, rational_step, step_bound, weight_bound
from constructive.nearinit.promise import TrainingPromise, largest_share, training_promise
from constructive.nearinit.series import agreement, feature_norms
from constructive.nearinit.step import Step, StepTask, measured_errors, separated_task, step_task
from constructive.nearinit.training import TrainingRun, adversarial_training, huber_loss, huber_slope
from constructive.nearinit.units import (
    NearNetwork,
    PseudoNetwork,
    Scale,
    Units,
    balanced_scale,
    draw_units,
    paper_scale,
    tangent_scale,
    unit_scale,
)
from constructive.nearinit.width import WidthSearch, width_needed

__all__ = [
    # the sphere and its caps
    "Caps", "caps", "chordal_angles", "lifted", "separated_sphere",
    # units at initialization, and the two networks near them
    "Units", "draw_units", "Scale", "paper_scale", "balanced_scale", "tangent_scale", "unit_scale",
    "PseudoNetwork", "NearNetwork", "GatedSum",
    # steps on the sphere, and what they cost
    "Step", "StepTask", "step_task", "separated_task", "measured_errors", "AtomicStep", "atomic_step",
    "ChebyshevStep", "chebyshev_step", "stated_degree", "certified_degree", "BernsteinStep", "bernstein_step",
    "MinimalStep", "minimal_step", "RationalStep", "rational_step", "least_norm", "step_bound", "weight_bound",
    "agreement", "feature_norms", "agreement_gate", "hermite_functions", "hermite_gates", "truncation_norms",
    # weights by formulas, and what is known of them before any draw
    "bounded_weights", "bounded_frobenius", "bounded_largest", "hermite_weights", "hermite_frobenius",
    "RobustTarget", "robust_target", "Difference", "on_slice",
    "Prediction", "predict_existence", "existence_width", "log_patterns", "existence_report",
    # weights by a convex program
    "DualFit", "FitRound", "RobustFit", "TooNarrowError", "fit_dual", "fit_anchors", "robust_fit", "swift_attack",
    "WidthSearch", "width_needed",
    "tangent_kernel", "empirical_kernel", "open_gates", "eigenvalue_bound", "gram_eigenvalue_bound",
    "simple_eigenvalue_bound", "chernoff_width",
    # how far a network is from its linearization
    "Coupling", "measure_coupling", "expected_coupling", "narrow_share", "narrow_share_bound", "uniform_coupling",
    "expected_uniform_coupling",
    # caps from both sides
    "Deviation", "climb", "robust_deviation", "ArcRange", "circle_range",
    "CapRange", "cap_range", "rounding_bound", "gated_range", "deviation_bracket",
    # training
    "TrainingRun", "adversarial_training", "huber_loss", "huber_slope", "Ledger", "regret_ledger",
    "TrainingPromise", "largest_share", "training_promise",
]
