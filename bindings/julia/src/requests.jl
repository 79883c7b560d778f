# Misses that occupy no thread of Julia: the library makes the tile ahead, and signals when it is there.

"""
Has tiles over a rectangle made in the background. `wait` on what it returns waits until that has ended, without a thread.
"""
function prefetch(image::Provider, x, y, width, height, level = 0; bands = (), threads = 0)
    refuse_threads(image.by_julia, "a prefetch")
    list = bands_of(bands)
    ended = Base.Event()
    with_lease(ended) do user
        GC.@preserve list check() do err
            c = Ref(c_struct(Raw.tc_prefetch_options; threads = threads, bands = pointer_or_null(list),
                             n_bands = length(list)))
            Raw.provider_prefetch(image, x, y, width, height, level, c, signal(), user, err)
        end
    end
    return ended
end

"""
A task whose `fetch` gives the block. A hit is there at once; a miss waits for threads of the library, and other tasks go
on meanwhile. An image without a cache is read by the task itself. Functions that the library has called ask by `get_block`.
"""
function request_block(image::Provider, row, col, level = 0; bands = ())
    in_callback() && throw(Error(Raw.TC_E_REENTRANT, "what the library has called asks for blocks by get_block, for " *
                                 "a request may need the thread that waits for it"))
    tile = try_block(image, row, col, level; bands = bands)
    tile === nothing || return @async tile
    refuse_threads(image.by_julia, "a request")
    about = info(image)
    across, down = step_of(about.block_width, level), step_of(about.block_height, level)
    waits = try
        prefetch(image, across(col), down(row), 1, 1, level; bands = bands)
    catch error
        # Without a cache there is nowhere to make it ahead.
        error isa Error && error.status == Raw.TC_E_ARGUMENT || rethrow()
        nothing
    end
    return @async begin
        waits === nothing || wait(waits)
        get_block(image, row, col, level; bands = bands)
    end
end

function in_callback()
    load = current_load()
    load === nothing || close(load)
    return load !== nothing
end

"""Where the block of a number begins at a level: see tc_image_info."""
step_of(block, level) = number -> cld(number * block, Int64(1) << level)
