# The package: what it gives, and what bad use gets. runtests.jl scene.tif memory_tier.so
using Test
using TileCache
const T = TileCache
const Raw = TileCache.Raw
const SCENE = isempty(ARGS) ? joinpath(@__DIR__, "../../tour/scene.tif") : ARGS[1]

include("layouts.jl")

struct Trouble <: Exception
    number::Int
end

const IMAGE = (dtype = UInt8, width = 1000, height = 600, block_width = 256, block_height = 256)
fill_block!(array, row, col) = for y in axes(array, 2), x in axes(array, 1)
    array[x, y, 1] = (col * 256 + x - 1 + 2 * (row * 256 + y - 1)) % 251
end
bytes_image() = from_source((array, row, col, level) -> fill_block!(array, row, col); image = IMAGE)

"""What `f` throws, which must be of this type."""
function thrown(f, type)
    try
        f()
    catch exception
        exception isa type || rethrow()
        return exception
    end
    error("nothing was thrown")
end
status_of(f) = thrown(f, T.Error).status

"""Until the collector and the tasks that it leads to have done all they have to do."""
function settle()
    for _ in 1:5
        GC.gc()
        sleep(0.02)
    end
end

# In a function of its own, so that nothing of what it looks at is held by the test.
@noinline sample(tile, x, y, band) = pixels(tile)[x, y, band]
@noinline sample_of(image) = (tile = get_block(image, 0, 0); value = sample(tile, 1, 1, 1); close(tile); value)
@noinline sample_of_mine(cache) =
    (tile = T.get_tile(cache, "mine", 0, 0); value = sample(tile, 8, 4, 1); close(tile); value)

@testset "the raw layer is the header's" begin
    for (name, size, members) in LAYOUTS
        type = getfield(Raw, name)
        @test sizeof(type) == size
        @test fieldnames(type) == Tuple(first.(members))
        for (i, (_, (offset, bytes))) in enumerate(members)
            @test fieldoffset(type, i) == offset && sizeof(fieldtype(type, i)) == bytes
        end
    end
    for (name, arguments) in FUNCTIONS
        @test first(methods(getfield(Raw, name))).nargs - 1 == arguments
        @test T.Libdl.dlsym_e(T.Libdl.dlopen(Raw.libtilecache), name) != C_NULL
    end
end

@testset "a tile is read where it lies" begin
    cache = Cache(64 << 20)
    image = cached(bytes_image(), cache)
    tile = get_block(image, 1, 1)
    array = pixels(tile)
    @test size(array) == (256, 256, 1) && eltype(array) == UInt8
    @test array[6, 4, 1] == (256 + 5 + 2 * (256 + 3)) % 251
    @test pointer(array) == tile.data
    @test pointer(pixels(get_block(image, 1, 1))) == tile.data
    @test_throws BoundsError array[257, 1, 1]
    @test status_of(() -> array[1, 1, 1] = 3) == Raw.TC_E_ARGUMENT
    @test sum(array) == sum(Int, collect(array))
    @test try_block(image, 1, 1) !== nothing && try_block(image, 0, 0) === nothing
    @test peek_block(image, 0, 0) === nothing
    @test pointer(pixels(T.get_tile(cache, T.key(image), 1, 1))) == tile.data
    @test T.get_tile(cache, "no such key", 0, 0) === nothing
    @test T.statistics(cache).held > 0
    strided = pixels(get_block(T.open(SCENE), 0, 0))
    @test strides(strided)[1] == 1 && strided[3, 4, 2] == 2 * 2 + 3 * 3
end

@testset "windows go into arrays of any strides and type" begin
    file = T.open(SCENE)
    shorts = read_window(file, 10, 20, 7, 5)
    @test eltype(shorts) == UInt16 && size(shorts) == (7, 5, 3)
    @test shorts[7, 5, 3] == (3 * 16 + 3 * 24) % 1000
    floats = read_window(file, 10, 20, 7, 5; bands = (2, 0), type = Float32)
    @test floats[:, :, 1] == shorts[:, :, 3] && floats[:, :, 2] == shorts[:, :, 1]
    into = zeros(Int32, 3, 5, 7)
    read_window!(permutedims(into, (3, 2, 1)), file, 10, 20) # A copy: nothing of `into` changes.
    @test all(iszero, into)
    large = zeros(Float64, 20, 20, 3)
    read_window!(view(large, 3:2:15, 4:8, :), file, 10, 20)
    @test large[3:2:15, 4:8, :] == shorts && count(!iszero, large) <= length(shorts)
    part = zeros(UInt16, 2, 2)
    copyto!(part, get_block(file, 0, 0), 10, 20; bands = 1)
    @test part == shorts[1:2, 1:2, 2]
    @test status_of(() -> read_window(file, 0, 0, -1, 1)) == Raw.TC_E_RANGE
    @test status_of(() -> read_window(file, 0, 0, 1, 1; type = Bool)) == Raw.TC_E_ARGUMENT
