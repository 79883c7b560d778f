package tilecache;

import static tilecache.raw.Raw.*;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;

/** What was wrong: the status of the call, and a text for a person. */
public final class TileCacheException extends RuntimeException {
    private static final long serialVersionUID = 1;
    private final int status;
    private final int sourceCode;
    private final String message;

    public TileCacheException(int status, int sourceCode, String message) {
        super(name(status) + ": " + message);
        this.status = status;
        this.sourceCode = sourceCode;
        this.message = message;
    }

    public TileCacheException(int status, String message) {
        this(status, 0, message);
    }

    /** One of Raw.TC_E_... */
    public int status() {
        return status;
    }

    /** Its name, such as TC_E_RANGE. */
    public String statusName() {
        return name(status);
    }

    /** With TC_E_SOURCE what the callback gave as its code, else 0. */
    public int sourceCode() {
        return sourceCode;
    }

    /** The text without the name of the status, which getMessage has in front. */
    public String text() {
        return message;
    }

    private static String name(int status) {
        return Memory.text(tc_status_name(status));
    }

    /** Whether it comes through the library as it is, see tc_source; anything else goes as what it is in Java. */
    boolean comesThrough() {
        return switch (status) {
            case TC_E_CANCELLED, TC_E_REENTRANT, TC_E_NO_MEMORY, TC_E_LIMIT, TC_E_IO, TC_E_CORRUPT, TC_E_UNSUPPORTED,
                    TC_E_CHANGED, TC_E_INTERNAL, TC_E_SOURCE -> true;
            default -> false;
        };
    }

    /** What a callback threw, if that is why a call failed, else what the library says. */
    static Throwable of(int status, MemorySegment err) {
        MemorySegment error = err.reinterpret(tc_error.SIZE);
        int sourceCode = error.get(ValueLayout.JAVA_INT, tc_error.source_code);
        Throwable thrown = status == TC_E_SOURCE ? Callbacks.KEPT.find(sourceCode) : null;
        return thrown != null ? thrown : new TileCacheException(status, sourceCode, error.getString(tc_error.message));
    }

    /** Writes what a callback threw for the library, and returns what the callback returns then. */
    static int handOn(Throwable thrown, MemorySegment err) {
        MemorySegment error = err.reinterpret(tc_error.SIZE);
        boolean asItIs = thrown instanceof TileCacheException own && own.comesThrough();
        int status = asItIs ? ((TileCacheException) thrown).status : TC_E_SOURCE;
        String text = thrown instanceof TileCacheException own ? own.message : thrown.toString();
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        int room = (int) (tc_error.SIZE - tc_error.message) - 1;
        int length = Math.min(bytes.length, room);
        while (length < bytes.length && length > 0 && (bytes[length] & 0xC0) == 0x80) {
            length--; // No part of a letter.
        }
        error.set(ValueLayout.JAVA_INT, tc_error.code, status);
        error.set(ValueLayout.JAVA_INT, tc_error.source_code,
                asItIs ? ((TileCacheException) thrown).sourceCode : Callbacks.KEPT.keep(thrown));
        MemorySegment.copy(bytes, 0, error, ValueLayout.JAVA_BYTE, tc_error.message, length);
        error.set(ValueLayout.JAVA_BYTE, tc_error.message + length, (byte) 0);
        return status;
    }
}
