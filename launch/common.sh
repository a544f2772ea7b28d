#!/usr/bin/env bash
# What the scripts of this folder share; sourced, not started.
set -euo pipefail

# The checkout, from wherever a script is started.
checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Networks that lead nowhere but into containers and virtual machines.
never=lo,docker0,virbr0,podman0,lxcbr0,cni0

# say TEXT: one line for a person, apart from the output of programs.
say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }

# die STATUS TEXT: the reason and the end.
die() {
  local status=$1
  shift
  say "$*"
  exit "$status"
}

# await PID: waits for a child to end, whatever signals come meanwhile, and sets `code` to its exit status.
await() {
  # A signal ends `wait` early, with a status that is the signal's.
  while kill -0 "$1" 2>/dev/null; do wait "$1" || true; done
  code=0
  wait "$1" || code=$?
}

# usage: the header of the script that is running, from "Usage:" on.
usage() { awk '/^# Usage:/ { on = 1 } on && !/^#/ { exit } on { sub(/^# ?/, ""); print }' "$0"; }

# Swift on PATH, or where the packages of swift.org are usually unpacked.
find_swift() {
  local folder
  command -v swift >/dev/null 2>&1 && return 0
  for folder in /opt/swift/usr/bin /usr/local/swift/usr/bin "$HOME/.local/share/swiftly/bin"; do
    if [ -x "$folder/swift" ]; then
      export PATH="$folder:$PATH"
      return 0
    fi
  done
  return 1
}

# Every rank is a core by default: libraries must not start threads of their own, and some do so
# as soon as they are loaded.
export OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1
# A waiting rank gives its core to its helper threads and to its neighbours. Two hosts that send to each
# other at once would take turns under the protocol Open MPI prefers: it halved their rate.
export OMPI_MCA_mpi_yield_when_idle=${OMPI_MCA_mpi_yield_when_idle-1}
export OMPI_MCA_btl_tcp_flags=${OMPI_MCA_btl_tcp_flags-send,inplace}
# A host that falls off the network ends the job after a minute and a half; Open MPI's own settings
# would take eight.
export OMPI_MCA_oob_tcp_keepalive_time=${OMPI_MCA_oob_tcp_keepalive_time-30}
export OMPI_MCA_oob_tcp_keepalive_intvl=${OMPI_MCA_oob_tcp_keepalive_intvl-10}
export OMPI_MCA_oob_tcp_keepalive_probes=${OMPI_MCA_oob_tcp_keepalive_probes-6}
if [ "$(id -u)" -eq 0 ]; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi

# build ARGUMENT...: an optimised build in the checkout; its output goes to standard error.
build() { (cd "$checkout" && swift build -c release "$@") >&2 </dev/null; }

# find_peers: sets `peers` to a virtual environment with the CPU builds of PyTorch and JAX, made on the first call.
find_peers() {
  peers=${AIMASS_PEERS-$HOME/.cache/aimass/peers}
  "$peers/bin/python" -c 'import torch, jax, h5py, safetensors' 2>/dev/null && return
  say "installing PyTorch and JAX into $peers"
  python3 -m venv "$peers" && "$peers/bin/pip" install -q 'torch==2.13.0+cpu' 'jax==0.10.2' numpy h5py safetensors >&2 ||
    "$peers/bin/pip" install -q torch jax numpy h5py safetensors >&2 || die 69 "PyTorch and JAX cannot be installed into $peers"
}

# show WORD...: a command as a person would type it.
show() {
  local word text=""
  for word in "$@"; do
    [[ $word =~ ^[A-Za-z0-9_./:=,@%+-]+$ ]] || word=${word@Q}
    text+=" $word"
  done
  echo "${text# }"
}

# find_program: sets `program` to what a package holds, or to what is built in the checkout.
find_program() {
  program=$checkout/bin/aimass
  [ -x "$program" ] || program=$checkout/.build/release/aimass
  [ -x "$program" ] || die 66 "$program is missing; build it with: swift build -c release"
}

# pass_variables: sets `passed` to the options of mpirun by which every rank, on whatever host, gets
# the variables that matter to the program and are set here. Open MPI passes its own on by itself.
pass_variables() {
  local name
  passed=()
  for name in $(compgen -e); do
    case $name in
      AIMASS_* | OPENBLAS_* | OMP_* | HDF5_* | SWIFT_* | PATH | LD_LIBRARY_PATH) passed+=(-x "$name") ;;
    esac
  done
}
