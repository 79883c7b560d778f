package tilecache;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import tilecache.raw.Raw.tc_mosaic_options;

/** Options of {@link Provider#mosaic}, by the names of tc_mosaic_options; null and 0 are the default. */
public final class MosaicOptions {
    public int flags;
    /** What the mosaic is; null holds all parts, and is as the first of them. */
    public ImageInfo image;
    public List<BandInfo> bandInfos;
    public Map<String, String> texts;
    /** Opens the parts that have no provider. */
    public Opener open;
    public int maxOpen;

    /** Opens a part, by its place in the list. What it gives may be closed at once, for the mosaic keeps it. */
    @FunctionalInterface
    public interface Opener {
        Provider open(int part) throws Exception;
    }

    MemorySegment c(Arena arena, ImageInfo told, MemorySegment user) {
        Struct made = Struct.sized(tc_mosaic_options.SIZE, arena).set(tc_mosaic_options.flags, flags)
                .set(tc_mosaic_options.image, told.c(arena)).set(tc_mosaic_options.max_open, maxOpen)
                .bandInfos(tc_mosaic_options.band_infos, bandInfos, told.dtype())
                .texts(tc_mosaic_options.texts, tc_mosaic_options.n_texts, texts);
        if (open != null) {
            made.set(tc_mosaic_options.open, Callbacks.OPEN_PART).set(tc_mosaic_options.user, user)
                    .set(tc_mosaic_options.release, Callbacks.RELEASE);
        }
        return made.c;
    }
}
