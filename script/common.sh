# shellcheck shell=bash
# For the scripts beside it: where the project is, and how it is built.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# install_missing OPTION...: script/bootstrap; on a system without apt, CMake says what it does not find.
install_missing() {
  local status=0
  "$root/script/bootstrap" "$@" || status=$?
  ((status == 0 || status == 3)) || exit "$status"
}

# configure_preset PRESET [OPTION...]: configures build/PRESET; options stay for later calls.
# LASSO_BENCHMARKS=OFF in the environment leaves out the benchmarks, which no test needs; LASSO_PCH=ON reads headers once.
configure_preset() {
  local preset=$1 log
  shift
  [[ -z ${LASSO_BENCHMARKS:-} ]] || set -- "$@" -DLASSO_BUILD_BENCHMARKS="$LASSO_BENCHMARKS"
  [[ -z ${LASSO_PCH:-} ]] || set -- "$@" -DLASSO_PCH="$LASSO_PCH"
  if command -v ccache >/dev/null; then
    export CMAKE_C_COMPILER_LAUNCHER=ccache CMAKE_CXX_COMPILER_LAUNCHER=ccache
    # What ccache asks for where headers are precompiled; no source has the time in it.
    export CCACHE_SLOPPINESS=pch_defines,time_macros
  fi
  mkdir -p "$root/build/$preset"
  log=$root/build/$preset/configure.log
  if ! (cd "$root" && cmake --preset "$preset" "$@") >"$log" 2>&1; then
    cat "$log" >&2
    echo "Configuring build/$preset failed; the reason is above." >&2
    exit 1
  fi
}

# build_preset PRESET [TARGET...]: builds in build/PRESET; says nothing when there is nothing to do.
build_preset() {
  local preset=$1 target started
  shift
  local arguments=()
  for target in "$@"; do arguments+=(--target "$target"); done
  # Memory: a compiler may take 1 GB.
  local jobs memory
  jobs=$(nproc)
  memory=$(awk '/^MemAvailable:/ { print int($2 / 1048576) }' /proc/meminfo)
  if ((jobs > memory && memory > 0)); then jobs=$memory; fi
  if [[ -z $(cd "$root/build/$preset" && ninja -n "$@" 2>/dev/null | grep '^\[' || true) ]]; then
    return 0
  fi
  echo "Building in build/$preset with $jobs jobs ..."
  started=$SECONDS
  if [[ -t 1 ]]; then
    cmake --build "$root/build/$preset" --parallel "$jobs" "${arguments[@]}"
  else
    # One line per file is no help in a log, but errors are.
    local log=$root/build/$preset/build.log
    if ! cmake --build "$root/build/$preset" --parallel "$jobs" "${arguments[@]}" >"$log" 2>&1; then
      grep -v '^\[[0-9]*/[0-9]*\] \(Building\|Linking\)' "$log" >&2
      exit 1
    fi
    grep -E 'warning:' "$log" >&2 || true
  fi
  echo "Built in $((SECONDS - started)) s."
}

# own_archive: the archive from which this machine's own release comes; other suites lie beside it.
own_archive() {
  local own
  # shellcheck disable=SC1091
  own=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  # shellcheck disable=SC2016  # apt-get expands them
  apt-get indextargets --no-release-info --format '$(RELEASE) $(SITE)' 'Created-By: Packages' |
    awk -v own="$own" '$1 == own { print $2; exit }'
}
