"""The growthbook package's half of bench_assignment.py, run by the peers' Python: prints JSON."""

from __future__ import annotations

import json
import platform
import sys
from importlib.metadata import version
from time import process_time

from growthbook import Experiment, GrowthBook


def main() -> None:
    """Time `run` of one reused instance over many units, and say which arm each got."""
    count = int(sys.argv[1])
    client = GrowthBook(attributes={"id": ""})
    test = Experiment(
        key="checkout",
        variations=["a", "b", "c"],
        weights=[0.2, 0.3, 0.5],
        coverage=0.9,
        hashVersion=2,
        seed="checkout",
    )
    units = [f"shopper-{number}" for number in range(count)]
    arms = []
    begun = process_time()
    for unit in units:
        client.set_attributes({"id": unit})
        arms.append(client.run(test))
    seconds = process_time() - begun
    found = [result.variationId if result.inExperiment else -1 for result in arms]
    print(
        json.dumps(
            {
                "seconds": seconds,
                "arms": found,
                "version": f"growthbook {version('growthbook')}, Python {platform.python_version()}",
            }
        )
    )


if __name__ == "__main__":
    main()
