package tilecache;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import tilecache.raw.Raw.tc_open_options;

/** Options of {@link Provider#open}, by the names of tc_open_options; null and 0 are the default. */
public final class OpenOptions {
    public int image;
    public String key;
    public String format;
    /** What the file is called on all machines that share another tier. */
    public String fleetId;
    public int flags;
    /** How many threads the library may start to decode large parts of the image. */
    public int threads;
    /** How many quality layers of a JPEG 2000 image are decoded; 0 for all. */
    public int layers;
    public Log log;
    public Beside beside;

    /** Opens what lies beside a file, by the suffix of its name; null if there is nothing. */
    @FunctionalInterface
    public interface Beside {
        Bytes open(String suffix) throws Exception;
    }

    /** A call with the struct for C. */
    <T> T during(java.util.function.BiFunction<Arena, MemorySegment, T> call) {
        MemorySegment user = beside == null ? MemorySegment.NULL : Callbacks.lend(beside);
        try {
            return Log.during(log, heard -> {
                try (Arena arena = Arena.ofConfined()) {
                    return call.apply(arena, c(arena, heard, user));
                }
            });
        } finally {
            Callbacks.release(user);
        }
    }

    private MemorySegment c(Arena arena, MemorySegment heard, MemorySegment user) {
        return Struct.sized(tc_open_options.SIZE, arena).set(tc_open_options.image, image)
                .set(tc_open_options.key, "the key", key).set(tc_open_options.format, "the format", format)
                .set(tc_open_options.flags, flags).set(tc_open_options.threads, threads).set(tc_open_options.layers, layers)
                .set(tc_open_options.fleet_id, "the name on all machines", fleetId).set(tc_open_options.log, heard).set(tc_open_options.user, user)
                .set(tc_open_options.open_beside, beside == null ? MemorySegment.NULL : Callbacks.OPEN_BESIDE).c;
    }
}
