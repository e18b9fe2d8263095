#!/bin/sh
# Rewrites the three lock files from requirements/*.in. Needs uv (pip install uv); run it by hand, then read the diff.
# CUDA packages are left out on purpose: torch's own metadata pins them exactly, and naming them here would make a
# machine whose torch is the CPU build download gigabytes (docs/adr/0004).
set -eu
cd "$(dirname "$0")/.."
compile() {
    uv pip compile -q --universal --python-version 3.11 --no-annotate --no-header "$@" |
        grep -v -E '^(nvidia-|cuda-|triton)'
}
compile requirements/web.in >requirements-web.txt
compile -c requirements-web.txt requirements/all.in >requirements.txt
compile -c requirements.txt requirements/dev.in >requirements-dev.txt
compile requirements/peers.in >requirements-peers.txt
wc -l requirements*.txt
