# The recipe by which BinaryBuilder makes TileCache_jll, to be put into Yggdrasil as T/TileCache/build_tarballs.jl when a
# version is released: `sources` then names its archive and the SHA-256 of it.
using BinaryBuilder

name = "TileCache"
version = v"0.1.0"
sources = [GitSource(ENV["TILECACHE_REPOSITORY"], ENV["TILECACHE_COMMIT"])]

script = raw"""
cd ${WORKSPACE}/srcdir/tilecache*
cargo build --locked --release --lib
install -Dm 755 "target/${rust_target}/release/libtilecache.${dlext}" "${libdir}/libtilecache.${dlext}"
if [[ "${target}" == *linux* ]]; then
    ln -s libtilecache.so "${libdir}/libtilecache.so.0"
fi
install -Dm 644 include/tilecache.h "${includedir}/tilecache.h"
install_license LICENSE
"""

# What is tested is Linux on x86-64; names of libraries elsewhere are not.
platforms = [Platform("x86_64", "linux"; libc = "glibc")]
products = [LibraryProduct("libtilecache", :libtilecache)]
dependencies = [HostBuildDependency("NASM_jll"), HostBuildDependency("CMake_jll")]

build_tarballs(ARGS, name, version, sources, script, platforms, products, dependencies;
               compilers = [:c, :rust], julia_compat = "1.6", preferred_gcc_version = v"10")
