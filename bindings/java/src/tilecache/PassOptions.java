package tilecache;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import tilecache.raw.Raw.tc_pass_options;
import tilecache.raw.Raw.tc_pass_tile;

/** Options of {@link Provider#pass}, by the names of tc_pass_options; 0 is the default. */
public final class PassOptions {
    public int order;
    public int level;
    public int threads;
    public int[] bands = {};
    /** With Raw.TC_PASS_LIST: the tiles in the order in which they will be asked for. */
    public List<At> tiles = List.of();

    /** A tile of the pass. */
    public record At(long row, long col) {}

    MemorySegment c(Arena arena) {
        Struct made = Struct.sized(tc_pass_options.SIZE, arena).set(tc_pass_options.order, order)
                .set(tc_pass_options.level, level).set(tc_pass_options.threads, threads)
                .bands(tc_pass_options.bands, tc_pass_options.n_bands, bands);
        if (tiles.isEmpty()) {
            return made.c;
        }
        MemorySegment row = arena.allocate(tiles.size() * tc_pass_tile.SIZE, 8);
        for (int index = 0; index < tiles.size(); index++) {
            Struct.at(row, index, tc_pass_tile.SIZE, arena).set(tc_pass_tile.row, tiles.get(index).row)
                    .set(tc_pass_tile.col, tiles.get(index).col);
        }
        return made.set(tc_pass_options.tiles, row).set(tc_pass_options.n_tiles, (long) tiles.size()).c;
    }
}
