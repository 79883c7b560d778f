package tilecache;

import static java.lang.foreign.ValueLayout.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiFunction;
import java.util.function.Function;
import tilecache.raw.Raw;
import tilecache.raw.Raw.tc_retile_options;

/** An image as a grid of blocks. A null cache keeps nothing; no bands are all bands. */
public final class Provider extends Handle {
    private Provider(MemorySegment pointer) {
        super(pointer, Raw::provider_release);
    }

    /** Opens an image file by its content. */
    public static Provider open(String path) {
        return open(path, new OpenOptions());
    }

    public static Provider open(String path, OpenOptions options) {
        return new Provider(options.during((arena, c) -> pointer((own, made, err) ->
                Raw.provider_open(Memory.text("the path", path, arena), c, made, err))));
    }

    /** Opens an image of bytes of yours. */
    public static Provider open(Bytes bytes, OpenOptions options) {
        return lending(bytes, user -> new Provider(options.during((arena, c) -> pointer((own, made, err) ->
                Raw.provider_open_io(Bytes.c(bytes, user, arena), c, made, err)))));
    }

    /** How many images a file has. */
    public static int imageCount(String path) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment count = arena.allocate(JAVA_INT);
            checked(arena, err -> Raw.provider_image_count(Memory.text("the path", path, arena), count, err));
            return count.get(JAVA_INT, 0);
        }
    }

    public static int imageCount(Bytes bytes) {
        MemorySegment user = Callbacks.lend(bytes);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment count = arena.allocate(JAVA_INT);
            checked(arena, err -> Raw.provider_image_count_io(Bytes.c(bytes, user, arena), count, err));
            return count.get(JAVA_INT, 0);
        } finally {
            Callbacks.release(user);
        }
    }

    /** An image whose blocks a source makes. */
    public static Provider fromSource(ImageInfo image, Source source) {
        return fromSource(image, source, new SourceOptions());
    }

    public static Provider fromSource(ImageInfo image, Source source, SourceOptions options) {
        return lending(source, user -> useAll(options.inputs, inputs -> useIfAny(options.mask, mask ->
                new Provider(pointer((arena, made, err) ->
                        Raw.provider_from_source(options.c(arena, image, source, user, inputs, mask), made, err))))));
    }

    /**
     * Pixels of yours as an image, without a copy: they must stay as they are as long as anybody uses it. They lie side by
     * side outside of Java's heap, in memory that stays (as of Arena.ofAuto), which the image keeps.
     */
    public static Provider fromMemory(Pixels pixels, ImageInfo image, String key) {
        return lending(pixels, user -> new Provider(pointer((arena, made, err) ->
                Raw.provider_from_memory(pixels.target(arena), image.c(arena), Memory.text("the key", key, arena),
                        Callbacks.RELEASE, user, made, err))));
    }

    /** A call with the number of an object that the library knows from then on, if it did not fail. */
    private static <T> T lending(Object object, Function<MemorySegment, T> call) {
        MemorySegment user = Callbacks.lend(object);
        try {
            return call.apply(user);
        } catch (Throwable problem) {
            Callbacks.release(user);
            throw problem;
        }
    }

    /** An image that a kernel computes, block by block, of windows of others. */
    public static Provider compute(List<Input> inputs, Kernel kernel, ComputeOptions options, Cache cache) {
        List<Provider> sources = inputs.stream().map(input -> input.source).toList();
        if (sources.isEmpty()) {
            throw new TileCacheException(Raw.TC_E_ARGUMENT, "an operator without inputs");
        }
        DType dtype = sources.get(0).info().dtype();
        return lending(kernel, user -> useAll(sources, pointers -> useIfAny(cache, keeps ->
                new Provider(pointer((arena, made, err) -> {
                    MemorySegment row = arena.allocate(pointers.length * Raw.tc_input.SIZE, 8);
                    for (int index = 0; index < pointers.length; index++) {
                        Struct into = Struct.at(row, index, Raw.tc_input.SIZE, arena);
                        into.set(Raw.tc_input.source, pointers[index]);
                        inputs.get(index).fill(into);
                    }
                    return Raw.provider_compute(row, pointers.length, options.c(arena, dtype, user), keeps, made, err);
                })))));
    }

    /** One image made of many, each at its place; later parts lie over earlier ones. */
    public static Provider mosaic(List<Part> parts, MosaicOptions options, Cache cache) {
        ImageInfo told = options.image == null ? around(parts) : options.image;
        List<Provider> providers = new ArrayList<>();
        parts.forEach(part -> providers.add(part.provider()));
        Function<MemorySegment, Provider> call = user -> useAll(providers, pointers -> useIfAny(cache, keeps ->
                new Provider(pointer((arena, made, err) -> {
                    MemorySegment row = arena.allocate(Math.max(pointers.length, 1) * Raw.tc_mosaic_part.SIZE, 8);
                    for (int index = 0; index < pointers.length; index++) {
                        Part part = parts.get(index);
                        Struct.at(row, index, Raw.tc_mosaic_part.SIZE, arena)
                                .set(Raw.tc_mosaic_part.provider, pointers[index])
                                .set(Raw.tc_mosaic_part.key, "the key of a part", part.key())
                                .set(Raw.tc_mosaic_part.x, part.x()).set(Raw.tc_mosaic_part.y, part.y())
                                .set(Raw.tc_mosaic_part.width, part.width())
                                .set(Raw.tc_mosaic_part.height, part.height());
                    }
                    return Raw.provider_mosaic(row, pointers.length, options.c(arena, told, user), keeps, made, err);
                }))));
        return options.open == null ? call.apply(MemorySegment.NULL) : lending(options.open, call);
    }

    /** What holds all parts, and is as the first that is given. */
    private static ImageInfo around(List<Part> parts) {
        ImageInfo first = null;
        long width = 0;
        long height = 0;
        for (Part part : parts) {
            ImageInfo info = part.provider() == null ? null : part.provider().info();
            first = first == null ? info : first;
            width = Math.max(width, part.x() + (info == null ? part.width() : info.width()));
            height = Math.max(height, part.y() + (info == null ? part.height() : info.height()));
        }
        if (first == null) {
            throw new TileCacheException(Raw.TC_E_ARGUMENT,
                    "a mosaic of parts that are all opened later needs MosaicOptions.image");
        }
        return new ImageInfo(first.dtype(), width, height, 0, 0, first.bands()).with(first.pad(), first.nodata());
    }

    // Operators.

    public Provider cached(Cache cache) {
        return in(cache, (pointer, keeps, arena, made, err) -> Raw.provider_cached(pointer, keeps, made, err));
    }

    public Provider retile(long tileWidth, long tileHeight, Cache cache) {
        return retile(tileWidth, tileHeight, false, cache);
    }

    /** In tiles of any size; those at the edge are cut, or padded. */
    public Provider retile(long tileWidth, long tileHeight, boolean padEdges, Cache cache) {
        return in(cache, (pointer, keeps, arena, made, err) -> Raw.provider_retile(pointer,
                Struct.sized(tc_retile_options.SIZE, arena).set(tc_retile_options.pad_edges, padEdges ? 1 : 0)
                        .set(tc_retile_options.tile_width, tileWidth).set(tc_retile_options.tile_height, tileHeight).c,
                keeps, made, err));
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
        return useIfAny(chain, steps -> in(cache, (pointer, keeps, arena, made, err) ->
                Raw.provider_display(pointer, steps, keeps, made, err)));
    }

    /** The image seen through a transformation from pixels of the output to those of the source. */
    public Provider warp(Transform transform, WarpOptions options, Cache cache) {
        return transform.use(through -> in(cache, (pointer, keeps, arena, made, err) ->
                Raw.provider_warp(pointer, through, options.c(arena), keeps, made, err)));
    }

    /** The image in another type, by limits or percentiles and gamma. */
    public Provider convert(ConvertOptions options, Cache cache) {
        return useIfAny(options.stats, known -> in(cache, (pointer, keeps, arena, made, err) ->
                Raw.provider_convert(pointer, options.c(arena, known), keeps, made, err)));
    }

    /** The same image, which lies where you say; null is nowhere. */
    public Provider withGeoref(Georef georef) {
        return made((pointer, arena, made, err) -> Raw.provider_with_georef(pointer,
                georef == null ? MemorySegment.NULL : georef.c(arena), made, err), Provider::new);
    }

    /** Computes an image block by block, in another type if one is given. */
    public Provider map(Source.Mapping mapping, DType dtype, Cache cache) {
        MapOptions options = new MapOptions();
        options.dtype = dtype;
        return map(mapping, options, cache);
    }

    public Provider map(Source.Mapping mapping, MapOptions options, Cache cache) {
        DType dtype = options.dtype == null ? info().dtype() : options.dtype;
        return lending(mapping, user -> in(cache, (pointer, keeps, arena, made, err) ->
                Raw.provider_map(pointer, options.c(arena, dtype, user), keeps, made, err)));
    }

    /** A reader, which {@link #cancel} ends. */
    public Provider reader() {
        return made((pointer, arena, made, err) ->
                Raw.provider_reader(pointer, MemorySegment.NULL, made, err), Provider::new);
    }

    /** A reader by options. */
    public Provider reader(ReaderOptions options) {
        DType dtype = info().dtype();
        return useIfAny(options.load, load -> made((pointer, arena, made, err) ->
                Raw.provider_reader(pointer, options.c(arena, dtype, load), made, err), Provider::new));
    }

    /** A reader whose order is known ahead, so that its cache keeps what it will use next. */
    public Provider pass(PassOptions options) {
        return made((pointer, arena, made, err) -> Raw.provider_pass(pointer, options.c(arena), made, err), Provider::new);
    }

    public void cancel() {
        check((pointer, arena, err) -> Raw.provider_cancel(pointer, err));
    }

    public void invalidate() {
        check((pointer, arena, err) -> Raw.provider_invalidate(pointer, err));
    }

    /** As {@link #invalidate}, on all machines that share another tier. */
    public void invalidateFleet() {
        check((pointer, arena, err) -> Raw.provider_invalidate_fleet(pointer, err));
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

    /** What a band is, from 0. */
    public BandInfo bandInfo(int band) {
        DType dtype = info().dtype();
        return use(pointer -> {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment c = Memory.sized(Raw.tc_band_info.SIZE, arena);
                checked(arena, err -> Raw.provider_band_info(pointer, band, c, err));
                boolean has = (c.get(JAVA_INT, Raw.tc_band_info.flags) & Raw.TC_BAND_HAS_NODATA) != 0;
                return new BandInfo(c.get(JAVA_INT, Raw.tc_band_info.colour),
                        has ? Struct.sample(c, Raw.tc_band_info.nodata, dtype) : null);
            }
        });
    }

    /** The colours that the samples of a band are indices of; empty if it has no palette. */
    public List<Rgba> palette(int band) {
        return use(pointer -> {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment count = arena.allocate(JAVA_LONG);
                checked(arena, err -> Raw.provider_palette(pointer, band, MemorySegment.NULL, 0, count, err));
                long colours = count.get(JAVA_LONG, 0);
                MemorySegment row = arena.allocate(Math.max(colours, 1) * Raw.tc_rgba.SIZE);
                checked(arena, err -> Raw.provider_palette(pointer, band, row, colours, count, err));
                List<Rgba> palette = new ArrayList<>();
                for (long at = 0; at < colours * Raw.tc_rgba.SIZE; at += Raw.tc_rgba.SIZE) {
                    palette.add(new Rgba(row.get(JAVA_BYTE, at) & 0xff, row.get(JAVA_BYTE, at + 1) & 0xff,
                            row.get(JAVA_BYTE, at + 2) & 0xff, row.get(JAVA_BYTE, at + 3) & 0xff));
                }
                return palette;
            } catch (TileCacheException problem) {
                if (problem.status() == Raw.TC_E_NOT_FOUND) {
                    return List.of();
                }
                throw problem;
            }
        });
    }

    /** All texts that came with the image (band -1), or with a band of it, by their names. */
    public Map<String, String> metadata(int band) {
        return use(pointer -> {
            Map<String, String> texts = new LinkedHashMap<>();
            for (long index = 0; index < Raw.provider_metadata_count(pointer, band); index++) {
                MemorySegment name = Raw.provider_metadata_name(pointer, band, index);
                texts.put(Memory.text(name), Memory.text(Raw.provider_metadata(pointer, band, name)));
            }
            return texts;
        });
    }

    /** One of the numbers of tc_cache_stats, of this provider alone. */
    public long counter(long member) {
        return counted((stats, amplification) -> stats.get(JAVA_LONG, member));
    }

    /** Blocks decoded, divided by the distinct ones among them: 1 if none was decoded twice, 0 if none was. */
    public double amplification() {
        return counted((stats, amplification) -> amplification.get(JAVA_DOUBLE, 0));
    }

    private <T> T counted(BiFunction<MemorySegment, MemorySegment, T> read) {
        return use(pointer -> {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment stats = Memory.sized(Raw.tc_cache_stats.SIZE, arena);
                MemorySegment amplification = arena.allocate(JAVA_DOUBLE);
                checked(arena, err -> Raw.provider_counters(pointer, stats, amplification, err));
                return read.apply(stats, amplification);
            }
        });
    }

    /** What this provider has done, and has in its cache, as JSON. */
    public String countersJson() {
        return use(pointer -> {
            try (Arena arena = Arena.ofConfined()) {
                return Memory.told(arena, (into, room, bytes, err) ->
                        Raw.provider_counters_json(pointer, into, room, bytes, err));
            }
        });
    }

    // Where it lies.

    /** Where the pixels of a level lie on the ground, as far as that is known. */
    public Georef georef(int level) {
        return use(pointer -> {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment c = Memory.sized(Raw.tc_georef.SIZE, arena);
                checked(arena, err -> Raw.provider_georef(pointer, level, c, err));
                return Georef.of(c);
            }
        });
    }

    private interface Places {
        int with(MemorySegment pointer, int level, MemorySegment from, long count, MemorySegment to, MemorySegment err);
    }

    /** Coordinates x, y of points column, row, pair by pair; (0.5, 0.5) is the centre of the first pixel. */
    public double[] placeOf(int level, double... pixels) {
        return placed(Raw::provider_place_of, level, pixels);
    }

    /** Points column, row at coordinates x, y, pair by pair. */
    public double[] pixelOf(int level, double... places) {
        return placed(Raw::provider_pixel_of, level, places);
    }

    private double[] placed(Places call, int level, double[] pairs) {
        if (pairs.length % 2 != 0) {
            throw new TileCacheException(Raw.TC_E_ARGUMENT, pairs.length + " numbers, which are no pairs");
        }
        return use(pointer -> {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment at = arena.allocateFrom(JAVA_DOUBLE, pairs);
                checked(arena, err -> call.with(pointer, level, at, pairs.length / 2, at, err));
                return at.toArray(JAVA_DOUBLE);
            }
        });
    }

    // Long calls.

    /** Statistics of all bands: of all pixels, or with Raw.TC_SAMPLE_WINDOWS of windows at fixed places. */
    public PixelStats pixelStats(SampleOptions options) {
        try (Progress.Heard heard = new Progress.Heard(options.progress)) {
            return heard.during(() -> made((pointer, arena, made, err) ->
                    Raw.provider_pixel_stats(pointer, options.c(arena, heard), made, err), PixelStats::new));
        }
    }

    /** The chain that shows the image, made from what is known of it and from statistics; see {@link Chain#why}. */
    public Chain autoChain(SampleOptions options) {
        try (Progress.Heard heard = new Progress.Heard(options.progress)) {
            return heard.during(() -> made((pointer, arena, made, err) ->
                    Raw.tc_chain_auto(pointer, options.c(arena, heard), made, err), Chain::new));
        }
    }

    /** Writes the image with all its levels to a file, which appears when it is complete. */
    public void buildPyramid(String path, BuildOptions options, Cache cache) {
        try (Progress.Heard heard = new Progress.Heard(options.progress)) {
            heard.during(() -> useIfAny(cache, keeps -> {
                check((pointer, arena, err) -> Raw.tc_build_pyramid(pointer, Memory.text("the path", path, arena),
                        options.c(arena, heard), keeps, err));
                return null;
            }));
        }
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
        return Cache.resident(() -> made((pointer, arena, made, err) -> Raw.provider_try_block(pointer, row, col, level,
                Memory.bands(bands, arena), bands.length, made, err), Tile::new));
    }

    /**
     * A block on a thread of the library: a hit is there at once. What the future leads to runs elsewhere. What the library
     * has called may ask by get and join, and has it made on its own thread then; other ways to wait there may hang.
     */
    public CompletableFuture<Tile> requestBlock(long row, long col, int level, int... bands) {
        Optional<Tile> there = tryBlock(row, col, level, bands);
        if (there.isPresent()) {
            return CompletableFuture.completedFuture(there.get());
        }
        Provider from = awaitable();
        CompletableFuture<Tile> future = new Answer<>(() -> getBlock(row, col, level, bands), () -> end(from));
        lending(future, user -> {
            from.check((pointer, arena, err) -> Raw.provider_request_block(pointer, row, col, level,
                    Memory.bands(bands, arena), bands.length, Callbacks.DONE, user, err));
            return null;
        });
        return future;
    }

    /**
     * Where what the library has called begins something: a reader, so that it can be ended. Else the library would ask the
     * one that waited for it again, which would begin it again.
     */
    private Provider awaitable() {
        return Load.isAny() ? reader() : this;
    }

    private void end(Provider awaited) {
        if (awaited != this) {
            awaited.cancel();
        }
    }

    /** A block if it can be had at once, which is no use. */
    public Optional<Tile> peekBlock(long row, long col, int level, int... bands) {
        return Cache.resident(() -> made((pointer, arena, made, err) -> Raw.provider_peek_block(pointer, row, col, level,
                Memory.bands(bands, arena), bands.length, made, err), Tile::new));
    }

    /**
     * Has the tiles over a rectangle made on threads of the library, at most so many; 0 is as the cache has. What the
     * library has called cannot wait for it: TC_E_REENTRANT.
     */
    public CompletableFuture<Prefetched> prefetch(long x, long y, long width, long height, int level, int threads,
            int... bands) {
        Provider from = awaitable();
        CompletableFuture<Prefetched> future = new Answer<>(() -> {
            throw new TileCacheException(Raw.TC_E_REENTRANT,
                    "what the library has called waits for a prefetch, which may wait for it");
        }, () -> end(from));
        lending(future, user -> {
            from.check((pointer, arena, err) -> Raw.provider_prefetch(pointer, x, y, width, height, level,
                    Struct.sized(Raw.tc_prefetch_options.SIZE, arena).set(Raw.tc_prefetch_options.threads, threads)
                            .bands(Raw.tc_prefetch_options.bands, Raw.tc_prefetch_options.n_bands, bands).c,
                    Callbacks.PREFETCHED, user, err));
            return null;
        });
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
        return useIfAny(cache, keeps -> made((pointer, arena, made, err) -> call.with(pointer, keeps, arena, made, err),
                Provider::new));
    }
}
