// libFuzzer's entry; GRAFT_FUZZ_TARGET names the function to call.
#include <cstddef>
#include <cstdint>

#include "fuzz/targets.h"
#include "graft/base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  try {
    graft::fuzz::GRAFT_FUZZ_TARGET({reinterpret_cast<const char*>(data), size});
  } catch (const graft::Error&) {
  }
  return 0;
}
