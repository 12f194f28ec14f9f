# What `cmake --install` copies: the program, the shared library, the public headers, the package that
# find_package(lasso) reads, and the demo checkpoint.
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/lasso")

install(TARGETS lasso EXPORT lassoTargets LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
if(LASSO_CUDA)
  install(TARGETS lasso_cuda LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
endif()
install(DIRECTORY include/lasso DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.h")
install(FILES "${PROJECT_BINARY_DIR}/include/lasso/version.h"
        DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/lasso")
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}")

# The installed program finds the library wherever the prefix is moved to.
file(RELATIVE_PATH lib_from_bin "${CMAKE_INSTALL_FULL_BINDIR}" "${CMAKE_INSTALL_FULL_LIBDIR}")
set_target_properties(lasso_cli PROPERTIES INSTALL_RPATH "$ORIGIN/${lib_from_bin}")

install(EXPORT lassoTargets NAMESPACE lasso:: DESTINATION "${package_dir}")
configure_package_config_file(cmake/lassoConfig.cmake.in "${PROJECT_BINARY_DIR}/lassoConfig.cmake"
                              INSTALL_DESTINATION "${package_dir}")
# Before 1.0 a new minor version may change the interface.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/lassoConfigVersion.cmake"
                                 COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/lassoConfig.cmake" "${PROJECT_BINARY_DIR}/lassoConfigVersion.cmake"
        DESTINATION "${package_dir}")

# The checkpoints that `lasso` uses without --model, and the evaluation set of `lasso bench accuracy`.
install(FILES models/lasso-tiny.pth models/lasso-tiny-detector.pt DESTINATION "${CMAKE_INSTALL_DATADIR}/lasso/models")
install(DIRECTORY models/eval DESTINATION "${CMAKE_INSTALL_DATADIR}/lasso/models"
        FILES_MATCHING PATTERN "*.json" PATTERN "*.jpg")
