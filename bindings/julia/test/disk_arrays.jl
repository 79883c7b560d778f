# The extension over a stand-in that has only the interface of DiskArrays, for the package itself may not be there.
module DiskArrays
abstract type AbstractDiskArray{T, N} <: AbstractArray{T, N} end
struct Chunked end
struct GridChunks
    array::Any
    size::Any
end
function haschunks end
function eachchunk end
function readblock! end
function writeblock! end
end

const EXTENSION = replace(read(joinpath(@__DIR__, "../ext/TileCacheDiskArraysExt.jl"), String),
                          "import DiskArrays\n" => "import ..DiskArrays\n")
include_string(Main, EXTENSION)

@testset "the extension for DiskArrays, over a stand-in" begin
    array = T.disk_array(T.open(SCENE))
    @test array isa DiskArrays.AbstractDiskArray{UInt16, 3} && size(array) == (600, 400, 3)
    @test DiskArrays.haschunks(array) isa DiskArrays.Chunked && DiskArrays.eachchunk(array).size == (128, 128, 3)
    out = zeros(UInt16, 3, 2, 1)
    DiskArrays.readblock!(array, out, 11:13, 21:22, 2:2)
    @test out[3, 2, 1] == 2 * 12 + 3 * 21
    @test status_of(() -> DiskArrays.writeblock!(array, out, 1:3, 1:2, 1:1)) == Raw.TC_E_ARGUMENT
end
