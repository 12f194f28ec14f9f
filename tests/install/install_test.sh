#!/usr/bin/env bash
# Installs into an empty folder, moves it, and uses what is there as somebody else's project would.
#   install_test.sh BUILD_DIR C++_COMPILER GENERATOR
set -euo pipefail

build=$1
compiler=$2
generator=$3
source_dir=$(cd "$(dirname "$0")/../.." && pwd)
model=$source_dir/tests/data/sam_micro/checkpoint.pth
image=$source_dir/tests/data/sam_micro/image0.png
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  echo "install_test: $*" >&2
  exit 1
}
step() { echo "install_test: $*"; }

step "install"
cmake --install "$build" --prefix "$work/staged" >"$work/install.log"
mv "$work/staged" "$work/prefix"  # nothing may depend on where it was installed to
prefix=$work/prefix
library=$(find "$prefix" -name 'liblasso.so')
[[ -n $library ]] || fail "no liblasso.so: $(cat "$work/install.log")"
library_dir=$(dirname "$library")

step "files"
# The public headers, and nothing else beneath include/.
(cd "$source_dir/include" && find lasso -name '*.h'; echo lasso/version.h) | sort >"$work/headers"
(cd "$prefix/include" && find . -type f -printf '%P\n') | sort | diff "$work/headers" - ||
  fail "the installed headers differ from include/lasso"
for file in bin/lasso "${library_dir#"$prefix"/}/cmake/lasso/lassoConfig.cmake" \
  "${library_dir#"$prefix"/}/cmake/lasso/lassoConfigVersion.cmake"; do
  [[ -f $prefix/$file ]] || fail "$file is not installed"
done
static=$(find "$prefix" -name '*.a' -o -name '*.o')
[[ -z $static ]] || fail "parts of the build are installed: $static"
references=$(grep -rlIF -e "$source_dir" -e "$build" "$prefix" || true)
[[ -z $references ]] || fail "installed files refer to the source or build tree: $references"

step "shared library"
readelf -d "$library" >"$work/dynamic"
grep -q 'SONAME.*\[liblasso\.so\.0\]' "$work/dynamic" || fail "SONAME: $(cat "$work/dynamic")"
if grep -qE 'RPATH|RUNPATH' "$work/dynamic"; then fail "the library has a RUNPATH"; fi
# Nothing is visible but the public names of namespace lasso: no internal room, no template of a library.
nm -D --defined-only -C "$library" | cut -d' ' -f3- >"$work/symbols"
[[ -s $work/symbols ]] || fail "the library exports nothing"
leaked=$(grep -vE '^((typeinfo|typeinfo name|vtable|VTT) for |(non-)?virtual thunk to )?lasso::' \
  "$work/symbols" || true)
[[ -z $leaked ]] || fail "symbols outside of namespace lasso: $leaked"
# The last name of each symbol stands in a public header.
sed -E 's/\[abi:[a-z0-9]+\]//; s/\(.*//; s/.*:://; s/^~//' "$work/symbols" | sort -u |
  while read -r name; do
    grep -rqwF -e "$name" "$prefix/include" || fail "$name is visible, but in no public header"
  done

if cmake --build "$build" --target help | grep -q '^lasso_cuda\>'; then
  step "library for GPUs"
  gpu_library=$library_dir/liblasso_cuda.so
  [[ -f $gpu_library ]] || fail "the build has CUDA, and no liblasso_cuda.so is installed"
  # Beside what it is loaded by; its own libraries are found by the loader, not where they were built.
  readelf -d "$gpu_library" >"$work/dynamic"
  # shellcheck disable=SC2016  # the linker's variable, not the shell's
  if grep -E 'RPATH|RUNPATH' "$work/dynamic" | grep -qvF '[$ORIGIN]'; then
    fail "liblasso_cuda.so has a RUNPATH: $(cat "$work/dynamic")"
  fi
  exported=$(nm -D --defined-only "$gpu_library" | awk '{ print $3 }')
  [[ $exported == lasso_device_library ]] || fail "liblasso_cuda.so exports: $exported"
fi

step "headers"
# Each compiles on its own, as the oldest and newest C++ that a user may choose.
for candidate in "$compiler" g++ clang++; do
  command -v "$candidate" >/dev/null || continue
  for standard in c++17 c++20; do
    while read -r header; do
      printf '#include <%s>\n#include <%s>\n' "$header" "$header" >"$work/header.cc"
      "$candidate" "-std=$standard" -pedantic -Wall -Wextra -Werror -fsyntax-only \
        -I "$prefix/include" "$work/header.cc" || fail "$header: $candidate -std=$standard"
    done <"$work/headers"
  done
done

step "program"
# shellcheck disable=SC2016  # the linker's variable, not the shell's
readelf -d "$prefix/bin/lasso" | grep -q 'R.*PATH.*\[\$ORIGIN/' ||
  fail "bin/lasso does not find its library beside it: $(readelf -d "$prefix/bin/lasso")"
run() { env -u LD_LIBRARY_PATH -u LASSO_MODEL "$@"; }
run "$prefix/bin/lasso" --version | grep -q '^lasso [0-9]' || fail "lasso --version"
run "$prefix/bin/lasso" segment "$image" --point 128,96 -o "$work/out" 2>"$work/stderr" ||
  fail "lasso segment: $(cat "$work/stderr")"
grep -q "$prefix/.*share/lasso/models" "$work/stderr" ||
  fail "the demo checkpoint is not the installed one: $(cat "$work/stderr")"
[[ -s $work/out/image0_overlay.png ]] || fail "lasso segment wrote no picture"

step "consumer"
cp -r "$source_dir/tests/install/consumer" "$work/consumer"
cmake -G "$generator" -S "$work/consumer" -B "$work/consumer/build" -DCMAKE_PREFIX_PATH="$prefix" \
  -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_BUILD_TYPE=Release >"$work/configure.log" 2>&1 ||
  fail "configure: $(cat "$work/configure.log")"
cmake --build "$work/consumer/build" >"$work/build.log" 2>&1 || fail "build: $(cat "$work/build.log")"
run "$work/consumer/build/consumer" "$model" "$image" || fail "the consumer failed"
# A later minor version is not taken for the one that was asked for.
sed -i 's/find_package(lasso 0\.1/find_package(lasso 0.0/' "$work/consumer/CMakeLists.txt"
if cmake -G "$generator" -S "$work/consumer" -B "$work/old" -DCMAKE_PREFIX_PATH="$prefix" \
  -DCMAKE_CXX_COMPILER="$compiler" >/dev/null 2>&1; then
  fail "a request for version 0.0 was met"
fi
step "done"
