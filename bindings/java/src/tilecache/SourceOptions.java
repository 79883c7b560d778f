package tilecache;

import static java.lang.foreign.ValueLayout.ADDRESS;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import tilecache.raw.Raw;
import tilecache.raw.Raw.tc_level;
import tilecache.raw.Raw.tc_source;

/** Options of {@link Provider#fromSource}, by the names of tc_source; null and 0 are the default. */
public final class SourceOptions {
    /** Raw.TC_CONCURRENT or Raw.TC_ONE_AT_A_TIME; a {@link Source.InSessions} has its own. */
    public int threading = Raw.TC_CONCURRENT;
    public int flags;
    public int maxSessions;
    public String key;
    public List<BandInfo> bandInfos;
    public Map<String, String> texts;
    /** Levels with grids of their own. */
    public List<Level> levels;
    public Provider mask;
    /** What the source reads. */
    public List<Provider> inputs = List.of();
    public Georef georef;
    /** What the image is called on all machines that share another tier. */
    public String fleetId;

    /** A level with a grid of its own: tc_level. */
    public record Level(long width, long height, long blockWidth, long blockHeight) {}

    MemorySegment c(Arena arena, ImageInfo image, Source source, MemorySegment user, MemorySegment[] read,
            MemorySegment covered) {
        Struct made = Struct.sized(tc_source.SIZE, arena).set(tc_source.threading, threading).set(tc_source.user, user)
                .set(tc_source.image, image.c(arena)).set(tc_source.key, "the key", key)
                .set(tc_source.read_block, Callbacks.READ_BLOCK).set(tc_source.has_block, Callbacks.HAS_BLOCK)
                .set(tc_source.release, Callbacks.RELEASE).bandInfos(tc_source.band_infos, bandInfos, image.dtype())
                .texts(tc_source.texts, tc_source.n_texts, texts).set(tc_source.mask, covered);
        made.set(tc_source.fleet_id, "the name on all machines", fleetId).set(tc_source.flags, source instanceof Source.Banded ? flags | Raw.TC_SOURCE_BANDS : flags)
                .set(tc_source.max_sessions, maxSessions);
        if (source instanceof Source.InSessions) {
            made.set(tc_source.threading, Raw.TC_SESSIONS).set(tc_source.open_session, Callbacks.OPEN_SESSION)
                    .set(tc_source.close_session, Callbacks.CLOSE_SESSION);
        }
        if (source instanceof Source.Windowed) {
            made.set(tc_source.read_window, Callbacks.READ_WINDOW);
        }
        if (levels != null) {
            MemorySegment row = arena.allocate(Math.max(levels.size(), 1) * tc_level.SIZE, 8);
            for (int index = 0; index < levels.size(); index++) {
                Level level = levels.get(index);
                Struct.at(row, index, tc_level.SIZE, arena).set(tc_level.width, level.width)
                        .set(tc_level.height, level.height).set(tc_level.block_width, level.blockWidth)
                        .set(tc_level.block_height, level.blockHeight);
            }
            made.set(tc_source.levels, row);
        }
        if (read.length > 0) {
            MemorySegment row = arena.allocate(ADDRESS, read.length);
            for (int index = 0; index < read.length; index++) {
                row.setAtIndex(ADDRESS, index, read[index]);
            }
            made.set(tc_source.inputs, row).set(tc_source.n_inputs, (long) read.length);
        }
        return georef == null ? made.c : made.set(tc_source.georef, georef.c(arena)).c;
    }
}
