package tilecache;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import tilecache.raw.Raw;

/** A store of tiles under one budget of bytes. */
public final class Cache extends Handle {
    /** A cache of at most so many bytes. */
    public Cache(long maxBytes) {
        super(create(maxBytes), Raw::tc_release);
    }

    private static MemorySegment create(long maxBytes) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment made = arena.allocate(ValueLayout.ADDRESS);
            checked(arena, err -> Raw.tc_create(maxBytes, MemorySegment.NULL, made, err));
            return made.get(ValueLayout.ADDRESS, 0);
        }
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
