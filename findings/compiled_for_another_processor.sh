#!/usr/bin/env bash
# torch.compile: code that was compiled for one vector width is taken from the cache for
# another, and half of the numbers are wrong. No error, no warning.
#
# Version: torch 2.15.0 (PyPI), Python 3.11, Linux x86-64. Needs: a processor with AVX-512,
#   g++, 8 GB of disk; some minutes.
# What one expects: the cache of TorchInductor (TORCHINDUCTOR_CACHE_DIR, or
#   /tmp/torchinductor_USER) is keyed by all that the generated code depends on.
# What happens: the generated C++ holds the vector width of the machine that made it (16
#   floats), while the compiler's flags come from the machine that uses it (8 floats a
#   vector), and the cache takes one for the other. Every second block of 8 is never written.
# For whom it matters: who keeps that folder where machines of different processors see
#   it (a home directory on a hub's nodes), or sets ATEN_CPU_CAPABILITY, as here.
#
# Output seen:
#   AVX512 wrong: 0 of 64
#   AVX2 wrong: 32 of 64
#   AVX2 wrong: 0 of 64       (with an empty cache)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
grep -q avx512f /proc/cpuinfo || { echo "this processor has no AVX-512" >&2; exit 2; }
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install torch==2.15.0 numpy==2.4.6
cat >"$folder/double.py" <<'PY'
import torch

x = torch.arange(64.0)
compiled = torch.compile(lambda x: 2 * x + 1)(x)
wrong = int((compiled != 2 * x + 1).sum())
print(torch.backends.cpu.get_cpu_capability(), "wrong:", wrong, "of 64")
PY
run() { "$folder/venv/bin/python" "$folder/double.py" 2>/dev/null; }
export TORCHINDUCTOR_CACHE_DIR=$folder/cache
one=$(run)
two=$(ATEN_CPU_CAPABILITY=avx2 run)
rm -r "$folder/cache"
three=$(ATEN_CPU_CAPABILITY=avx2 run)
printf '%s\n' "$one" "$two" "$three"
[ "$one" = "AVX512 wrong: 0 of 64" ] && [ "$two" = "AVX2 wrong: 32 of 64" ] \
  && [ "$three" = "AVX2 wrong: 0 of 64" ]
