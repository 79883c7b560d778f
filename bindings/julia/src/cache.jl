# The store of tiles, and loads.

"""A cache of at most `max_bytes`, with the options of tc_create."""
function Cache(max_bytes::Integer = Raw.tc_default_budget(); options...)
    c = Ref(c_struct(Raw.tc_cache_options; options...))
    return made((pointer, err) -> Raw.tc_create(max_bytes, c, pointer, err), Cache)
end

set_budget(cache::Cache, max_bytes) = check(err -> Raw.tc_set_budget(cache, max_bytes, err))
set_share(cache::Cache, key, maximum, guarantee) =
    check(err -> Raw.tc_set_share(cache, text("the key", key), maximum, guarantee, err))
clear(cache::Cache) = check(err -> Raw.tc_clear(cache, err))
statistics(cache::Cache) = told(filled((value, err) -> Raw.tc_statistics(cache, value, err), Raw.tc_cache_stats))

"""
Gives a new cache another tier behind its memory: the address of a tc_tier, which a library of tiers fills in and which is
copied. A tier is written in C, C++ or Rust.
"""
set_tier(cache::Cache, tier::Ptr) = check(err -> Raw.tc_set_tier(cache, tier, err))
"""
Has the tier store all that it is still to get, and waits for that, so many seconds at most: before a process ends, for what
waits then is lost.
"""
function flush_tier(cache::Cache; seconds = Inf)
    nanoseconds = seconds * 1e9 < 2.0^63 ? round(UInt64, max(seconds, 0) * 1e9) : typemax(UInt64)
    check(err -> Raw.tc_flush_tier(cache, nanoseconds, err))
end
"""What happened between a cache and its tier so far."""
tier_statistics(cache::Cache) =
    told(filled((value, err) -> Raw.tc_tier_statistics(cache, value, err), Raw.tc_tier_stats))

"""Gives memory back, and says how much."""
function trim(cache::Cache, bytes = typemax(UInt64))
    given_back = Ref(UInt64(0))
    check(err -> Raw.tc_trim(cache, bytes, given_back, err))
    return Int(given_back[])
end

"""A tile by the key of its image, or `nothing`; a use of it, as get_block is. Never decodes."""
function get_tile(cache::Cache, key, row, col, level = 0; bands = ())
    list = bands_of(bands)
    GC.@preserve list made_if_resident() do pointer, err
        Raw.tc_get(cache, text("the key", key), row, col, level, pointer_or_null(list), length(list), pointer, err)
    end
end

"""The same, and no use of it."""
function peek_tile(cache::Cache, key, row, col, level = 0; bands = ())
    list = bands_of(bands)
    GC.@preserve list made_if_resident() do pointer, err
        Raw.tc_peek(cache, text("the key", key), row, col, level, pointer_or_null(list), length(list), pointer, err)
    end
end

"""Puts an array (x, y, band) under a key of a cache. It is lent, not copied: it must not change any more."""
function Base.put!(cache::Cache, key, row, col, array::Array{T, 3}, level = 0; bands = ()) where {T}
    list = bands_of(bands)
    pixels = Ref(c_struct(Raw.tc_pixels; data = Ptr{Cvoid}(pointer(array)), width = size(array, 1), height = size(array, 2),
                          bands = size(array, 3), dtype = dtype_of(T)))
    with_lease(array) do user
        GC.@preserve list check() do err
            Raw.tc_put(cache, text("the key", key), row, col, level, pointer_or_null(list), length(list), pixels, signal(),
                       user, err)
        end
    end
    return cache
end

"""Forgets a tile; whether it was there."""
function remove(cache::Cache, key, row, col, level = 0; bands = ())
    list = bands_of(bands)
    try
        GC.@preserve list check() do err
            Raw.tc_remove(cache, text("the key", key), row, col, level, pointer_or_null(list), length(list), err)
        end
        return true
    catch error
        error isa Error && error.status == Raw.TC_E_NOT_RESIDENT && return false
        rethrow()
    end
end

"""The load that the calling callback works for, or `nothing`."""
function current_load()
    pointer = Raw.tc_load_current()
    return pointer == C_NULL ? nothing : Load(pointer)
end
is_cancelled(load::Load) = Raw.tc_load_is_cancelled(load) != 0
is_cancelled(::Nothing) = false
