// Found by comparing normalizers of the `tokenizers` package 0.23.3 with
// Unicode 14 (Python 3.11) over all code points, alone and between marks.
#include "text/unicode_age_internal.h"

#include <algorithm>
#include <array>

namespace graft::text {
namespace {

struct Range {
  char32_t first;
  char32_t last;
};

constexpr std::array kNewer = {
    Range{0x07FD, 0x07FD},   Range{0x0898, 0x089F},   Range{0x08CA, 0x08D3},
    Range{0x09FE, 0x09FE},   Range{0x0C3C, 0x0C3C},   Range{0x0D3B, 0x0D3C},
    Range{0x0EBA, 0x0EBA},   Range{0x1715, 0x1715},   Range{0x1ABF, 0x1ACE},
    Range{0x1DF6, 0x1DFA},   Range{0x32FF, 0x32FF},   Range{0xA7F2, 0xA7F4},
    Range{0xA82C, 0xA82C},   Range{0xAB69, 0xAB69},   Range{0x10781, 0x10785},
    Range{0x10787, 0x107B0}, Range{0x107B2, 0x107BA}, Range{0x10D24, 0x10D27},
    Range{0x10EAB, 0x10EAC}, Range{0x10F46, 0x10F50}, Range{0x10F82, 0x10F85},
    Range{0x11070, 0x11070}, Range{0x1133B, 0x1133B}, Range{0x1145E, 0x1145E},
    Range{0x11839, 0x1183A}, Range{0x11930, 0x11930}, Range{0x11938, 0x11938},
    Range{0x1193D, 0x1193E}, Range{0x11943, 0x11943}, Range{0x119E0, 0x119E0},
    Range{0x11A34, 0x11A34}, Range{0x11A47, 0x11A47}, Range{0x11A99, 0x11A99},
    Range{0x11D42, 0x11D42}, Range{0x11D44, 0x11D45}, Range{0x11D97, 0x11D97},
    Range{0x16FF0, 0x16FF1}, Range{0x1E130, 0x1E136}, Range{0x1E2AE, 0x1E2AE},
    Range{0x1E2EC, 0x1E2EF}, Range{0x1F16C, 0x1F16C}, Range{0x1FBF0, 0x1FBF9},
};

}  // namespace

bool is_newer_than_reference(char32_t value) {
  const auto range = std::lower_bound(
      kNewer.begin(), kNewer.end(), value,
      [](const Range& range, char32_t v) { return range.last < v; });
  return range != kNewer.end() && range->first <= value;
}

}  // namespace graft::text
