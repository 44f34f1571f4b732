"""Verification instances whose answers are known by theorem, in the layout of the verifiers' competition."""

from constructive.instances.families import suite
from constructive.instances.instance import Instance
from constructive.instances.writing import Written, write_instances

__all__ = ["write_instances", "suite", "Instance", "Written"]
