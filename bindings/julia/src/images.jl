# Images: where they come from, what they are, and their pixels.

"""Opens an image file by its content. Options are those of provider_open: `image`, `key`, `format`, `flags`, `threads`,
`layers`, `fleet_id`."""
function open(path::AbstractString; key = nothing, format = nothing, fleet_id = nothing, options...)
    key, format, path = text("the key", key), text("the format", format), text("the path", path)
    fleet_id = text("fleet_id", fleet_id)
    GC.@preserve key format fleet_id begin
        c = Ref(c_struct(Raw.tc_open_options; key = pointer_or_null(key), format = pointer_or_null(format),
                         fleet_id = pointer_or_null(fleet_id), options...))
        return made((pointer, err) -> Raw.provider_open(path, c, pointer, err), Provider, false)
    end
end

"""How many images a file holds."""
function image_count(path::AbstractString)
    count = Ref(Int32(0))
    path = text("the path", path)
    check(err -> Raw.provider_image_count(path, count, err))
    return Int(count[])
end

image_struct(image) = c_struct(Raw.tc_image_info; image..., dtype = dtype_of(image.dtype))

"""
An image made by functions. `read_block(array, row, col, level)` writes all samples of `array[x, y, band]`; with
TC_SOURCE_BANDS it gets the bands asked for as a further argument. `image` is a named tuple of members of tc_image_info,
whose dtype may be a type of Julia. What a function throws comes out of the call that needed the block.
Before Julia 1.12 images of functions are read by one thread at a time, and functions must not yield to other tasks.
"""
function from_source(read_block; image, read_window = nothing, has_block = nothing, key = nothing,
                     threading = Raw.TC_CONCURRENT, flags = 0, fleet_id = nothing)
    key, fleet_id = text("the key", key), text("fleet_id", fleet_id)
    about = Ref(image_struct(image))
    functions = SourceFunctions(read_block, read_window, has_block, Int(about[].bands))
    with_lease(functions) do user
        GC.@preserve key fleet_id about begin
            c = Ref(c_struct(Raw.tc_source; threading = threading, user = user,
                             image = Ptr{Cvoid}(Base.unsafe_convert(Ptr{Cvoid}, about)), key = pointer_or_null(key),
                             flags = flags, fleet_id = pointer_or_null(fleet_id), read_block = POINTERS[:read_block],
                             read_window = read_window === nothing ? C_NULL : POINTERS[:read_window],
                             has_block = has_block === nothing ? C_NULL : POINTERS[:has_block], release = signal()))
            made((pointer, err) -> Raw.provider_from_source(c, pointer, err), Provider, true)
        end
    end
end

"""An image in an array (x, y, band), which is lent, not copied: it must not change any more."""
function from_memory(array::Array{T, 3}; image = nothing, key = nothing) where {T}
    key = text("the key", key)
    memory = Ref(target(array))
    about = image === nothing ? nothing : Ref(image_struct(merge((dtype = T,), image)))
    with_lease(array) do user
        made((pointer, err) -> Raw.provider_from_memory(memory, something(about, Ptr{Cvoid}(C_NULL)),
                                                        something(key, Ptr{UInt8}(C_NULL)), signal(), user, pointer, err),
             Provider, false)
    end
end

# What an image is.

optional(text) = text == C_NULL ? nothing : unsafe_string(text)
key(image::Provider) = GC.@preserve image optional(Raw.provider_key(image))
"""The format of the file that the pixels come from, or `nothing`."""
format(image::Provider) = GC.@preserve image optional(Raw.provider_format(image))

info(image::Provider) = told(filled((value, err) -> Raw.provider_info(image, value, err), Raw.tc_image_info))
band_info(image::Provider, band) =
    told(filled((value, err) -> Raw.provider_band_info(image, band, value, err), Raw.tc_band_info))

"""The nodata value that all bands have, or `nothing`."""
function nodata(image::Provider)
    about = info(image)
    return about.flags & Raw.TC_IMAGE_HAS_NODATA == 0 ? nothing : sample_in(about.nodata, about.dtype)
end

"""A text that came with the image, or with a band of it, or `nothing`."""
metadata(image::Provider, name; band = -1) =
    GC.@preserve image optional(Raw.provider_metadata(image, band, text("the name", name)))
metadata_names(image::Provider; band = -1) =
    GC.@preserve image [unsafe_string(Raw.provider_metadata_name(image, band, index - 1))
                        for index in 1:Raw.provider_metadata_count(image, band)]

