package tilecache;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import tilecache.raw.Raw.tc_compute_options;

/** Options of {@link Provider#compute}, by the names of tc_compute_options; null and 0 are the default. */
public final class ComputeOptions {
    public int flags;
    /** The output; null is as the first input. */
    public ImageInfo image;
    public String name;
    public List<BandInfo> bandInfos;
    public Map<String, String> texts;

    MemorySegment c(Arena arena, DType dtype, MemorySegment user) {
        Struct made = Struct.sized(tc_compute_options.SIZE, arena).set(tc_compute_options.flags, flags)
                .set(tc_compute_options.name, "the name", name).set(tc_compute_options.compute, Callbacks.COMPUTE)
                .set(tc_compute_options.user, user).set(tc_compute_options.release, Callbacks.RELEASE)
                .bandInfos(tc_compute_options.band_infos, bandInfos, image == null ? dtype : image.dtype())
                .texts(tc_compute_options.texts, tc_compute_options.n_texts, texts);
        return image == null ? made.c : made.set(tc_compute_options.image, image.c(arena)).c;
    }
}