end

@testset "arrays are lent, and kept as long as they are needed" begin
    cache = Cache(1 << 20)
    alive = Ref(true)
    @noinline lend() = begin
        array = fill(1.5f0, 64, 32, 1)
        finalizer(_ -> alive[] = false, array)
        image = from_memory(array)
        tile = get_block(image, 0, 0)
        @test pointer(pixels(tile)) == pointer(array)
        @test info(image).width == 64
        close(image)
        tile
    end
    tile = lend()
    settle()
    @test alive[] && sample(tile, 64, 32, 1) == 1.5f0
    close(tile)
    tile = nothing
    settle()
    @test !alive[]
    put!(cache, "mine", 0, 0, fill(0x07, 8, 4, 1))
    settle()
    @test sample_of_mine(cache) == 7
    @test T.remove(cache, "mine", 0, 0) && !T.remove(cache, "mine", 0, 0)
    settle()
    @test isempty(T.LEASES) || all(value -> !(value[2] isa Array), values(T.LEASES))
end

@testset "operators" begin
    cache = Cache(64 << 20)
    file = T.open(SCENE)
    tiles = retile(file; cache = cache, tile_width = 100, tile_height = 50)
    @test info(tiles).block_width == 100 && info(tiles).block_height == 50
    @test info(downsample(file; factor = 4)).width == 150
    @test info(level(pyramid(tiles; cache = cache, levels = 4), 2)).width == 150
    @test all(==(0xff), pixels(get_block(mask(file), 0, 0)))
    doubled = T.map((to, from) -> to .= 2 .* from, file; cache = cache, dtype = UInt32, name = "doubled")
    @test read_window(doubled, 3, 4, 5, 6) == 2 .* read_window(file, 3, 4, 5, 6)
    summed = compute([(source = file, bands = (0,), right = 1), (source = doubled, bands = (1,))];
                     image = (dtype = Float64, width = 600, height = 400, block_width = 128, block_height = 128)) do to, inputs, place
        @test size(to) == (place.width, place.height, 1) && size(inputs[1], 1) == place.width + 1
        for y in axes(to, 2), x in axes(to, 1)
            to[x, y, 1] = Int(inputs[1][x + 1, y, 1]) + inputs[2][x, y, 1]
        end
    end
    @test read_window(summed, 10, 20, 1, 1)[1] == (11 + 60) + 2 * (20 + 60)
    two = mosaic([(provider = file, x = 0, y = 0), (provider = file, x = 600, y = 0)],
                 (dtype = UInt16, width = 1200, height = 400, block_width = 256, block_height = 256, bands = 3))
    @test read_window(two, 601, 1, 1, 1)[1] == 1 + 3
    shifted = warp(file, T.affine([10, 1, 0, 20, 0, 1]); filter = Raw.TC_FILTER_NEAREST, width = 50, height = 40)
    own = warp(file, Transform((x, y) -> (x + 10, y + 20)); filter = Raw.TC_FILTER_NEAREST, width = 50, height = 40)
    @test read_window(shifted, 0, 0, 50, 40) == read_window(own, 0, 0, 50, 40) == read_window(file, 10, 20, 50, 40)
    points = [(0, 0, 10, 20), (9, 0, 19, 20), (0, 9, 10, 29), (9, 9, 19, 29)]
    @test isopen(T.polynomial(points, 1)) && isopen(T.spline(points))
    placed = with_georef(file; transform = (500000, 10, 0, 4000000, 0, -10), epsg = 32632)
    @test georef(placed).transform[2] == 10 && georef(placed).epsg == 32632 && georef(file).transform === nothing
    @test pixels(get_block(pass(tiles; tiles = [(1, 1), (0, 0)]), 1, 1))[1, 1, 1] == 100 + 3 * 50
    @test T.counters(tiles).amplification >= 1
    invalidate(file)
    stats = pixel_stats(file)
    @test T.band(stats, 0).maximum == 999 && T.percentile(stats, 0, 100).value == 999
    @test sum(T.histogram(stats, 0, 0, 1000, 10).counts) == 600 * 400
    @test T.status_name(status_of(() -> T.display(file, Chain("bands=0|stretch=2..98%|u8")))) == "TC_E_ARGUMENT"
    @test info(T.display(file, T.resolve(Chain("bands=0|stretch=2..98%|u8"), file, stats))).bands == 1
    @test !isempty(T.why(T.automatic_chain(file))) && info(T.display(file)).dtype == Raw.TC_U8
    @test string(T.compose(Chain("stretch=0..9"), Chain("u8"))) == "stretch=0..9|u8"
    @test info(convert_samples(file; high = 1000, bands = (1,))).bands == 1
    heard = Float64[]
    mktempdir() do folder
        built = joinpath(folder, "built.tif")
        @test thrown(() -> T.build_pyramid(file, built; progress = _ -> throw(Trouble(5))), Trouble).number == 5
        @test status_of(() -> T.build_pyramid(file, built; progress = _ -> false)) == Raw.TC_E_CANCELLED
        @test !isfile(built)
        T.build_pyramid(file, built; levels = 2, progress = done -> push!(heard, done))
        @test info(T.open(built)).levels == 2 && last(heard) == 1 && T.image_count(built) >= 1
    end
