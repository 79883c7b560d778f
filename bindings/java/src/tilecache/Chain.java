package tilecache;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import tilecache.raw.Raw;

/** Steps from the samples of an image to a picture, told by a text. */
public final class Chain extends Handle {
    Chain(MemorySegment pointer) {
        super(pointer, Raw::tc_chain_release);
    }

    public static Chain parse(String text) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment made = arena.allocate(ValueLayout.ADDRESS);
            MemorySegment given = Memory.text("the chain", text, arena);
            checked(arena, err -> Raw.tc_chain_parse(given, made, err));
            return new Chain(made.get(ValueLayout.ADDRESS, 0));
        }
    }

    /** With all constants put in that the image tells. */
    public Chain resolve(Provider image) {
        return image.use(source -> made((pointer, arena, made, err) ->
                Raw.tc_chain_resolve(pointer, source, MemorySegment.NULL, made, err), Chain::new));
    }

    public String text() {
        return use(pointer -> Memory.text(Raw.tc_chain_text(pointer)));
    }
}
