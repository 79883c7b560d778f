# Functions and arrays of Julia that the library uses. It knows them by a number, and says by a signal that it has let go.

"""
What the library was given, by the number it was given as: the handle of an AsyncCondition, to which any thread may send
the signal that the library needs it no more, for that runs no Julia. A task then forgets it.
"""
const LEASES = Dict{Ptr{Cvoid}, Tuple{Base.AsyncCondition, Any}}()
const LEASES_LOCK = ReentrantLock()

# The release function for C: uv_async_send(handle).
signal() = cglobal(:uv_async_send)

function lease(value)
    condition = Base.AsyncCondition(forget)
    lock(LEASES_LOCK) do
        LEASES[condition.handle] = (condition, value)
    end
    return condition.handle
end

function forget(condition)
    _, value = lock(LEASES_LOCK) do
        pop!(LEASES, condition.handle)
    end
    close(condition)
    value isa Base.Event && notify(value)
    return nothing
end

"""What a number stands for."""
leased(user) = lock(() -> LEASES[user][2], LEASES_LOCK)

"""Gives back what a call that failed has not taken."""
function not_taken(user)
    condition = lock(() -> LEASES[user][1], LEASES_LOCK)
    forget(condition)
end

"""Makes a lease for a call, which takes it if it has success."""
function with_lease(f, value)
    user = lease(value)
    try
        return f(user)
    catch
        not_taken(user)
        rethrow()
    end
end

"""
Before Julia 1.9, threads of the library cannot call functions of Julia, which requests and threads ahead would have them do.
"""
function refuse_threads(by_julia, what)
    by_julia && VERSION < v"1.9" &&
        throw(Error(Raw.TC_E_UNSUPPORTED, "$what of an image that functions of Julia make needs Julia 1.9 or later"))
end

# What is called. Each has the types of its callback in Raw.CALLBACKS.

"""The functions of a source, and what else there is to keep."""
struct SourceFunctions
    read_block::Any
    read_window::Any
    has_block::Any
    band_count::Int
end

"""Runs `f` with pixels that it may not keep."""
function with_lent(f, arrays...)
    try
        f(arrays...)
    finally
        foreach(take_back, arrays)
    end
    return nothing
end

bands_asked(bands, into) = bands == C_NULL ? nothing : Tuple(unsafe_load(bands, i) for i in 1:into.bands)

function call_has_block(user, row, col, level, has, err)::Int32
    guarded(err) do
        unsafe_store!(has, leased(user).has_block(row, col, level)::Bool ? Int32(1) : Int32(0))
    end
end
function call_read_block(user, session, row, col, level, bands, into, err)::Int32
    guarded(err) do
        target = unsafe_load(Ptr{Raw.tc_target}(into))
        asked = bands_asked(bands, target)
        with_lent(lent(target)) do array
            functions = leased(user)
            asked === nothing ? functions.read_block(array, row, col, level) :
                functions.read_block(array, row, col, level, asked)
        end
    end
end
function call_read_window(user, session, x, y, level, bands, into, err)::Int32
    guarded(err) do
        target = unsafe_load(Ptr{Raw.tc_target}(into))
        asked = bands_asked(bands, target)
        with_lent(lent(target)) do array
            functions = leased(user)
            asked === nothing ? functions.read_window(array, x, y, level) :
                functions.read_window(array, x, y, level, asked)
        end
    end
end
function call_map(user, row, col, level, in, out, err)::Int32
    guarded(err) do
        with_lent(lent(unsafe_load(Ptr{Raw.tc_target}(out))), lent(unsafe_load(Ptr{Raw.tc_pixels}(in)))) do to, from
            leased(user)(to, from)
        end
    end
end
function call_compute(user, where_, inputs, n_inputs, out, err)::Int32
    guarded(err) do
        place = told(unsafe_load(Ptr{Raw.tc_place}(where_)))
        from = [lent(unsafe_load(Ptr{Raw.tc_pixels}(inputs), i)) for i in 1:n_inputs]
        with_lent(lent(unsafe_load(Ptr{Raw.tc_target}(out))), from...) do to, given...
            leased(user)(to, given, place)
        end
    end
end
function call_transform(user, to_source, n, x, y, z, ok)::Cint
    try
        function_ = leased(user)
        for i in 1:n
            from = function_(unsafe_load(x, i), unsafe_load(y, i))
            from === nothing && continue
            unsafe_store!(x, from[1], i)
            unsafe_store!(y, from[2], i)
            unsafe_store!(ok, Cint(1), i)
        end
        return 1
    catch exception
        return keep(exception)
    end
end
"""A function that hears of progress, and what it threw, for which the call then ends."""
mutable struct Progress
    hear::Any
    threw::Any
end
function call_progress(done, text, user)::Cint
    progress = unsafe_pointer_to_objref(user)::Progress
    try
        return progress.hear(done) === false ? 0 : 1
    catch exception
        progress.threw = exception
        return 0
    end
end

"""Runs a long call that tells of its progress: `f` gets the function and the object for C."""
function with_progress(f, hear)
    hear === nothing && return f(C_NULL, C_NULL)
    progress = Progress(hear, nothing)
    try
        GC.@preserve progress f(POINTERS[:progress], pointer_from_objref(progress))
    catch
        progress.threw === nothing || throw(progress.threw)
        rethrow()
    end
end

"""The functions above as C calls them, made anew whenever the package is loaded."""
const POINTERS = Dict{Symbol, Ptr{Cvoid}}()

function start_callbacks()
    for (name, kind) in ((:has_block, :tc_source_has_block), (:read_block, :tc_source_read_block),
                         (:read_window, :tc_source_read_window), (:map, :tc_map_fn), (:compute, :tc_compute_fn),
                         (:transform, :tc_transform_fn), (:progress, :tc_progress_fn))
        returns, takes = Raw.CALLBACKS[kind]
        POINTERS[name] = Base.eval(@__MODULE__, :(@cfunction($(Symbol(:call_, name)), $returns, ($(takes...),))))
    end
end