end

include("disk_arrays.jl")

@testset "requests wait without a thread" begin
    cache = Cache(64 << 20)
    tiles = retile(T.open(SCENE); cache = cache, tile_width = 64, tile_height = 64)
    tasks = [request_block(tiles, row, col) for row in 0:5, col in 0:8]
    for (i, task) in pairs(tasks)
        @test pixels(fetch(task))[1, 1, 1] == ((i[2] - 1) * 64 + 3 * (i[1] - 1) * 64) % 1000
    end
    @test try_block(tiles, 5, 8) !== nothing
    @test pixels(fetch(request_block(tiles, 0, 0)))[1, 1, 1] == 0
    @test pixels(fetch(request_block(T.open(SCENE), 0, 1)))[1, 1, 1] == 128 # Without a cache.
    @test status_of(() -> request_block(tiles, 99, 0)) == Raw.TC_E_RANGE
    wait(T.prefetch(tiles, 0, 0, 600, 400))
    if VERSION < v"1.9"
        @test status_of(() -> request_block(cached(bytes_image(), cache), 0, 0)) == Raw.TC_E_UNSUPPORTED
    end
    # What the library has called asks directly.
    asked = Ref{Any}(nothing)
    above = from_source(image = IMAGE) do array, row, col, level
        asked[] = status_of(() -> request_block(tiles, 0, 0))
        fill_block!(array, row, col)
    end
    get_block(above, 0, 0)
    @test asked[] == Raw.TC_E_REENTRANT
end

@testset "what was closed is an error" begin
    cache = Cache(1 << 20)
    image = bytes_image()
    tile = get_block(image, 0, 0)
    array = pixels(tile)
    for handle in (cache, image, tile)
        close(handle)
        close(handle)
        @test !isopen(handle)
    end
    @test array[6, 1, 1] == 5 # It holds the tile itself.
    @test status_of(() -> info(image)) == Raw.TC_E_ARGUMENT
    @test status_of(() -> get_block(image, 0, 0)) == Raw.TC_E_ARGUMENT
    @test status_of(() -> pixels(tile)) == Raw.TC_E_ARGUMENT
    @test status_of(() -> tile.width) == Raw.TC_E_ARGUMENT
    @test status_of(() -> T.statistics(cache)) == Raw.TC_E_ARGUMENT
    @test status_of(() -> retile(T.open(SCENE); cache = cache)) == Raw.TC_E_ARGUMENT
    @test status_of(() -> retile(image)) == Raw.TC_E_ARGUMENT
    @test status_of(() -> T.key(image)) == Raw.TC_E_ARGUMENT
end

@testset "arguments that C could not tell are errors" begin
    @test occursin("NUL at byte 1", thrown(() -> T.open("a\0b"), T.Error).message)
    @test occursin("no option width", thrown(() -> retile(T.open(SCENE); width = 3), T.Error).message)
    failure = thrown(() -> T.open("/no/such/file.tif"), T.Error)
    @test failure.status == Raw.TC_E_NOT_FOUND
    @test startswith(sprint(showerror, failure), "TC_E_NOT_FOUND: /no/such/file.tif")
end

