# ONNX Runtime as another runtime of ONNX models, or one line that says why there is none. Only its header is compiled
# with: the library is loaded when it is asked for, from where it was found or as the system finds it.

set(onnxruntime_header "")
set(onnxruntime_library "")
if(NOT LASSO_ONNXRUNTIME)
  message(STATUS "LASSO_ONNXRUNTIME is OFF: models run on Lasso's own runtime alone")
else()
  if(LASSO_ONNXRUNTIME MATCHES "^(ON|TRUE|YES|1)$")
    set(folders "${PROJECT_BINARY_DIR}/../onnxruntime")  # of script/setup-onnxruntime
    set(elsewhere "")
  else()
    get_filename_component(folders "${LASSO_ONNXRUNTIME}" ABSOLUTE BASE_DIR "${PROJECT_SOURCE_DIR}")
    set(elsewhere NO_DEFAULT_PATH)
  endif()
  # Not from the cache: what was set up meanwhile is found, and what is gone is not.
  unset(LASSO_ONNXRUNTIME_INCLUDE_DIR CACHE)
  unset(LASSO_ONNXRUNTIME_FILE CACHE)
  find_path(LASSO_ONNXRUNTIME_INCLUDE_DIR onnxruntime_c_api.h PATHS ${folders}
            PATH_SUFFIXES include include/onnxruntime onnxruntime include/onnxruntime/core/session ${elsewhere})
  find_library(LASSO_ONNXRUNTIME_FILE onnxruntime PATHS ${folders} PATH_SUFFIXES lib lib64 capi . ${elsewhere})
  mark_as_advanced(LASSO_ONNXRUNTIME_INCLUDE_DIR LASSO_ONNXRUNTIME_FILE)
  if(LASSO_ONNXRUNTIME_INCLUDE_DIR AND LASSO_ONNXRUNTIME_FILE)
    set(onnxruntime_header "${LASSO_ONNXRUNTIME_INCLUDE_DIR}")
    get_filename_component(onnxruntime_library "${LASSO_ONNXRUNTIME_FILE}" REALPATH)
    message(STATUS "ONNX Runtime: ${onnxruntime_library}")
  elseif(elsewhere)
    message(FATAL_ERROR "LASSO_ONNXRUNTIME=${LASSO_ONNXRUNTIME}: there is no onnxruntime_c_api.h or libonnxruntime.so "
                        "below it")
  else()
    message(STATUS "ONNX Runtime was not found: models run on Lasso's own runtime alone (script/setup-onnxruntime)")
  endif()
endif()
