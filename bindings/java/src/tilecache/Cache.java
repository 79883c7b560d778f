package tilecache;

import java.io.OutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;
import tilecache.raw.Raw;

/** A store of tiles under one budget of bytes. */
public final class Cache extends Handle {
    /** A cache of at most so many bytes. */
    public Cache(long maxBytes) {
        this(maxBytes, new CacheOptions());
    }

    public Cache(long maxBytes, CacheOptions options) {
        super(create(maxBytes, options), Raw::tc_release);
    }

    private static MemorySegment create(long maxBytes, CacheOptions options) {
        return Log.during(options.log, heard -> pointer((arena, made, err) ->
                Raw.tc_create(maxBytes, options.c(arena, heard), made, err)));
    }

    /** A budget that suits most programs. */
    public static long defaultBudget() {
        return Raw.tc_default_budget();
    }

    public void setBudget(long maxBytes) {
        check((pointer, arena, err) -> Raw.tc_set_budget(pointer, maxBytes, err));
    }

    public void clear() {
        check((pointer, arena, err) -> Raw.tc_clear(pointer, err));
    }

    /** Gives back at least so many bytes that nobody uses, as far as there are; how many it gave. */
    public long trim(long bytes) {
        return use(pointer -> {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment given = arena.allocate(ValueLayout.JAVA_LONG);
                checked(arena, err -> Raw.tc_trim(pointer, bytes, given, err));
                return given.get(ValueLayout.JAVA_LONG, 0);
            }
        });
    }

    /** What the tiles of a key may take at most, and what they keep. */
    public void setShare(String key, long maximum, long guarantee) {
        check((pointer, arena, err) ->
                Raw.tc_set_share(pointer, Memory.text("the key", key, arena), maximum, guarantee, err));
    }

    /** A tile under a key, which is a use. */
    public Optional<Tile> get(String key, long row, long col, int level, int... bands) {
        return resident(() -> made((pointer, arena, made, err) -> Raw.tc_get(pointer, Memory.text("the key", key, arena),
                row, col, level, Memory.bands(bands, arena), bands.length, made, err), Tile::new));
    }

    /** A tile under a key, which is no use. */
    public Optional<Tile> peek(String key, long row, long col, int level, int... bands) {
        return resident(() -> made((pointer, arena, made, err) -> Raw.tc_peek(pointer, Memory.text("the key", key, arena),
                row, col, level, Memory.bands(bands, arena), bands.length, made, err), Tile::new));
    }

    /** Puts a copy of pixels under a key. */
    public void put(String key, long row, long col, int level, Pixels pixels, int... bands) {
        check((pointer, arena, err) -> Raw.tc_put(pointer, Memory.text("the key", key, arena), row, col, level,
                Memory.bands(bands, arena), bands.length, pixels.given(arena), MemorySegment.NULL, MemorySegment.NULL, err));
    }

    /** Forgets a tile. Whoever holds it keeps it. */
    public void remove(String key, long row, long col, int level, int... bands) {
        check((pointer, arena, err) -> Raw.tc_remove(pointer, Memory.text("the key", key, arena), row, col, level,
                Memory.bands(bands, arena), bands.length, err));
    }

    static Optional<Tile> resident(Supplier<Tile> call) {
        try {
            return Optional.of(call.get());
        } catch (TileCacheException problem) {
            if (problem.status() == Raw.TC_E_NOT_RESIDENT) {
                return Optional.empty();
            }
            throw problem;
        }
    }

    /** What it has and has done, and each key of it, as JSON. */
    public String statisticsJson() {
        return use(pointer -> {
            try (Arena arena = Arena.ofConfined()) {
                return Memory.told(arena, (into, room, bytes, err) ->
                        Raw.tc_statistics_json(pointer, into, room, bytes, err));
            }
        });
    }

    /** Writes a page of what the cache does, in HTML. */
    public void report(OutputStream to) {
        MemorySegment user = Callbacks.lend(to);
        try {
            check((pointer, arena, err) -> Raw.tc_report(pointer, Callbacks.WRITE, user, err));
        } finally {
            Callbacks.release(user);
        }
    }

    /**
     * Gives a new cache another tier behind its memory: a tc_tier that a library of tiers has filled in, which is copied. A
     * tier is written in C, C++ or Rust.
     */
    public void setTier(MemorySegment tier) {
        check((pointer, arena, err) -> Raw.tc_set_tier(pointer, tier, err));
    }

    /**
     * Has the tier store all that it is still to get, and waits for that, at most so long: before the process ends, for what
     * waits then is lost.
     */
    public void flushTier(Duration timeout) {
        long nanoseconds = timeout.isNegative() ? 0 : timeout.toNanos();
        check((pointer, arena, err) -> Raw.tc_flush_tier(pointer, nanoseconds, err));
    }

    /** One of the 64-bit numbers of tc_tier_stats, such as {@code Raw.tc_tier_stats.hits}. */
    public long tierStatistic(long member) {
        return tierStatistics(stats -> stats.get(ValueLayout.JAVA_LONG, member));
    }

    /** One of Raw.TC_TIER_CLOSED, TC_TIER_OPEN and so on. */
    public int tierState() {
        return tierStatistics(stats -> stats.get(ValueLayout.JAVA_INT, Raw.tc_tier_stats.state));
    }

    private <T> T tierStatistics(Function<MemorySegment, T> told) {
        return use(pointer -> {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment stats = Memory.sized(Raw.tc_tier_stats.SIZE, arena);
                checked(arena, err -> Raw.tc_tier_statistics(pointer, stats, err));
                return told.apply(stats);
            }
        });
    }

    /** One of the numbers of tc_cache_stats, such as {@code Raw.tc_cache_stats.held}. */
    public long statistic(long member) {
        return use(pointer -> {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment stats = Memory.sized(Raw.tc_cache_stats.SIZE, arena);
                checked(arena, err -> Raw.tc_statistics(pointer, stats, err));
                return stats.get(ValueLayout.JAVA_LONG, member);
            }
        });
    }
}
