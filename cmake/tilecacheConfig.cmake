# find_package(tilecache) gives
#   tilecache::tilecache   the shared library
#   tilecache::static      the static one, with the system libraries that it needs
# The file stands in share/cmake/tilecache of a prefix that may be moved.

get_filename_component(_tilecache_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
set(_tilecache_libdirs "lib/${CMAKE_LIBRARY_ARCHITECTURE}" lib64 lib)
foreach(_tilecache_libdir IN LISTS _tilecache_libdirs)
  set(_tilecache_stem "${_tilecache_prefix}/${_tilecache_libdir}/libtilecache")
  if(EXISTS "${_tilecache_stem}.so" AND NOT TARGET tilecache::tilecache)
    add_library(tilecache::tilecache SHARED IMPORTED)
    set_target_properties(tilecache::tilecache PROPERTIES
      IMPORTED_LOCATION "${_tilecache_stem}.so"
      INTERFACE_INCLUDE_DIRECTORIES "${_tilecache_prefix}/include")
  endif()
  if(EXISTS "${_tilecache_stem}.a" AND NOT TARGET tilecache::static)
    add_library(tilecache::static STATIC IMPORTED)
    set_target_properties(tilecache::static PROPERTIES
      IMPORTED_LOCATION "${_tilecache_stem}.a"
      INTERFACE_INCLUDE_DIRECTORIES "${_tilecache_prefix}/include"
      INTERFACE_LINK_LIBRARIES "util;rt;pthread;m;dl")
  endif()
endforeach()

if(NOT TARGET tilecache::tilecache AND NOT TARGET tilecache::static)
  set(tilecache_FOUND FALSE)
  set(tilecache_NOT_FOUND_MESSAGE "no libtilecache in ${_tilecache_prefix}: ${_tilecache_libdirs}")
endif()
unset(_tilecache_prefix)
unset(_tilecache_libdirs)
unset(_tilecache_libdir)
unset(_tilecache_stem)
