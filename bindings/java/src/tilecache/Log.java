package tilecache;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.Function;
import tilecache.raw.Raw;
import tilecache.raw.Raw.tc_log;

/**
 * Hears of what happens in a cache or with a file.
 *
 * @param level one of Raw.TC_LOG_ERROR to Raw.TC_LOG_DEBUG; what matters less is not told
 * @param slowMs loads that take so many milliseconds or more are told of; 0 is 1,000
 */
public record Log(int level, int slowMs, Listener listener) {
    /** Hears of an event, one of Raw.TC_LOG_DAMAGE and so on. Called on several threads at once; may not throw. */
    @FunctionalInterface
    public interface Listener {
        void hear(int level, int event, String subject, String text);
    }

    public Log(Listener listener) {
        this(Raw.TC_LOG_WARNING, 0, listener);
    }

    /** A call with the struct for C; null is NULL. Of a call that fails nothing stays lent. */
    static <T> T during(Log log, Function<MemorySegment, T> call) {
        if (log == null) {
            return call.apply(MemorySegment.NULL);
        }
        MemorySegment user = Callbacks.lend(log.listener);
        try (Arena arena = Arena.ofConfined()) {
            return call.apply(Struct.sized(tc_log.SIZE, arena).set(tc_log.level, log.level).set(tc_log.slow_ms, log.slowMs)
                    .set(tc_log.write, Callbacks.LOG).set(tc_log.user, user).set(tc_log.release, Callbacks.RELEASE).c);
        } catch (Throwable problem) {
            Callbacks.release(user);
            throw problem;
        }
    }
}
