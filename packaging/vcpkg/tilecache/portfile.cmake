# An overlay port of vcpkg that takes the built tree: vcpkg install tilecache --overlay-ports=recipes/vcpkg, with the
# archive in the folder of downloads. Written after its rules; scripts/release runs these lines by CMake alone.
set(VCPKG_POLICY_ONLY_RELEASE_CRT enabled)
set(archive "tilecache-${VERSION}-linux-x86_64.tar.xz")
find_file(found "${archive}" PATHS "${DOWNLOADS}" "${CURRENT_PORT_DIR}" "${CURRENT_PORT_DIR}/../../.." NO_DEFAULT_PATH REQUIRED)
file(SHA512 "${found}" sum)
if(NOT sum STREQUAL "@TREE_SHA512@")
  message(FATAL_ERROR "${found} is not the archive of this version")
endif()
vcpkg_extract_source_archive(tree ARCHIVE "${found}")

# Libraries of tiers are not in it.
file(INSTALL "${tree}/include/" DESTINATION "${CURRENT_PACKAGES_DIR}/include"
     PATTERN "tilecache_files.h" EXCLUDE PATTERN "tilecache_redis.h" EXCLUDE PATTERN "tilecache_s3.h" EXCLUDE)
if(VCPKG_LIBRARY_LINKAGE STREQUAL "static")
  set(libraries "${tree}/lib/libtilecache.a")
else()
  file(GLOB libraries "${tree}/lib/libtilecache.so*")
endif()
foreach(kind "" "/debug")
  file(INSTALL ${libraries} DESTINATION "${CURRENT_PACKAGES_DIR}${kind}/lib")
  file(INSTALL "${tree}/lib/pkgconfig" DESTINATION "${CURRENT_PACKAGES_DIR}${kind}/lib")
endforeach()
vcpkg_fixup_pkgconfig()
file(INSTALL "${tree}/share/cmake" DESTINATION "${CURRENT_PACKAGES_DIR}/share")
file(INSTALL "${tree}/THIRD-PARTY.txt" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
file(INSTALL "${tree}/LICENSE" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}" RENAME copyright)
