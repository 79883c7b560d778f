# Images made of images. A cache keeps the tiles; `nothing` keeps none.

raw(cache::Cache) = cache
raw(::Nothing) = Ptr{Raw.tc_cache}(C_NULL)

cached(image::Provider, cache::Cache) =
    made((pointer, err) -> Raw.provider_cached(image, cache, pointer, err), Provider, image.by_julia)
level(image::Provider, number) =
    made((pointer, err) -> Raw.provider_level(image, number, pointer, err), Provider, image.by_julia)
mask(image::Provider) = made((pointer, err) -> Raw.provider_mask(image, pointer, err), Provider, image.by_julia)

"""The same image in tiles of another size: `tile_width`, `tile_height`, `pad_edges`."""
function retile(image::Provider; cache = nothing, options...)
    c = Ref(c_struct(Raw.tc_retile_options; options...))
    return made((pointer, err) -> Raw.provider_retile(image, c, raw(cache), pointer, err), Provider, image.by_julia)
end

"""A smaller image: `factor`, or `width` and `height`; `filter` and what else tc_level_options has."""
function downsample(image::Provider; cache = nothing, options...)
    c = Ref(c_struct(Raw.tc_level_options; options...))
    return made((pointer, err) -> Raw.provider_downsample(image, c, raw(cache), pointer, err), Provider, image.by_julia)
end

"""The image with all its levels, those computed that it lacks."""
function pyramid(image::Provider; cache = nothing, options...)
    c = Ref(c_struct(Raw.tc_level_options; options...))
    return made((pointer, err) -> Raw.provider_pyramid(image, c, raw(cache), pointer, err), Provider, image.by_julia)
end

"""
Computes an image block by block: `f(to, from)` writes all samples of `to[x, y, band]` from the same block of the source.
`dtype` may be a type of Julia; other options are those of tc_map_options.
"""
function map(f, image::Provider; cache = nothing, name = nothing, dtype = 0, source_bands = (), options...)
    name, list = text("the name", name), bands_of(source_bands)
    with_lease(f) do user
        GC.@preserve name list begin
            c = Ref(c_struct(Raw.tc_map_options; dtype = dtype_of(dtype), name = pointer_or_null(name),
                             source_bands = pointer_or_null(list), n_source_bands = length(list), map = POINTERS[:map],
                             user = user, release = signal(), options...))
            enter(image.by_julia) do
                made((pointer, err) -> Raw.provider_map(image, c, raw(cache), pointer, err), Provider, true)
            end
        end
    end
end

"""
Computes an image from windows of others: `f(to, inputs, place)`. `inputs` are images, or named tuples of `source` and
members of tc_input; `image` is a named tuple of members of tc_image_info.
"""
function compute(f, inputs; cache = nothing, name = nothing, image = nothing, flags = 0)
    name = text("the name", name)
    given = [input isa Provider ? (source = input,) : input for input in inputs]
    lists = [bands_of(get(input, :bands, ())) for input in given]
    about = image === nothing ? nothing : Ref(image_struct(image))
    with_lease(f) do user
        GC.@preserve name lists about given begin
            structs = [c_struct(Raw.tc_input; input..., source = opened(input.source), bands = pointer_or_null(list),
                                n_bands = length(list)) for (input, list) in zip(given, lists)]
            where_ = about === nothing ? C_NULL : Base.unsafe_convert(Ptr{Cvoid}, about)
            c = Ref(c_struct(Raw.tc_compute_options; flags = flags, image = where_, name = pointer_or_null(name),
                             compute = POINTERS[:compute], user = user, release = signal()))
            made((pointer, err) -> Raw.provider_compute(structs, length(structs), c, raw(cache), pointer, err), Provider,
                 true)
        end
    end
end