@testset "what a callback throws comes out as itself" begin
    cache = Cache(64 << 20)
    image = cached(from_source(image = IMAGE) do array, row, col, level
        col == 0 && throw(Trouble(row + 40))
        col == 1 && get_block(T.open(SCENE), 99, 0)
        col == 2 && throw(T.Error(Raw.TC_E_SOURCE, 42, "the sensor said no"))
        error("plain")
    end, cache)
    @test thrown(() -> get_block(image, 0, 0), Trouble) == Trouble(40)
    @test thrown(() -> get_block(image, 2, 0), Trouble) == Trouble(42)
    two = pyramid(image; cache = cache, levels = 2)
    @test thrown(() -> read_window(two, 0, 0, 1, 1, 1), Trouble) == Trouble(40)
    @test status_of(() -> get_block(image, 0, 1)) == Raw.TC_E_RANGE
    own = thrown(() -> get_block(image, 0, 2), T.Error)
    @test own.status == Raw.TC_E_SOURCE && own.source_code == 42 && occursin("the sensor said no", own.message)
    @test thrown(() -> get_block(image, 0, 3), ErrorException).msg == "plain"
    file = T.open(SCENE)
    @test thrown(() -> get_block(T.map((to, from) -> throw(Trouble(1)), file), 0, 0), Trouble) == Trouble(1)
    @test thrown(() -> get_block(compute((to, inputs, place) -> throw(Trouble(2)), [file]), 0, 0), Trouble) == Trouble(2)
    swing = Transform((x, y) -> throw(Trouble(3)))
    @test thrown(() -> get_block(warp(file, swing; width = 9, height = 9), 0, 0), Trouble) == Trouble(3)
    # While another exception is in flight.
    outer = thrown(Trouble) do
        try
            throw(Trouble(1))
        finally
            @test thrown(() -> get_block(image, 0, 0), Trouble) == Trouble(40)
        end
    end
    @test outer == Trouble(1)
    for _ in 1:1100
        thrown(() -> get_block(image, 0, 0), Trouble)
    end
    @test length(T.KEPT.exceptions) <= 1024
end

@testset "pixels of a callback cannot be kept" begin
    kept = Ref{Any}()
    image = T.map(T.open(SCENE)) do to, from
        kept[] = (to, from)
        @test status_of(() -> from[1, 1, 1] = 0) == Raw.TC_E_ARGUMENT
        to .= from
    end
    get_block(image, 0, 0)
    @test status_of(() -> kept[][1][1, 1, 1]) == Raw.TC_E_ARGUMENT
    @test status_of(() -> kept[][2][1, 1, 1]) == Raw.TC_E_ARGUMENT
    @test status_of(() -> kept[][1][1, 1, 1] = 1) == Raw.TC_E_ARGUMENT
end

@testset "a view outlives everything" begin
    make() = begin
        cache = Cache(1 << 20)
        image = cached(bytes_image(), cache)
        array = pixels(get_block(image, 0, 1))
        T.clear(cache)
        array
    end
    array = make()
    settle()
    junk = [rand(UInt8, 1 << 16) for _ in 1:200]
    @test array[8, 1, 1] == (256 + 7) % 251 && array[256, 256, 1] == (256 + 255 + 2 * 255) % 251
end

@testset "functions go when the image goes" begin
    alive = Ref(true)
    @noinline make() = begin
        held = finalizer(_ -> alive[] = false, Ref(3))
        image = from_source((array, row, col, level) -> fill!(array, held[]); image = IMAGE)
        tiles = retile(image)
        close(image)
        tiles
    end
    tiles = make()
    settle()
    @test alive[] && sample_of(tiles) == 3
    close(tiles)
    settle()
    @test !alive[]
end

@testset "threads" begin
    cache = Cache(1 << 20)
    file = retile(T.open(SCENE); cache = cache, tile_width = 64, tile_height = 64)
    own = cached(bytes_image(), cache)
    wrong = Threads.Atomic{Int}(0)
    Threads.@threads for n in 1:400
        row, col = n % 6, n % 9
        pixels(get_block(file, row, col))[2, 2, 1] == (col * 64 + 1 + 3 * (row * 64 + 1)) % 1000 ||
            Threads.atomic_add!(wrong, 1)
        row, col = n % 3, n % 4
        pixels(get_block(own, row, col))[2, 2, 1] == (col * 256 + 1 + 2 * (row * 256 + 1)) % 251 ||
            Threads.atomic_add!(wrong, 1)
        n % 50 == 0 && GC.gc()
    end
    @test wrong[] == 0
end

@testset "cancelling in the midst of a load" begin
    reads = Ref{Any}()
    noticed = Ref(false)
    image = from_source(image = IMAGE) do array, row, col, level
        cancel(reads[])
        noticed[] = T.is_cancelled(T.current_load())
        fill!(array, 0)
    end
    reads[] = reader(image)
    @test status_of(() -> get_block(reads[], 0, 0)) == Raw.TC_E_CANCELLED
    @test noticed[]
    @test status_of(() -> cancel(image)) == Raw.TC_E_ARGUMENT
    @test T.current_load() === nothing && !T.is_cancelled(nothing)
