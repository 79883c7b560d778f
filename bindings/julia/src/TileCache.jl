"""
Any raster as a grid of read-only tiles, decoded once, under one byte budget. What a function does is told by the manual,
include/tilecache.h, under its name in C (also `?TileCache.Raw.provider_retile`); docs/bindings.md says how its ideas look
here. Names that Julia has too are not exported: `TileCache.open`, `TileCache.display`, `TileCache.map`.
"""
module TileCache

using Libdl

include("raw.jl")
include("errors.jl")
include("handles.jl")
include("structs.jl")
include("pixels.jl")
include("callbacks.jl")
include("cache.jl")
include("images.jl")
include("operators.jl")
include("requests.jl")

export Cache, Provider, Tile, Chain, Transform, PixelStats, Load
export get_block, try_block, peek_block, has_block, request_block, read_window, read_window!, pixels
export retile, cached, level, mask, downsample, pyramid, warp, compute, mosaic, convert_samples, with_georef, reader, pass
export from_source, from_memory, info, band_info, metadata, georef, cancel, invalidate, invalidate_fleet, pixel_stats
export set_tier, flush_tier, tier_statistics

"""
The image as an array of DiskArrays (x, y, band), chunked by its blocks: with DiskArrays loaded, from Julia 1.9 on.
"""
function disk_array end

"""
Loads the library: from the directory that the environment names in TILECACHE_LIB, else from where the system looks.
"""
function __init__()
    directory = get(ENV, "TILECACHE_LIB", "")
    dlopen(isempty(directory) ? Raw.libtilecache : joinpath(directory, "libtilecache.so"))
    runs = Raw.tc_library_version()
    # Below 1.0 the minor part tells what fits, too.
    runs >> 8 == Raw.TC_LIBRARY_VERSION >> 8 ||
        error("the library is of version $(version(runs)), this package for $(version(Raw.TC_LIBRARY_VERSION))")
    start_callbacks()
end

version(number) = VersionNumber(number >> 16, (number >> 8) & 0xff, number & 0xff)

end