"""One image of many: `parts` are named tuples of `provider`, `x` and `y`; `image` is a named tuple as in from_source."""
function mosaic(parts, image; cache = nothing, flags = 0)
    structs = [c_struct(Raw.tc_mosaic_part; part..., provider = opened(part.provider)) for part in parts]
    about = Ref(image_struct(image))
    by_julia = any(part.provider.by_julia for part in parts)
    GC.@preserve about parts begin
        c = Ref(c_struct(Raw.tc_mosaic_options; flags = flags, image = Base.unsafe_convert(Ptr{Cvoid}, about)))
        made((pointer, err) -> Raw.provider_mosaic(structs, length(structs), c, raw(cache), pointer, err), Provider,
             by_julia)
    end
end

# Transformations.

affine(m) = made((pointer, err) -> Raw.tc_transform_affine(Float64[m...], pointer, err), Transform, false)
tie_points(points) = [Raw.tc_tie_point(point...) for point in points]
"""Of points (x, y, source_x, source_y)."""
function polynomial(points, order)
    ties = tie_points(points)
    return made((pointer, err) -> Raw.tc_transform_polynomial(ties, length(ties), order, pointer, err), Transform, false)
end
function spline(points)
    ties = tie_points(points)
    return made((pointer, err) -> Raw.tc_transform_spline(ties, length(ties), pointer, err), Transform, false)
end
"""A function of yours: `f(x, y)` gives where a point comes from, or `nothing`."""
function Transform(f; name = nothing)
    name = text("the name", name)
    with_lease(f) do user
        made((pointer, err) -> Raw.tc_transform_callback(POINTERS[:transform], user, C_NULL, signal(),
                                                         something(name, Ptr{UInt8}(C_NULL)), pointer, err),
             Transform, true)
    end
end

"""The image seen through a transformation: `width`, `height` and what else tc_warp_options has."""
function warp(image::Provider, transform::Transform; cache = nothing, options...)
    c = Ref(c_struct(Raw.tc_warp_options; options...))
    return made((pointer, err) -> Raw.provider_warp(image, transform, c, raw(cache), pointer, err), Provider,
                image.by_julia || transform.by_julia)
end

"""The image at another place: `transform`, `wkt`, `epsg`, `vertical_epsg`."""
function with_georef(image::Provider; transform = nothing, wkt = nothing, flags = 0, options...)
    wkt = text("wkt", wkt)
    GC.@preserve wkt begin
        set = transform === nothing ? 0 : Raw.TC_GEOREF_HAS_TRANSFORM
        c = Ref(c_struct(Raw.tc_georef; flags = flags | set, transform = something(transform, ntuple(_ -> 0.0, 6)),
                         wkt = pointer_or_null(wkt), options...))
        return made((pointer, err) -> Raw.provider_with_georef(image, c, pointer, err), Provider, image.by_julia)
    end
end

# Readers.

"""A reader, which `cancel` ends, with the options of provider_reader."""
function reader(image::Provider; options...)
    c = Ref(c_struct(Raw.tc_reader_options; options...))
    return made((pointer, err) -> Raw.provider_reader(image, c, pointer, err), Provider, image.by_julia)
end
cancel(image::Provider) = check(err -> Raw.provider_cancel(image, err))

"""A reader whose order is known ahead: `order`, `level`, `threads`, `bands`, or `tiles` as pairs (row, col)."""
function pass(image::Provider; bands = (), tiles = (), threads = 0, options...)
    threads == 0 || refuse_threads(image.by_julia, "a pass with threads")
    list = bands_of(bands)
    listed = [Raw.tc_pass_tile(row, col) for (row, col) in tiles]
    GC.@preserve list listed begin
        c = Ref(c_struct(Raw.tc_pass_options; bands = pointer_or_null(list), n_bands = length(list), threads = threads,
                         tiles = isempty(listed) ? C_NULL : pointer(listed), n_tiles = length(listed), options...))
        return made((pointer, err) -> Raw.provider_pass(image, c, pointer, err), Provider, image.by_julia)
    end
end

# Pictures and statistics.

"""A chain out of its text."""
Chain(chain::AbstractString) =
    made((pointer, err) -> Raw.tc_chain_parse(text("the chain", chain), pointer, err), Chain)
