# What calls fail with, and what callbacks failed with, on its way through the library.

"""What was wrong: the `status` of the call, for `TC_E_SOURCE` the code of the callback, and a text for a person."""
struct Error <: Exception
    status::Int32
    source_code::Int32
    message::String
end
Error(status, message) = Error(status, 0, message)

status_name(status) = unsafe_string(Raw.tc_status_name(status))
Base.showerror(io::IO, error::Error) = print(io, status_name(error.status), ": ", error.message)

"""
The exceptions of callbacks, each under a number that no sensible code of a callback is. The latest 1,024 are kept.
"""
struct Kept
    exceptions::Dict{Int32, Any}
    numbers::Vector{Int32}
    lock::Threads.SpinLock
    next::Ref{Int32}
end
const KEPT = Kept(Dict{Int32, Any}(), Int32[], Threads.SpinLock(), Ref(typemin(Int32)))
const MOST_KEPT = 1024

function keep(exception)
    lock(KEPT.lock)
    try
        number = KEPT.next[] = KEPT.next[] == -1_000_000_000 ? typemin(Int32) : KEPT.next[] + Int32(1)
        KEPT.exceptions[number] = exception
        push!(KEPT.numbers, number)
        length(KEPT.numbers) > MOST_KEPT && delete!(KEPT.exceptions, popfirst!(KEPT.numbers))
        return number
    finally
        unlock(KEPT.lock)
    end
end

"""What a callback threw under this number, or `nothing`."""
function kept(number)
    number < -1_000_000_000 || return nothing
    lock(KEPT.lock)
    try
        return get(KEPT.exceptions, number, nothing)
    finally
        unlock(KEPT.lock)
    end
end

const MESSAGE_AT = fieldoffset(Raw.tc_error, 3)
const MESSAGE_BYTES = Int(sizeof(fieldtype(Raw.tc_error, 3)))

"""Calls `f` with memory for an error; throws what a callback threw, else what the library says."""
function check(f)
    err = Vector{UInt8}(undef, sizeof(Raw.tc_error))
    status = f(err)
    status == Raw.TC_OK && return nothing
    throw(failure(status, err))
end

function failure(status, err)
    GC.@preserve err begin
        source_code = unsafe_load(Ptr{Int32}(pointer(err)), 2)
        message = unsafe_string(pointer(err) + MESSAGE_AT)
    end
    exception = status == Raw.TC_E_SOURCE ? kept(source_code) : nothing
    return exception === nothing ? Error(status, source_code, message) : exception
end

# These come through the library as they are, see tc_source; anything else goes as what it is in Julia.
const COMES_THROUGH = (Raw.TC_E_CANCELLED, Raw.TC_E_REENTRANT, Raw.TC_E_NO_MEMORY, Raw.TC_E_LIMIT, Raw.TC_E_IO,
                       Raw.TC_E_CORRUPT, Raw.TC_E_UNSUPPORTED, Raw.TC_E_CHANGED, Raw.TC_E_INTERNAL)

"""Writes what a callback threw for the library, and returns what the callback returns then."""
function hand_on(exception, err::Ptr{Cvoid})
    as_it_is = exception isa Error && (exception.status in COMES_THROUGH || exception.status == Raw.TC_E_SOURCE)
    status = as_it_is ? exception.status : Raw.TC_E_SOURCE
    message = exception isa Error ? exception.message : sprint(showerror, exception)
    bytes = Vector{UInt8}(codeunits(message))[1:min(end, MESSAGE_BYTES - 1)]
    while !isvalid(String, bytes)
        pop!(bytes)
    end
    unsafe_store!(Ptr{Int32}(err), status, 1)
    unsafe_store!(Ptr{Int32}(err), as_it_is ? exception.source_code : keep(exception), 2)
    for (i, byte) in enumerate(push!(bytes, 0x00))
        unsafe_store!(Ptr{UInt8}(err + MESSAGE_AT), byte, i)
    end
    return status
end

"""Runs a callback so that nothing is thrown into C."""
function guarded(f, err::Ptr{Cvoid})::Int32
    try
        f()
        return Raw.TC_OK
    catch exception
        return hand_on(exception, err)
    end
end
