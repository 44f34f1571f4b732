"""Gates: how bumps and a teacher become one output, as weights and as a formula. One gate a file."""

from constructive.students.gates import additive, argmax, cap, classes, envelopes, height, product
from constructive.students.gates.setting import Hits, Setting
from constructive.students.layout import Part

__all__ = ["Hits", "Setting", "evaluate", "gate_parts"]


def _gate(setting: Setting):  # type: ignore[no-untyped-def]  # returns one of the modules above
    if setting.labels.outputs > 1 and setting.gate in ("clip", "additive"):
        return classes
    return {"clip": envelopes, "additive": additive, "argmax": argmax, "cap": cap, "height": height,
            "product": product}[setting.gate]


def gate_parts(setting: Setting) -> list[Part]:
    """Return all maps of the student, first layer first, each with its size by formula."""
    parts: list[Part] = _gate(setting).parts(setting)
    return parts


def evaluate(setting: Setting, taught, hits: Hits):  # type: ignore[no-untyped-def]  # arrays in, array out
    """Return the scores (n, m) from the teacher's scores (n, m) and the bumps positive at each point."""
    return _gate(setting).evaluate(setting, taught, hits)
