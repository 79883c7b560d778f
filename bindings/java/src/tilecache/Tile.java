package tilecache;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import tilecache.raw.Raw;

/** Decoded pixels that never change. */
public final class Tile extends Handle {
    Tile(MemorySegment pointer) {
        super(pointer, Raw::tc_tile_release);
    }

    /** The samples where they lie, with a reference of their own: they may outlive the tile, the image and the cache. */
    public Pixels pixels() {
        return use(pointer -> {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment at = arena.allocate(Raw.tc_pixels.LAYOUT);
                Raw.tc_tile_pixels(pointer, at);
                MemorySegment own = Raw.tc_tile_retain(pointer);
                return Pixels.of(at, Arena.ofAuto(), () -> Raw.tc_tile_release(own));
            }
        });
    }

    /** Copies part of the tile, from its column x and row y on, into memory outside of Java's heap, converted to its type. */
    public void copy(Pixels into, long x, long y, int... bands) {
        check((pointer, arena, err) -> Raw.tc_tile_copy(pointer, x, y, Memory.bands(bands, arena), bands.length,
                into.target(arena), err));
    }

    /** Whether nothing is stored here, so that all is pad. */
    public boolean isAbsent() {
        return use(pointer -> {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment at = arena.allocate(Raw.tc_pixels.LAYOUT);
                Raw.tc_tile_pixels(pointer, at);
                return (at.get(ValueLayout.JAVA_INT, Raw.tc_pixels.flags) & Raw.TC_PIXELS_ABSENT) != 0;
            }
        });
    }
}
