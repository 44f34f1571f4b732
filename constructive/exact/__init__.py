"""Networks in integers: exact at any length of number, for memorizers that doubles cannot hold.

In reading order: the integer network and its calculus; the bridge from and to networks in doubles.
"""

from constructive.exact.bridge import from_network, to_network
from constructive.exact.network import IntegerLayer, IntegerNetwork, IntegerSize, over_common_denominator, together

__all__ = ["IntegerLayer", "IntegerNetwork", "IntegerSize", "over_common_denominator", "together",
           "from_network", "to_network"]
