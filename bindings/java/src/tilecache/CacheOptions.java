package tilecache;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import tilecache.raw.Raw.tc_cache_options;

/** Options of a {@link Cache}, by the names of tc_cache_options; 0 is the default. */
public final class CacheOptions {
    public int unreadPercent;
    public long viewLimit;
    public long maxInFlight;
    public int threads;
    public int flags;
    public Log log;

    MemorySegment c(Arena arena, MemorySegment heard) {
        return Struct.sized(tc_cache_options.SIZE, arena).set(tc_cache_options.unread_percent, unreadPercent)
                .set(tc_cache_options.view_limit, viewLimit).set(tc_cache_options.max_in_flight, maxInFlight)
                .set(tc_cache_options.threads, threads).set(tc_cache_options.flags, flags)
                .set(tc_cache_options.log, heard).c;
    }
}
