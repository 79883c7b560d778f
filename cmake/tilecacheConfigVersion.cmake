# Says which version is installed, as its header does, and whether it serves the one asked for:
# an older one of the same major version; before 1.0, of the same minor version.

set(PACKAGE_VERSION "")
file(STRINGS "${CMAKE_CURRENT_LIST_DIR}/../../../include/tilecache.h" _tilecache_lines
     REGEX "^#define TC_LIBRARY_VERSION_(MAJOR|MINOR|PATCH) ")
foreach(_tilecache_part MAJOR MINOR PATCH)
  string(REGEX MATCH "VERSION_${_tilecache_part} ([0-9]+)" _ "${_tilecache_lines}")
  list(APPEND PACKAGE_VERSION "${CMAKE_MATCH_1}")
endforeach()
string(REPLACE ";" "." PACKAGE_VERSION "${PACKAGE_VERSION}")

string(REGEX MATCH "^(0\\.[0-9]+|[1-9][0-9]*)" _tilecache_same "${PACKAGE_VERSION}")
string(FIND "${PACKAGE_FIND_VERSION}." "${_tilecache_same}." _tilecache_at)
if(PACKAGE_VERSION VERSION_EQUAL PACKAGE_FIND_VERSION)
  set(PACKAGE_VERSION_EXACT TRUE)
endif()
if(PACKAGE_FIND_VERSION_COUNT EQUAL 0
   OR (_tilecache_at EQUAL 0 AND PACKAGE_FIND_VERSION VERSION_LESS_EQUAL PACKAGE_VERSION))
  set(PACKAGE_VERSION_COMPATIBLE TRUE)
endif()
unset(_tilecache_lines)
unset(_tilecache_part)
unset(_tilecache_same)
unset(_tilecache_at)
