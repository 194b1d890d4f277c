"""Families of parametric circuits, one module for one idea; `neurolurie.network.builders` names them all."""