end

@testset "a million handles are collected" begin
    tiles = cached(T.open(SCENE), Cache(64 << 20))
    get_block(tiles, 0, 0)
    for _ in 1:1_000_000
        get_block(tiles, 0, 0)
    end
    settle()
    @test T.counters(tiles).held == 0 && T.counters(tiles).hits >= 1_000_000
end

@testset "what a hit costs" begin
    tiles = cached(T.open(SCENE), Cache(64 << 20))
    err, tile, at = zeros(UInt8, 512), Ref(Ptr{Raw.tc_tile}(C_NULL)), Ref{Raw.tc_pixels}()
    by_c(n) = for _ in 1:n
        Raw.provider_get_block(tiles, 0, 0, 0, C_NULL, 0, tile, err)
        Raw.tc_tile_pixels(tile[], at)
        Raw.tc_tile_release(tile[])
    end
    by_julia(n) = for _ in 1:n
        held = get_block(tiles, 0, 0)
        held.data
        close(held)
    end
    by_c(10); by_julia(10)
    # In turns, and the shortest rounds of each, which other programs of the machine disturbed least.
    rounds = [(@elapsed(by_julia(5000)), @elapsed(by_c(5000))) for _ in 1:30]
    ratio = minimum(first, rounds) / minimum(last, rounds)
    println("a hit through Julia takes $(round(ratio; digits = 1)) times as long as by the functions of C ",
            "(the shortest of 30 rounds each)")
    # Times vary with what else the machine does; what the collector has to do for a hit does not.
    @test (@allocated by_julia(1000)) / 1000 < 1000
end

@testset "the first example of the README" begin
    readme = read(joinpath(@__DIR__, "../README.md"), String)
    fence(language) = String(split(split(readme, "```$language\n")[2], "```")[1])
    mktempdir() do folder
        first = joinpath(folder, "first.jl")
        write(first, fence("julia"))
        @test read(`$(Base.julia_cmd()) --startup-file=no $first $SCENE`, String) == fence("text")
    end
end

@testset "another tier has what was decoded" begin
    library = T.Libdl.dlopen(ARGS[2])
    tables, away = T.Libdl.dlsym(library, :memory_tier), T.Libdl.dlsym(library, :memory_tier_away)
    table() = ccall(tables, Ptr{Cvoid}, ())
    be_away(is) = ccall(away, Cvoid, (Int32,), is)
    with_tier() = (cache = Cache(64 << 20); set_tier(cache, table()); cache)
    reads = Threads.Atomic{Int}(0)
    function image(cache)
        source = from_source(image = IMAGE, fleet_id = "bytes of Julia, version 1") do array, row, col, level
            Threads.atomic_add!(reads, 1)
            fill_block!(array, row, col)
        end
        return cached(source, cache)
    end
    first, second = with_tier(), with_tier()
    one = image(first)
    for each in (one, image(second))
        @test sample(get_block(each, 1, 1), 6, 4, 1) == (256 + 5 + 2 * (256 + 3)) % 251
    end
    @test reads[] == 1
    stats = tier_statistics(second)
    @test (stats.gets, stats.hits, stats.hit_bytes, stats.state) == (1, 1, 256 * 256, Raw.TC_TIER_CLOSED)
    flush_tier(first)
    be_away(1)
    failed = thrown(() -> invalidate_fleet(one), T.Error)
    @test failed.status == Raw.TC_E_UNREACHABLE && occursin("the store is away", failed.message)
    @test tier_statistics(first).purges_failed == 1 && tier_statistics(first).state == Raw.TC_TIER_OPEN
    be_away(0)
    invalidate_fleet(one)
    get_block(one, 1, 1)
    @test reads[] == 2 && tier_statistics(first).purges == 1
    for time in 1:2
        file = T.open(SCENE; fleet_id = "scene, version 1")
        get_block(retile(file; cache = with_tier()), 0, 0)
        @test (T.counters(file).loads > 0) == (time == 1)
    end
    @test status_of(() -> set_tier(Cache(1 << 20), C_NULL)) == Raw.TC_E_ARGUMENT
    @test status_of(() -> set_tier(first, table())) == Raw.TC_E_ARGUMENT
    @test status_of(() -> tier_statistics(Cache(1 << 20))) == Raw.TC_E_NOT_FOUND
    @test status_of(() -> flush_tier(Cache(1 << 20); seconds = 0.5)) == Raw.TC_E_NOT_FOUND
    @test status_of(() -> T.open(SCENE; fleet_id = "a\0b")) == Raw.TC_E_ARGUMENT
end
