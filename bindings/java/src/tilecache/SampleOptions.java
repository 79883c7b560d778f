package tilecache;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import tilecache.raw.Raw.tc_sample_options;

/** Options of {@link Provider#pixelStats} and {@link Provider#autoChain}, by the names of tc_sample_options. */
public final class SampleOptions {
    public int flags;
    public int threads;
    public int level;
    /** With Raw.TC_SAMPLE_EXACT: the percentiles that are made exact; none are the usual ones. */
    public double[] percents = {};
    public Progress progress;

    MemorySegment c(Arena arena, Progress.Heard heard) {
        Struct made = Struct.sized(tc_sample_options.SIZE, arena).set(tc_sample_options.flags, flags)
                .set(tc_sample_options.threads, threads).set(tc_sample_options.level, level)
                .set(tc_sample_options.progress, heard.function()).set(tc_sample_options.progress_user, heard.user);
        if (percents.length > 0) {
            made.set(tc_sample_options.percents, arena.allocateFrom(ValueLayout.JAVA_DOUBLE, percents))
                    .set(tc_sample_options.n_percents, (long) percents.length);
        }
        return made.c;
    }
}
