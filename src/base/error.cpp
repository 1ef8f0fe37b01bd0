// Builds the one sentence that every error of graft is.
#include "graft/base/error.h"

namespace graft {

std::string ErrorText::str() const {
  std::string out = operation;
  auto append = [&out](const char* separator, const std::string& part) {
    if (part.empty()) return;
    if (!out.empty()) out += separator;
    out += part;
  };
  append(": ", what);
  if (!got.empty()) append(": got ", got);
  if (!expected.empty())
    append(got.empty() ? ": expected " : ", expected ", expected);
  if (!hint.empty()) append(". ", hint);
  return out;
}

}  // namespace graft
