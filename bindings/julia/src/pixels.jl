# Pixels as arrays with the axes (x, y, band), without copying them.

"""
The samples of a tile where they lie: `array[x, y, band]`, from 1, read-only. It holds its tile, and may outlive all else.
"""
struct TileArray{T} <: AbstractArray{T, 3}
    tile::Tile
    first::Ptr{T}
    size::NTuple{3, Int}
    strides::NTuple{3, Int}
end
Base.size(array::TileArray) = array.size
Base.strides(array::TileArray) = array.strides
Base.elsize(::Type{TileArray{T}}) where {T} = sizeof(T)
Base.IndexStyle(::Type{<:TileArray}) = IndexCartesian()
Base.@propagate_inbounds function Base.getindex(array::TileArray, x::Int, y::Int, band::Int)
    @boundscheck checkbounds(array, x, y, band)
    tile = array.tile
    GC.@preserve tile unsafe_load(array.first, offset(array, x, y, band))
end
Base.setindex!(array::TileArray, value, ::Int, ::Int, ::Int) = throw(Error(Raw.TC_E_ARGUMENT, "tiles are read-only"))
Base.unsafe_convert(::Type{Ptr{T}}, array::TileArray{T}) where {T} = array.first
Base.cconvert(::Type{Ptr{T}}, array::TileArray{T}) where {T} = array
offset(array, x, y, band) = 1 + (x - 1) * array.strides[1] + (y - 1) * array.strides[2] + (band - 1) * array.strides[3]

"""The samples of a tile, with a reference of their own."""
function pixels(tile::Tile)
    opened(tile)
    at = Ref{Raw.tc_pixels}()
    GC.@preserve tile Raw.tc_tile_pixels(tile, at)
    p = at[]
    type = TYPES[p.dtype]
    own = GC.@preserve tile Tile(Raw.tc_tile_retain(tile))
    strides = (1, Int(p.row_stride ÷ sizeof(type)), Int(p.band_stride ÷ sizeof(type)))
    return TileArray{type}(own, Ptr{type}(p.data), (Int(p.width), Int(p.height), Int(p.bands)), strides)
end

"""What is told of the pixels of a tile: sizes, strides in bytes, flags."""
function Base.getproperty(tile::Tile, name::Symbol)
    name === :pointer && return getfield(tile, :pointer)
    at = Ref{Raw.tc_pixels}()
    GC.@preserve tile Raw.tc_tile_pixels(opened(tile), at)
    return name === :absent ? at[].flags & Raw.TC_PIXELS_ABSENT != 0 : getfield(at[], name)
end
Base.propertynames(::Tile) = (:absent, fieldnames(Raw.tc_pixels)...)

"""
Pixels that a callback was given: `array[x, y, band]`. They are gone when the callback has returned, and using them then
is an `Error`.
"""
mutable struct Lent{T} <: AbstractArray{T, 3}
    first::Ptr{T}
    const_size::NTuple{3, Int}
    strides::NTuple{3, Int} # in bytes
    writable::Bool
end
Base.size(array::Lent) = array.const_size
Base.IndexStyle(::Type{<:Lent}) = IndexCartesian()
function place(array::Lent{T}, x, y, band) where {T}
    array.first == C_NULL && throw(Error(Raw.TC_E_ARGUMENT, "pixels of a callback were used after it had returned"))
    return Ptr{T}(array.first + (x - 1) * array.strides[1] + (y - 1) * array.strides[2] + (band - 1) * array.strides[3])
end
Base.@propagate_inbounds function Base.getindex(array::Lent, x::Int, y::Int, band::Int)
    @boundscheck checkbounds(array, x, y, band)
    unsafe_load(place(array, x, y, band))
end
Base.@propagate_inbounds function Base.setindex!(array::Lent, value, x::Int, y::Int, band::Int)
    @boundscheck checkbounds(array, x, y, band)
    array.writable || throw(Error(Raw.TC_E_ARGUMENT, "the input of a callback is read-only"))
    unsafe_store!(place(array, x, y, band), value)
    return array
end

lent(p::Raw.tc_pixels) = Lent{TYPES[p.dtype]}(p.data, (p.width, p.height, p.bands),
                                              (sizeof(TYPES[p.dtype]), p.row_stride, p.band_stride), false)
function lent(t::Raw.tc_target)
    size = sizeof(TYPES[t.dtype])
    packed = t.pixel_stride == t.row_stride == t.band_stride == 0
    strides = packed ? (size, size * t.width, size * t.width * t.height) : (t.pixel_stride, t.row_stride, t.band_stride)
    return Lent{TYPES[t.dtype]}(t.data, (t.width, t.height, t.bands), strides, true)
end
take_back(array::Lent) = array.first = C_NULL

"""Memory of an array for C. The axes are (x, y, band), or (x, y) for one band."""
function target(array::StridedArray{T}) where {T}
    ndims(array) in (2, 3) || throw(Error(Raw.TC_E_ARGUMENT, "an array of $(ndims(array)) axes has no (x, y, band)"))
    bytes = Base.map(stride -> stride * sizeof(T), strides(array))
    bands = ndims(array) == 3 ? size(array, 3) : 1
    return c_struct(Raw.tc_target; data = Ptr{Cvoid}(pointer(array)), pixel_stride = bytes[1], row_stride = bytes[2],
                    band_stride = ndims(array) == 3 ? bytes[3] : 0, width = size(array, 1), height = size(array, 2),
                    bands = bands, dtype = dtype_of(T))
end
