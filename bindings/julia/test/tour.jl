# The tour in Julia: docs/bindings.md has it beside those in other languages.
using TileCache
const T = TileCache
const Raw = TileCache.Raw

# Three windows.
# The sum of the samples of a window of bytes.
sum_of(image, x, y, level) = sum(Int, read_window(image, x, y, 64, 48, level))

# End.
function tour(path)
    # Open.
    cache = Cache(64 << 20)
    file = T.open(path)
    about = info(file)
    println("open: $(T.format(file)), $(about.width) x $(about.height), $(about.bands) bands")

    # Pyramid.
    levels = pyramid(file; cache = cache, filter = Raw.TC_FILTER_AVERAGE, levels = 3, tile_width = 128, tile_height = 128)
    println("pyramid: $(info(levels).levels) levels")

    # Display.
    chain = T.resolve(Chain("bands=2,1,0|stretch=0..1000|u8"), levels)
    picture = T.display(levels, chain; cache = cache)
    println("display: $(string(chain))")

    # Three windows.
    for level in 0:2
        println("window at level $level: $(sum_of(picture, 80 >> level, 40 >> level, level))")
    end

    # A provider of one's own.
    # Sample (x, y) is (x + 2 y) mod 251. In block (1, 1) it cancels the reader, if there is one.
    reads = nothing
    image = (dtype = UInt8, width = 1000, height = 600, block_width = 256, block_height = 256)
    own = from_source(image = image) do array, row, col, level
        for y in axes(array, 2), x in axes(array, 1)
            array[x, y, 1] = (col * 256 + x - 1 + 2 * (row * 256 + y - 1)) % 251
        end
        if row == 1 && col == 1 && reads !== nothing
            cancel(reads)
            println("wanted after the cancel: ", T.is_cancelled(T.current_load()) ? "no" : "yes")
            throw(T.Error(Raw.TC_E_CANCELLED, "not wanted any more"))
        end
    end
    println("own: ", join(Int.(read_window(own, 254, 255, 3, 2)), " "))

    # An error.
    try
        read_window(own, 0, 0, 3, 2, 9)
    catch error
        println("error: ", sprint(showerror, error))
    end

    # A cancel.
    reads = reader(own)
    try
        read_window(reads, 300, 300, 3, 2)
    catch error
        println("cancel: ", T.status_name(error.status))
    end
    # End.
end

tour(ARGS[1])