"""Where a level lies: transform or `nothing`, epsg, wkt or `nothing`, and the rest of tc_georef."""
function georef(image::Provider; level = 0)
    GC.@preserve image begin
        c = filled((value, err) -> Raw.provider_georef(image, level, value, err), Raw.tc_georef)
        gcps = [unsafe_load(Ptr{Raw.tc_gcp}(c.gcps), i) for i in 1:c.n_gcps]
        return (transform = c.flags & Raw.TC_GEOREF_HAS_TRANSFORM == 0 ? nothing : c.transform, flags = c.flags,
                wkt = optional(c.wkt), epsg = c.epsg, vertical_epsg = c.vertical_epsg,
                vertical_unit = optional(c.vertical_unit),
                gcps = [(pixel = g.pixel, line = g.line, x = g.x, y = g.y, z = g.z, id = optional(g.id),
                         info = optional(g.info)) for g in gcps],
                rpc = c.rpc == C_NULL ? nothing : unsafe_load(Ptr{Raw.tc_rpc}(c.rpc)))
    end
end

# Pixels.

"""Whether a block is stored."""
function has_block(image::Provider, row, col, level = 0)
    has = Ref(Int32(0))
    enter(image.by_julia) do
        check(err -> Raw.provider_has_block(image, row, col, level, has, err))
    end
    return has[] != 0
end

"""A block as a tile; `pixels` shows its samples."""
function get_block(image::Provider, row, col, level = 0; bands = ())
    list = bands_of(bands)
    enter(image.by_julia) do
        GC.@preserve list made(Tile) do pointer, err
            Raw.provider_get_block(image, row, col, level, pointer_or_null(list), length(list), pointer, err)
        end
    end
end

"""A block if it can be had at once, else `nothing`."""
function try_block(image::Provider, row, col, level = 0; bands = ())
    list = bands_of(bands)
    GC.@preserve list made_if_resident() do pointer, err
        Raw.provider_try_block(image, row, col, level, pointer_or_null(list), length(list), pointer, err)
    end
end

"""The same, and no use of it."""
function peek_block(image::Provider, row, col, level = 0; bands = ())
    list = bands_of(bands)
    GC.@preserve list made_if_resident() do pointer, err
        Raw.provider_peek_block(image, row, col, level, pointer_or_null(list), length(list), pointer, err)
    end
end

"""Reads a window of a level into an array (x, y, band) of any strides, converted to its type; x and y from 0."""
function read_window!(array::StridedArray, image::Provider, x, y, level = 0; bands = ())
    list = bands_of(bands)
    into = Ref(target(array))
    enter(image.by_julia) do
        GC.@preserve list array check() do err
            Raw.provider_read_window(image, x, y, level, pointer_or_null(list), length(list), into, err)
        end
    end
    return array
end

"""Reads a window of a level into a new array (x, y, band) of the type of the image, or of another `type`."""
function read_window(image::Provider, x, y, width, height, level = 0; bands = (), type = nothing)
    about = info(image)
    width >= 0 && height >= 0 || throw(Error(Raw.TC_E_RANGE, "a window of $width x $height pixels"))
    n = isempty(bands) ? about.bands : length(bands)
    array = Array{something(type, TYPES[about.dtype])}(undef, width, height, n)
    return read_window!(array, image, x, y, level; bands = bands)
end

"""Copies a part of a tile into an array, converted to its type."""
function Base.copyto!(array::StridedArray, tile::Tile, x::Integer, y::Integer; bands = ())
    list = bands_of(bands)
    into = Ref(target(array))
    GC.@preserve list array check() do err
        Raw.tc_tile_copy(tile, x, y, pointer_or_null(list), length(list), into, err)
    end
    return array
end

"""Says that the pixels of the source have changed."""
invalidate(image::Provider) = check(err -> Raw.provider_invalidate(image, err))
"""Says so to all machines whose caches have a tier that knows the image, and waits for the tier."""
invalidate_fleet(image::Provider) = check(err -> Raw.provider_invalidate_fleet(image, err))

"""What the provider has done, with the `amplification` of its decodes."""
function counters(image::Provider)
    amplification = Ref(0.0)
    stats = filled((value, err) -> Raw.provider_counters(image, value, amplification, err), Raw.tc_cache_stats)
    return merge(told(stats), (amplification = amplification[],))
end
