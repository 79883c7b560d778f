package tilecache;

import java.lang.foreign.MemorySegment;

/** Hears how far a long call is. */
@FunctionalInterface
public interface Progress {
    /** Returns whether to go on; `done` is between 0 and 1. What it throws ends the call and comes out of it. */
    boolean hear(double done) throws Exception;

    /** What C calls during one call, and what was thrown meanwhile. */
    final class Heard implements AutoCloseable {
        private final Progress progress;
        final MemorySegment user;
        private Throwable thrown;

        Heard(Progress progress) {
            this.progress = progress;
            user = progress == null ? MemorySegment.NULL : Callbacks.lend(this);
        }

        MemorySegment function() {
            return progress == null ? MemorySegment.NULL : Callbacks.PROGRESS;
        }

        int hear(double done) {
            try {
                return progress.hear(done) ? 1 : 0;
            } catch (Throwable problem) {
                thrown = problem;
                return 0;
            }
        }

        /** Makes the call, and throws what was thrown in it rather than that it was ended. */
        <T> T during(java.util.function.Supplier<T> call) {
            try {
                return call.get();
            } catch (TileCacheException ended) {
                if (thrown != null) {
                    Handle.<RuntimeException>raise(thrown);
                }
                throw ended;
            }
        }

        @Override
        public void close() {
            Callbacks.release(user);
        }
    }
}
