package tilecache;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import tilecache.raw.Raw;
import tilecache.raw.Raw.tc_map_options;

/** Options of {@link Provider#map}, by the names of tc_map_options; null and 0 are the default. */
public final class MapOptions {
    public DType dtype;
    public int bands;
    public int flags;
    public int[] sourceBands = {};
    public String name;
    public int bits;
    public Double pad;
    public List<BandInfo> bandInfos;
    public Map<String, String> texts;

    MemorySegment c(Arena arena, DType samples, MemorySegment user) {
        return Struct.sized(tc_map_options.SIZE, arena).set(tc_map_options.dtype, dtype == null ? 0 : dtype.code)
                .set(tc_map_options.bands, bands).set(tc_map_options.bits, bits)
                .set(tc_map_options.flags, pad == null ? flags : flags | Raw.TC_MAP_HAS_PAD)
                .sample(tc_map_options.pad, samples, pad).set(tc_map_options.name, "the name", name)
                .bands(tc_map_options.source_bands, tc_map_options.n_source_bands, sourceBands)
                .bandInfos(tc_map_options.band_infos, bandInfos, samples)
                .texts(tc_map_options.texts, tc_map_options.n_texts, texts).set(tc_map_options.map, Callbacks.MAP)
                .set(tc_map_options.user, user).set(tc_map_options.release, Callbacks.RELEASE).c;
    }
}
