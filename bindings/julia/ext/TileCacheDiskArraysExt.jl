"""Images as arrays of DiskArrays: `DiskArrays.AbstractDiskArray` whose chunks are the blocks of the image."""
module TileCacheDiskArraysExt

import DiskArrays
using TileCache
import TileCache: disk_array

struct Image{T} <: DiskArrays.AbstractDiskArray{T, 3}
    image::Provider
    size::NTuple{3, Int}
    chunks::NTuple{3, Int}
end

function disk_array(image::Provider; level = 0)
    shown = TileCache.level(image, level)
    about = info(shown)
    chunks = (about.block_width, about.block_height, about.bands)
    return Image{TileCache.TYPES[about.dtype]}(shown, (about.width, about.height, about.bands), chunks)
end

Base.size(array::Image) = array.size
DiskArrays.haschunks(::Image) = DiskArrays.Chunked()
DiskArrays.eachchunk(array::Image) = DiskArrays.GridChunks(array, array.chunks)

function DiskArrays.readblock!(array::Image, out, x::AbstractUnitRange, y::AbstractUnitRange, bands::AbstractUnitRange)
    out .= read_window(array.image, first(x) - 1, first(y) - 1, length(x), length(y); bands = bands .- 1)
    return out
end

DiskArrays.writeblock!(::Image, in, ranges...) =
    throw(TileCache.Error(TileCache.Raw.TC_E_ARGUMENT, "images are read-only"))

end
