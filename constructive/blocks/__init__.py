"""Building blocks: small networks with a stated error and a stated size, one gate in each file.

In reading order: what a gate is; steps and trapezoids; indicators and bumps of boxes; squares, products and
monomials; the Euclidean norm by folding; absolute value, clip, minimum and maximum.
"""

from constructive.blocks.absolute import absolute_gate
from constructive.blocks.bump import box_bump, support_volume
from constructive.blocks.clipping import clip_gate
from constructive.blocks.extrema import maximum_gate, minimum_gate
from constructive.blocks.folding import folding_norm_gate
from constructive.blocks.gate import Gate
from constructive.blocks.indicator import published_indicator
from constructive.blocks.monomial import monomial_gate
from constructive.blocks.polarization import polarization_gate
from constructive.blocks.product import product_gate
from constructive.blocks.square import square_gate
from constructive.blocks.step import saturated_step, step_gate
from constructive.blocks.trapezoid import trapezoid_gate

__all__ = [
    "Gate",
    "step_gate", "saturated_step", "trapezoid_gate",
    "published_indicator", "box_bump", "support_volume",
    "square_gate", "product_gate", "polarization_gate", "monomial_gate",
    "folding_norm_gate", "absolute_gate", "clip_gate", "minimum_gate", "maximum_gate",
]
