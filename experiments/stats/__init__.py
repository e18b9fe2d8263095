"""Statistics of experiments: pure numpy and scipy, one family a file, all of them reading `Moments` only.

Import the modules (`from experiments.stats import means`), so that a call site says where a name comes from.
"""
