#!/usr/bin/env bash
# Runs the examples, and compares the one in the README with its file.
#   examples_test.sh SEGMENT BGR_BUFFER      the two programs
set -euo pipefail

segment=$1
bgr_buffer=$2
source_dir=$(cd "$(dirname "$0")/.." && pwd)
model=$source_dir/tests/data/sam_micro/checkpoint.pth
image=$source_dir/tests/data/sam_micro/image0.png
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

fail() {
  echo "examples_test: $*" >&2
  exit 1
}

# The first C++ block of the README is the example, to the letter.
awk '/^```cpp$/ && !seen { seen = inside = 1; next } /^```$/ { inside = 0 } inside' \
  "$source_dir/README.md" >readme.cc
diff -u "$source_dir/examples/segment.cc" readme.cc ||
  fail "the C++ example in README.md differs from examples/segment.cc"
lines=$(wc -l <readme.cc)
((lines <= 30)) || fail "the README promises 30 lines, and its example has $lines"

expected='^[0-9]+ pixels, predicted IoU -?[0-9]+\.[0-9]{4}$'
rgb=$("$segment" "$model" "$image" 128 96)
[[ $rgb =~ $expected ]] || fail "segment printed: $rgb"
[[ $rgb != "0 pixels"* ]] || fail "segment found an empty mask: $rgb"
[[ $(head -c 4 overlay.png | tail -c 3) == PNG ]] || fail "segment wrote no PNG"

# The same pixels in another layout have the same mask.
bgr=$("$bgr_buffer" "$model" "$image" 128 96)
[[ $bgr == "$rgb" ]] || fail "RGB: $rgb; strided BGR: $bgr"

# Errors are told, and the status says that something failed.
if "$segment" "$model" missing.png 1 1 2>error.txt; then fail "a missing image was no failure"; fi
grep -q 'missing\.png' error.txt || fail "the error does not name the file: $(cat error.txt)"
