package tilecache;

import static java.lang.foreign.ValueLayout.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import tilecache.raw.Raw;
import tilecache.raw.Raw.tc_format;

/** The library as a whole: its version, its formats and what it keeps for the process. */
public final class TileCache {
    private TileCache() {}

    /** A file format that is read: lists are separated by blanks, and flags are bits of Raw.TC_FORMAT_.... */
    public record Format(String name, String longName, String extensions, String mediaTypes, String reads, String lacks,
            int flags) {}

    public static List<Format> formats() {
        List<Format> formats = new ArrayList<>();
        for (long index = 0; index < Raw.tc_format_count(); index++) {
            long at = index;
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment c = Memory.sized(tc_format.SIZE, arena);
                Handle.checked(arena, err -> Raw.tc_format_info(at, c, err));
                formats.add(new Format(text(c, tc_format.name), text(c, tc_format.long_name), text(c, tc_format.extensions),
                        text(c, tc_format.media_types), text(c, tc_format.reads), text(c, tc_format.lacks),
                        c.get(JAVA_INT, tc_format.flags)));
            }
        }
        return formats;
    }

    private static String text(MemorySegment c, long member) {
        return Memory.text(c.get(ADDRESS, member));
    }

    /** The version of the library that runs: major &lt;&lt; 16 | minor &lt;&lt; 8 | patch. */
    public static int version() {
        return Raw.tc_library_version();
    }

    /** The bytes of memory that this process may use; -1 where nothing is known. */
    public static long memoryLimit() {
        return Raw.tc_memory_limit();
    }

    /** How many files the library keeps open at most; 0 is half of what the system allows. */
    public static void setOpenFiles(long most) {
        Raw.tc_set_open_files(most);
    }

    /** How many bytes of the indexes of files the library keeps at most. */
    public static void setIndexBytes(long most) {
        Raw.tc_set_index_bytes(most);
    }

    /** Gives up memory whose release was put off by programs in other languages that share the library; how much. */
    public static long runReleases() {
        return Raw.tc_run_releases();
    }
}