automatic_chain(image::Provider) = enter(image.by_julia) do
    made((pointer, err) -> Raw.tc_chain_auto(image, C_NULL, pointer, err), Chain)
end
resolve(chain::Chain, image::Provider, stats = C_NULL) =
    made((pointer, err) -> Raw.tc_chain_resolve(chain, image, stats, pointer, err), Chain)
compose(first::Chain, then::Chain) = made((pointer, err) -> Raw.tc_chain_compose(first, then, pointer, err), Chain)
Base.string(chain::Chain) = GC.@preserve chain unsafe_string(Raw.tc_chain_text(chain))
why(chain::Chain) = GC.@preserve chain unsafe_string(Raw.tc_chain_why(chain))

"""The image through a resolved chain, or the automatic one."""
display(image::Provider, chain = Ptr{Raw.tc_chain}(C_NULL); cache = nothing) = enter(image.by_julia) do
    made((pointer, err) -> Raw.provider_display(image, chain, raw(cache), pointer, err), Provider, image.by_julia)
end

"""The image in another type, with the options of provider_convert."""
function convert_samples(image::Provider; cache = nothing, bands = (), stats = nothing, dtype = 0, options...)
    list = bands_of(bands)
    GC.@preserve list stats begin
        c = Ref(c_struct(Raw.tc_convert_options; dtype = dtype_of(dtype), bands = pointer_or_null(list),
                         n_bands = length(list), stats = stats === nothing ? C_NULL : opened(stats), options...))
        return made((pointer, err) -> Raw.provider_convert(image, c, raw(cache), pointer, err), Provider, image.by_julia)
    end
end

"""Statistics of all bands; `progress(done)` hears how far it is, and ends it by `false`."""
function pixel_stats(image::Provider; progress = nothing, percents = (), threads = 0, options...)
    threads > 1 && refuse_threads(image.by_julia, "statistics by several threads")
    list = Float64[percents...]
    with_progress(progress) do hear, user
        GC.@preserve list begin
            c = Ref(c_struct(Raw.tc_sample_options; progress = hear, progress_user = user, threads = threads,
                             percents = pointer_or_null(list), n_percents = length(list), options...))
            enter(image.by_julia) do
                made((pointer, err) -> Raw.provider_pixel_stats(image, c, pointer, err), PixelStats)
            end
        end
    end
end

function of_struct(f, ::Type{T}) where {T}
    value = Ref{T}()
    check(err -> f(value, err))
    return told(value[])
end
band(stats::PixelStats, number) =
    of_struct((value, err) -> Raw.tc_pixel_stats_band(stats, number, value, err), Raw.tc_band_stats)

"""The value of a percentile, and the interval in which it is known to be."""
function percentile(stats::PixelStats, band, percent)
    value, low, high = Ref(0.0), Ref(0.0), Ref(0.0)
    check(err -> Raw.tc_pixel_stats_percentile(stats, band, percent, value, low, high, err))
    return (value = value[], low = low[], high = high[])
end

"""The counts of bins of equal width from `low` to `high`."""
function histogram(stats::PixelStats, band, low, high, bins)
    counts, approximate = zeros(Int64, bins), Ref(UInt32(0))
    check(err -> Raw.tc_pixel_stats_histogram(stats, band, low, high, counts, bins, approximate, err))
    return (counts = counts, approximate = approximate[] != 0)
end

"""Writes the image with all its levels to a TIFF, with the options of tc_build_pyramid."""
function build_pyramid(image::Provider, path; cache = nothing, progress = nothing, threads = 0, options...)
    threads > 1 && refuse_threads(image.by_julia, "building by several threads")
    path = text("the path", path)
    with_progress(progress) do hear, user
        c = Ref(c_struct(Raw.tc_build_options; progress = hear, progress_user = user, threads = threads, options...))
        enter(image.by_julia) do
            check(err -> Raw.tc_build_pyramid(image, path, c, raw(cache), err))
        end
    end
end
