"""All builders by name: each is one function from parameters to a LurieNetwork, its equation on top.

To add one: write the function in a module of ``families/``, name it here, and give it a file in ``circuits/``.
"""

from __future__ import annotations

from collections.abc import Callable

from neurolurie.network.families.competition import decision, flip_flop, winner_take_all
from neurolurie.network.families.hopfield import hopfield
from neurolurie.network.families.integrators import leaky_integrator, line_attractor, low_pass
from neurolurie.network.families.manifold import slow_manifold
from neurolurie.network.families.populations import firing_rate, wilson_cowan
from neurolurie.network.families.recurrent import antisymmetric_rnn, cornn, lipschitz_rnn, svd_combo
from neurolurie.network.families.rhythm import half_centre
from neurolurie.network.families.ring import ring_attractor
from neurolurie.network.families.written import matrices
from neurolurie.network.lurie import LurieNetwork

BUILDERS: dict[str, Callable[..., LurieNetwork]] = {
    "hopfield": hopfield, "slow-manifold": slow_manifold, "matrices": matrices, "ring-attractor": ring_attractor,
    "line-attractor": line_attractor,
    "leaky-integrator": leaky_integrator, "low-pass": low_pass, "decision": decision,
    "winner-take-all": winner_take_all, "flip-flop": flip_flop, "firing-rate": firing_rate,
    "wilson-cowan": wilson_cowan, "half-centre": half_centre,
    "lipschitz-rnn": lipschitz_rnn, "antisymmetric-rnn": antisymmetric_rnn, "svd-combo": svd_combo, "cornn": cornn,
}  # fmt: skip
