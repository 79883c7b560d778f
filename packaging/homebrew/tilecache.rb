# A formula of Homebrew on Linux. Written after its rules; not run here, and macOS was never tried.
class Tilecache < Formula
  desc "Any raster as a grid of read-only tiles, decoded once, under one byte budget"
  url "file://#{Dir.home}/tilecache_@VERSION@.orig.tar.xz"
  sha256 "@SHA256@"
  license "Apache-2.0"

  depends_on "cmake" => :build
  depends_on "nasm" => :build
  depends_on "rust" => :build
  depends_on :linux
  depends_on arch: :x86_64

  def install
    system "cmake", "-S", "cmake", "-B", "build", "-DCMAKE_INSTALL_LIBDIR=lib", *std_cmake_args
    system "cmake", "--build", "build"
    system "cmake", "--install", "build"
  end

  test do
    (testpath/"version.c").write <<~EOS
      #include <tilecache.h>
      int main(void) { return tc_library_version() == TC_LIBRARY_VERSION ? 0 : 1; }
    EOS
    system ENV.cc, "version.c", "-I#{include}", "-L#{lib}", "-ltilecache", "-o", "version"
    system "./version"
  end
end
