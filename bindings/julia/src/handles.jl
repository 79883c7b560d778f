# Handles: each owns one reference, which `close` gives up, or the finaliser as a net.

"""A reference to an object of the library. `close` gives it up, twice is nothing; using it then is an `Error`."""
abstract type Handle end

for (name, raw, release) in ((:Cache, :tc_cache, :tc_release), (:Tile, :tc_tile, :tc_tile_release),
                             (:Chain, :tc_chain, :tc_chain_release), (:Load, :tc_load, :tc_load_release),
                             (:PixelStats, :tc_pixel_stats, :tc_pixel_stats_release))
    @eval begin
        mutable struct $name <: Handle
            pointer::Ptr{Raw.$raw}
            $name(pointer::Ptr{Raw.$raw}) = finalizer(close, new(pointer))
        end
        release(::$name, pointer) = Raw.$release(pointer)
    end
end

"""An image as a grid of blocks. `needs` keeps the functions and arrays that it is made of; see callbacks.jl."""
mutable struct Provider <: Handle
    pointer::Ptr{Raw.tc_provider}
    # Whether functions of Julia make its pixels; see `enter`.
    by_julia::Bool
    Provider(pointer::Ptr{Raw.tc_provider}, by_julia::Bool) = finalizer(close, new(pointer, by_julia))
end
release(::Provider, pointer) = Raw.provider_release(pointer)

"""From the pixels of an output to those of a source."""
mutable struct Transform <: Handle
    pointer::Ptr{Raw.tc_transform}
    by_julia::Bool
    Transform(pointer::Ptr{Raw.tc_transform}, by_julia::Bool) = finalizer(close, new(pointer, by_julia))
end
release(::Transform, pointer) = Raw.tc_transform_release(pointer)

# Releasing never waits, and runs no Julia: release functions only signal, see callbacks.jl. So finalisers may do it.
function Base.close(handle::Handle)
    pointer = handle.pointer
    handle.pointer = C_NULL
    pointer == C_NULL || release(handle, pointer)
    return nothing
end
Base.isopen(handle::Handle) = handle.pointer != C_NULL
Base.show(io::IO, handle::Handle) = print(io, nameof(typeof(handle)), isopen(handle) ? "(...)" : "(closed)")

Base.unsafe_convert(::Type{Ptr{T}}, handle::Handle) where {T} = convert(Ptr{T}, opened(handle))

"""The pointer of a handle that is not closed."""
function opened(handle::Handle)
    handle.pointer == C_NULL && throw(Error(Raw.TC_E_ARGUMENT, "the $(nameof(typeof(handle))) was closed"))
    return handle.pointer
end
Base.cconvert(::Type{<:Ptr}, handle::Handle) = handle

"""A call that gives a handle: `f` gets where to write it and the error."""
function made(f, ::Type{T}, more...) where {T <: Handle}
    pointer = Ref(fieldtype(T, :pointer)(C_NULL))
    check(err -> f(pointer, err))
    return T(pointer[], more...)
end

"""A call that gives a tile, or `nothing` where it is not there."""
function made_if_resident(f)
    pointer = Ref(Ptr{Raw.tc_tile}(C_NULL))
    try
        check(err -> f(pointer, err))
    catch error
        error isa Error && error.status == Raw.TC_E_NOT_RESIDENT && return nothing
        rethrow()
    end
    return Tile(pointer[])
end

# Before 1.12 a thread that waits in C holds up the collector, and with it a callback on another thread that allocates. So
# images that functions of Julia make are read by one thread at a time there.
const BY_JULIA = ReentrantLock()
const TOGETHER = VERSION >= v"1.12"

"""Runs a call that may run callbacks of Julia."""
function enter(f, by_julia::Bool)
    (TOGETHER || !by_julia) && return f()
    lock(BY_JULIA)
    try
        return f()
    finally
        unlock(BY_JULIA)
    end
end
