"""Brian2 as two backends: at runtime (numpy or Cython code) and standalone (a C++ program).

One tick of Brian2's clock is one *stage* of the solver, and the tableau is data: all solvers share one generated code,
and none of Brian2's state updaters is involved. `unrolled` writes every term of a small network out; `synaptic` gives
every nonzero of a larger one a synapse.
"""
