#!/bin/sh
# Makes the static library that users get out of the one that cargo builds:
#
#   cmake/static-library.sh BUILT.a LIBRARY.a
#
# Cargo's archive holds the codecs in C and Rust's own library as objects whose symbols are global: in one
# program with the system's libjpeg, or with another library written in Rust, they would clash, or be
# taken for each other. Here all becomes one object in which only the functions of the header are global.
# Sections stay apart, so that --gc-sections still drops what a program does not use.
set -eu

built=$1
library=$2
symbols=$(dirname "$0")/../include/tilecache.symbols
object=$library.o
trap 'rm -f "$object"' EXIT

# Groups of sections are known to linkers by names; they would be dropped for others of the same name.
"${LD:-ld}" -r --whole-archive --force-group-allocation -o "$object" "$built"
# The bitcode that Rust's own library carries along is of no use any more, and confuses plugins of ar.
"${OBJCOPY:-objcopy}" --keep-global-symbols="$symbols" -R .llvmbc -R .llvmcmd "$object"
rm -f "$library"
"${AR:-ar}" rcs "$library" "$object"
