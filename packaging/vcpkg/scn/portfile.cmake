# Builds the sources that this file lies among, with the Swift toolchain and the OpenBLAS of the system:
#     vcpkg install scn --overlay-ports=packaging/vcpkg
vcpkg_check_linkage(ONLY_DYNAMIC_LIBRARY)
# The library is plain C to whoever links it, and has no build for debugging.
set(VCPKG_BUILD_TYPE release)
# It looks for others beside itself, as it is.
set(VCPKG_FIXUP_ELF_RPATH OFF)

get_filename_component(ROOT "${CURRENT_PORT_DIR}/../../.." ABSOLUTE)
if(NOT EXISTS "${ROOT}/include/scn.h")
    message(FATAL_ERROR "scn: ${ROOT} has no include/scn.h; use this port where it lies, by --overlay-ports")
endif()
# A copy, for the build writes into its folder. What `make install` reads; the Swift package's manifest names the tests.
set(SOURCE_PATH "${CURRENT_BUILDTREES_DIR}/src")
file(REMOVE_RECURSE "${SOURCE_PATH}")
foreach(name LICENSE Makefile Package.swift exports.map licenses Sources Tests include scripts bindings/c bindings/cpp)
    get_filename_component(folder "${SOURCE_PATH}/${name}" DIRECTORY)
    file(COPY "${ROOT}/${name}" DESTINATION "${folder}" PATTERN "golden" EXCLUDE)
endforeach()

set(make "${CMAKE_COMMAND}" -E env SCN_NO_INSTALL=1 make --no-print-directory)
vcpkg_execute_required_process(
    COMMAND ${make} lib WORKING_DIRECTORY "${SOURCE_PATH}" LOGNAME "build-${TARGET_TRIPLET}")
vcpkg_execute_required_process(
    COMMAND ${make} install "PREFIX=${CURRENT_PACKAGES_DIR}"
    WORKING_DIRECTORY "${SOURCE_PATH}" LOGNAME "install-${TARGET_TRIPLET}")
vcpkg_fixup_pkgconfig()

# vcpkg keeps CMake packages in share/scn, as far from the prefix as lib/cmake is from lib.
file(RENAME "${CURRENT_PACKAGES_DIR}/lib/cmake/scn" "${CURRENT_PACKAGES_DIR}/share/scn")
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/lib/cmake" "${CURRENT_PACKAGES_DIR}/share/doc")
vcpkg_replace_string("${CURRENT_PACKAGES_DIR}/share/scn/scnConfig.cmake"
    [[${_scn_here}/../.."]] [[${_scn_here}/../../lib"]])

file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE" "${SOURCE_PATH}/licenses/swift.txt")
