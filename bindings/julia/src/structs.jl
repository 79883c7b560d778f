# Structs of C from keywords with the names of their members, and back.

nothing_of(::Type{Ptr{T}}) where {T} = Ptr{T}(C_NULL)
nothing_of(::Type{T}) where {T <: Number} = zero(T)
nothing_of(::Type{NTuple{N, T}}) where {N, T} = ntuple(_ -> zero(T), N)

member(::Type{T}, value) where {T} = convert(T, value)
member(::Type{T}, value::Bool) where {T <: Number} = T(value)
# A sample as bytes, for pad, nodata and fill.
function member(::Type{NTuple{16, UInt8}}, sample::Number)
    bytes = reinterpret(UInt8, [sample])
    length(bytes) > 16 && throw(ArgumentError("$(typeof(sample)) is no type of samples"))
    return ntuple(i -> i <= length(bytes) ? bytes[i] : 0x00, 16)
end

"""A struct of C: its size is set, members that are not given are 0, and there are no others."""
function c_struct(::Type{T}; given...) where {T}
    names = fieldnames(T)
    for name in keys(given)
        name in names && name !== :struct_size && name !== :reserved ||
            throw(Error(Raw.TC_E_ARGUMENT, "there is no option $name of $(nameof(T))"))
    end
    values = Base.map(names) do name
        type = fieldtype(T, name)
        name === :struct_size && return UInt32(sizeof(T))
        haskey(given, name) ? member(type, given[name]) : nothing_of(type)
    end
    return T(values...)
end

"""What a struct of C says, as a named tuple without sizes and reserves."""
function told(value::T) where {T}
    names = filter(name -> name !== :struct_size && name !== :reserved, fieldnames(T))
    return NamedTuple{names}(Base.map(name -> getfield(value, name), names))
end

"""A call that fills in a size-led struct."""
function filled(f, ::Type{T}) where {T}
    value = Ref(c_struct(T))
    check(err -> f(value, err))
    return value[]
end

"""Text that C can have."""
function text(what, given)
    string = String(given)
    at = findfirst(isequal(0x00), codeunits(string))
    at === nothing || throw(Error(Raw.TC_E_ARGUMENT, "$what has a NUL at byte $(at - 1): $(repr(string))"))
    return string
end
text(what, ::Nothing) = nothing

"""A list of bands, from 0; none are all."""
bands_of(bands) = Int32[band for band in bands]
pointer_or_null(list) = isempty(list) ? Ptr{eltype(list)}(C_NULL) : pointer(list)
pointer_or_null(string::String) = pointer(string)
pointer_or_null(::Nothing) = Ptr{UInt8}(C_NULL)

const TYPES = Dict{Int32, DataType}(
    Raw.TC_U8 => UInt8, Raw.TC_I8 => Int8, Raw.TC_U16 => UInt16, Raw.TC_I16 => Int16, Raw.TC_U32 => UInt32,
    Raw.TC_I32 => Int32, Raw.TC_U64 => UInt64, Raw.TC_I64 => Int64, Raw.TC_F32 => Float32, Raw.TC_F64 => Float64,
    Raw.TC_CI16 => Complex{Int16}, Raw.TC_CI32 => Complex{Int32}, Raw.TC_CF32 => ComplexF32, Raw.TC_CF64 => ComplexF64,
)
const DTYPES = Dict(type => dtype for (dtype, type) in TYPES)

dtype_of(type::Type) = get(() -> throw(Error(Raw.TC_E_ARGUMENT, "$type is no type of samples")), DTYPES, type)
dtype_of(number::Integer) = Int32(number)

"""The sample in the bytes of pad or nodata."""
sample_in(bytes::NTuple{16, UInt8}, dtype) = reinterpret(TYPES[dtype], collect(bytes))[1]
