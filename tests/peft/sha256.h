// SHA-256 for comparing long lists with recorded digests. Entry point:
// sha256_hex. Test-only.
#pragma once

#include <string>
#include <string_view>

namespace graft::test {

std::string sha256_hex(std::string_view bytes);

}  // namespace graft::test
