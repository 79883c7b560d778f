package tilecache;

import static java.lang.foreign.ValueLayout.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import tilecache.raw.Raw;
import tilecache.raw.Raw.tc_map_options;
import tilecache.raw.Raw.tc_retile_options;
import tilecache.raw.Raw.tc_source;

/** An image as a grid of blocks. A null cache keeps nothing; no bands are all bands. */
public final class Provider extends Handle {
    private Provider(MemorySegment pointer) {
        super(pointer, Raw::provider_release);
    }

    /** Opens an image file by its content. */
    public static Provider open(String path) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment made = arena.allocate(ADDRESS);
            MemorySegment given = Memory.text("the path", path, arena);
            checked(arena, err -> Raw.provider_open(given, MemorySegment.NULL, made, err));
            return new Provider(made.get(ADDRESS, 0));
        }
    }

    /** An image whose blocks a source makes. */
    public static Provider fromSource(ImageInfo image, Source source) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment made = arena.allocate(ADDRESS);
            MemorySegment user = Callbacks.lend(source);
            MemorySegment c = Memory.sized(tc_source.SIZE, arena);
            c.set(JAVA_INT, tc_source.threading, Raw.TC_CONCURRENT);
            c.set(ADDRESS, tc_source.user, user);
            c.set(ADDRESS, tc_source.image, image.c(arena));
            c.set(ADDRESS, tc_source.read_block, Callbacks.READ_BLOCK);
            c.set(ADDRESS, tc_source.has_block, Callbacks.HAS_BLOCK);
            c.set(ADDRESS, tc_source.release, Callbacks.RELEASE);
            try {
                checked(arena, err -> Raw.provider_from_source(c, made, err));
            } catch (Throwable problem) {
                Callbacks.release(user);
                throw problem;
            }
            return new Provider(made.get(ADDRESS, 0));
        }
    }

    // Operators.

    public Provider cached(Cache cache) {
        return in(cache, (pointer, keeps, arena, made, err) -> Raw.provider_cached(pointer, keeps, made, err));
    }

    public Provider retile(long tileWidth, long tileHeight, Cache cache) {
        return in(cache, (pointer, keeps, arena, made, err) -> {
            MemorySegment c = Memory.sized(tc_retile_options.SIZE, arena);
            c.set(JAVA_LONG, tc_retile_options.tile_width, tileWidth);
            c.set(JAVA_LONG, tc_retile_options.tile_height, tileHeight);
            return Raw.provider_retile(pointer, c, keeps, made, err);
        });
    }

    public Provider pyramid(LevelOptions options, Cache cache) {
        return in(cache, (pointer, keeps, arena, made, err) ->
                Raw.provider_pyramid(pointer, options.c(arena), keeps, made, err));
    }

    public Provider downsample(LevelOptions options, Cache cache) {
        return in(cache, (pointer, keeps, arena, made, err) ->
                Raw.provider_downsample(pointer, options.c(arena), keeps, made, err));
    }

    public Provider level(int level) {
        return made((pointer, arena, made, err) -> Raw.provider_level(pointer, level, made, err), Provider::new);
    }

    public Provider mask() {
        return made((pointer, arena, made, err) -> Raw.provider_mask(pointer, made, err), Provider::new);
    }

    /** Through a resolved chain; null is the automatic one. */
    public Provider display(Chain chain, Cache cache) {
        if (chain == null) {
            return in(cache, (pointer, keeps, arena, made, err) ->
                    Raw.provider_display(pointer, MemorySegment.NULL, keeps, made, err));
        }
        return chain.use(steps -> in(cache, (pointer, keeps, arena, made, err) ->
                Raw.provider_display(pointer, steps, keeps, made, err)));
    }

    /** Computes an image block by block, in another type if one is given. */
    public Provider map(Source.Mapping mapping, DType dtype, Cache cache) {
        MemorySegment user = Callbacks.lend(mapping);
        try {
            return in(cache, (pointer, keeps, arena, made, err) -> {
                MemorySegment c = Memory.sized(tc_map_options.SIZE, arena);
                c.set(JAVA_INT, tc_map_options.dtype, dtype == null ? 0 : dtype.code);
                c.set(ADDRESS, tc_map_options.map, Callbacks.MAP);
                c.set(ADDRESS, tc_map_options.user, user);
                c.set(ADDRESS, tc_map_options.release, Callbacks.RELEASE);
                return Raw.provider_map(pointer, c, keeps, made, err);
            });
        } catch (Throwable problem) {
            Callbacks.release(user);
            throw problem;
        }
    }

    /** A reader, which {@link #cancel} ends. */
    public Provider reader() {
        return made((pointer, arena, made, err) ->
                Raw.provider_reader(pointer, MemorySegment.NULL, made, err), Provider::new);
    }

    public void cancel() {
        check((pointer, arena, err) -> Raw.provider_cancel(pointer, err));
    }

    public void invalidate() {
        check((pointer, arena, err) -> Raw.provider_invalidate(pointer, err));
    }

    // What the image is.

    public ImageInfo info() {
        return use(pointer -> {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment info = Memory.sized(Raw.tc_image_info.SIZE, arena);
                checked(arena, err -> Raw.provider_info(pointer, info, err));
                return ImageInfo.of(info);
            }
        });
    }

    public String key() {
        return use(pointer -> Memory.text(Raw.provider_key(pointer)));
    }

    /** The format of the file that the pixels come from; null without one. */
    public String format() {
        return use(pointer -> Memory.text(Raw.provider_format(pointer)));
    }

    /** A text that came with the image, or with a band of it; null if there is none. */
    public String metadata(String name, int band) {
        return use(pointer -> {
            try (Arena arena = Arena.ofConfined()) {
                return Memory.text(Raw.provider_metadata(pointer, band, Memory.text("the name", name, arena)));
            }
        });
    }

    // Pixels.

    public boolean hasBlock(long row, long col, int level) {
        return use(pointer -> {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment has = arena.allocate(JAVA_INT);
                checked(arena, err -> Raw.provider_has_block(pointer, row, col, level, has, err));
                return has.get(JAVA_INT, 0) != 0;
            }
        });
    }

    public Tile getBlock(long row, long col, int level, int... bands) {
        return made((pointer, arena, made, err) -> Raw.provider_get_block(pointer, row, col, level,
                Memory.bands(bands, arena), bands.length, made, err), Tile::new);
    }

    /** A block if it can be had at once. */
    public Optional<Tile> tryBlock(long row, long col, int level, int... bands) {
        try {
            return Optional.of(made((pointer, arena, made, err) -> Raw.provider_try_block(pointer, row, col, level,
                    Memory.bands(bands, arena), bands.length, made, err), Tile::new));
        } catch (TileCacheException problem) {
            if (problem.status() == Raw.TC_E_NOT_RESIDENT) {
                return Optional.empty();
            }
            throw problem;
        }
    }

    /** A block on a thread of the library: a hit is there at once. What the future leads to runs elsewhere. */
    public CompletableFuture<Tile> requestBlock(long row, long col, int level, int... bands) {
        Optional<Tile> there = tryBlock(row, col, level, bands);
        if (there.isPresent()) {
            return CompletableFuture.completedFuture(there.get());
        }
        CompletableFuture<Tile> future = new CompletableFuture<>();
        MemorySegment user = Callbacks.lend(future);
        try {
            check((pointer, arena, err) -> Raw.provider_request_block(pointer, row, col, level,
                    Memory.bands(bands, arena), bands.length, Callbacks.DONE, user, err));
        } catch (Throwable problem) {
            Callbacks.release(user);
            throw problem;
        }
        return future;
    }

    /** Reads a window of a level into new memory, converted to a type. */
    public Pixels readWindow(DType dtype, long x, long y, long width, long height, int level, int... bands) {
        int count = bands.length == 0 ? info().bands() : bands.length;
        Pixels into = Pixels.packed(dtype, count, height, width);
        readWindow(into, x, y, level, bands);
        return into;
    }

    /** Reads a window of a level into memory outside of Java's heap, converted to its type. */
    public void readWindow(Pixels into, long x, long y, int level, int... bands) {
        check((pointer, arena, err) -> Raw.provider_read_window(pointer, x, y, level, Memory.bands(bands, arena),
                bands.length, into.target(arena), err));
    }

    private interface MadeIn {
        int with(MemorySegment pointer, MemorySegment cache, Arena arena, MemorySegment made, MemorySegment err);
    }

    private Provider in(Cache cache, MadeIn call) {
        if (cache == null) {
            return made((pointer, arena, made, err) -> call.with(pointer, MemorySegment.NULL, arena, made, err),
                    Provider::new);
        }
        return cache.use(keeps -> made((pointer, arena, made, err) -> call.with(pointer, keeps, arena, made, err),
                Provider::new));
    }
}
