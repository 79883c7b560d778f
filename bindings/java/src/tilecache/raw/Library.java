package tilecache.raw;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.nio.file.Path;

/**
 * The loaded library: that of the folder which the system property {@code tilecache.library} or the environment's
 * TILECACHE_LIB names, else the one that the system finds.
 */
final class Library {
    private static final Linker LINKER = Linker.nativeLinker();
    private static final SymbolLookup FUNCTIONS = load();

    private Library() {}

    private static SymbolLookup load() {
        String folder = System.getProperty("tilecache.library", System.getenv("TILECACHE_LIB"));
        String name = folder == null ? "libtilecache.so.0" : Path.of(folder, "libtilecache.so").toString();
        SymbolLookup found = SymbolLookup.libraryLookup(name, Arena.global());
        checkVersion(found, name);
        return found;
    }

    /** Below 1.0 the minor part tells what fits, too. */
    private static void checkVersion(SymbolLookup found, String name) {
        try {
            MethodHandle version = LINKER.downcallHandle(found.find("tc_library_version").orElseThrow(),
                    FunctionDescriptor.of(ValueLayout.JAVA_INT));
            int runs = (int) version.invokeExact();
            if (runs >> 8 != Raw.TC_LIBRARY_VERSION >> 8) {
                throw new UnsatisfiedLinkError(name + " is of version " + (runs >> 16) + "." + (runs >> 8 & 0xff)
                        + ", this binding is for " + Raw.TC_LIBRARY_VERSION_MAJOR + "." + Raw.TC_LIBRARY_VERSION_MINOR);
            }
        } catch (Throwable problem) {
            throw unexpected(problem);
        }
    }

    static MethodHandle downcall(String name, FunctionDescriptor descriptor) {
        MemorySegment function = FUNCTIONS.find(name).orElseThrow(() -> new UnsatisfiedLinkError(
                "the library has no " + name + ": it is older than this binding"));
        return LINKER.downcallHandle(function, descriptor);
    }

    static MemorySegment upcall(Class<?> type, Object function, FunctionDescriptor descriptor, Arena arena) {
        try {
            MethodHandle call = MethodHandles.lookup().findVirtual(type, "call", descriptor.toMethodType());
            return LINKER.upcallStub(call.bindTo(function), descriptor, arena);
        } catch (ReflectiveOperationException problem) {
            throw new AssertionError(problem);
        }
    }

    /** What a call of C throws is a defect of the binding, or an error of the virtual machine. */
    static RuntimeException unexpected(Throwable problem) {
        if (problem instanceof Error error) {
            throw error;
        }
        return problem instanceof RuntimeException exception ? exception : new IllegalStateException(problem);
    }
}
