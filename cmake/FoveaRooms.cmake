# A room is a folder below src/ that becomes one static library, fovea_<room>, with the rooms it may know.
# docs/design.md draws the map; scripts/check_rooms.py holds the includes to it.
set(FOVEA_WARNING_FLAGS -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual)
# GCC 12 sees overlapping copies in `"text" + std::string` where there are none (GCC bug 105651, mended in 13).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  list(APPEND FOVEA_WARNING_FLAGS -Wno-restrict)
endif()
if(FOVEA_WARNINGS_AS_ERRORS)
  list(APPEND FOVEA_WARNING_FLAGS -Werror)
endif()
# Contraction off: a*b+c has the same bits from every compiler; kernels ask for fused multiply-adds by name.
set(FOVEA_COMPILE_FLAGS ${FOVEA_WARNING_FLAGS} -ffp-contract=off)

function(fovea_room room)
  cmake_parse_arguments(ARG "" "" "ROOMS;PRIVATE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${room}/*.cpp)
  if(NOT sources)
    return()
  endif()
  add_library(fovea_${room} STATIC ${sources})
  target_include_directories(fovea_${room} PUBLIC ${PROJECT_SOURCE_DIR}/include PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_compile_options(fovea_${room} PRIVATE ${FOVEA_COMPILE_FLAGS})
  foreach(dependency ${ARG_ROOMS})
    if(TARGET fovea_${dependency})
      target_link_libraries(fovea_${room} PUBLIC fovea_${dependency})
    endif()
  endforeach()
  target_link_libraries(fovea_${room} PRIVATE fmt::fmt nlohmann_json::nlohmann_json ${ARG_PRIVATE})
  set_property(GLOBAL APPEND PROPERTY FOVEA_ROOMS fovea_${room})
  set_property(GLOBAL APPEND PROPERTY FOVEA_PRIVATE_LIBRARIES fmt::fmt ${ARG_PRIVATE})
endfunction()

# The library that users link, fovea::fovea: the objects of every room in one archive or shared object.
function(fovea_library)
  get_property(objects GLOBAL PROPERTY FOVEA_ROOMS)
  list(TRANSFORM objects REPLACE "(.+)" "$<TARGET_OBJECTS:\\1>")
  get_property(libraries GLOBAL PROPERTY FOVEA_PRIVATE_LIBRARIES)
  list(REMOVE_DUPLICATES libraries)
  add_library(fovea ${objects})
  add_library(fovea::fovea ALIAS fovea)
  target_include_directories(fovea PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>)
  target_compile_features(fovea PUBLIC cxx_std_20)
  target_link_libraries(fovea PRIVATE ${libraries})
  set_target_properties(fovea PROPERTIES LINKER_LANGUAGE CXX VERSION ${PROJECT_VERSION}
                                         SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
endfunction()

# A test program: tests/<folder>/*.cpp, linked to some rooms' libraries and what they know.
function(fovea_test folder)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.cpp)
  add_executable(${folder}_test ${sources})
  target_include_directories(${folder}_test PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests)
  target_compile_options(${folder}_test PRIVATE ${FOVEA_COMPILE_FLAGS})
  target_compile_definitions(${folder}_test PRIVATE FOVEA_GOLDEN_DIR="${PROJECT_SOURCE_DIR}/tests/golden")
  target_link_libraries(${folder}_test PRIVATE ${ARGN} GTest::gtest_main fmt::fmt
                                               nlohmann_json::nlohmann_json)
  gtest_discover_tests(${folder}_test PROPERTIES LABELS ${folder} DISCOVERY_TIMEOUT 60)
endfunction()

# The tests of a room see what the room may see.
function(fovea_room_test room)
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${room} AND TARGET fovea_${room})
    fovea_test(${room} fovea_${room})
  endif()
endfunction()
