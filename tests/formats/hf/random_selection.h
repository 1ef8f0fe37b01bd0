// Random sets of adapted modules, rough where people are rough: some names,
// some layers, a few odd ones. Entry point: RandomSelection.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "formats/hf/adapter_config_writer_internal.h"

namespace graft::test {

class RandomSelection {
 public:
  RandomSelection(const Inventory& inventory, unsigned seed)
      : inventory_(inventory), random_(seed) {}

  // Modules by a few rough criteria, a few of them flipped, with one to three
  // ranks and alphas.
  std::vector<AdaptedModule> make() {
    const unsigned names = next();
    const unsigned layers = next();
    const unsigned flips = next() % 4;
    std::vector<AdaptedModule> out;
    for (const ModuleInfo& info : inventory_.modules) {
      if (info.kind != LayerKind::kLinear || info.same_as) continue;
      bool wanted = bit(names, info.name()) && bit(layers, layer_of(info.path));
      if (flips > 0 && next() % 40 < flips) wanted = !wanted;
      // A layer inside an adapted layer takes none.
      wanted = wanted &&
               !(!out.empty() && info.path.starts_with(out.back().path + "."));
      if (wanted) out.push_back({info.path, settings_of(info)});
    }
    return out;
  }

 private:
  unsigned next() { return static_cast<unsigned>(random_()); }
  // The same on every platform, unlike std::hash.
  static unsigned sum_of(std::string_view text) {
    unsigned sum = 7;
    for (const char c : text) sum = sum * 31 + static_cast<unsigned char>(c);
    return sum;
  }
  static bool bit(unsigned bits, std::string_view text) {
    return bits >> (sum_of(text) % 5) & 1;
  }
  static std::string layer_of(const std::string& path) {
    const std::size_t digit = path.find_first_of("0123456789");
    return digit == path.npos
               ? ""
               : path.substr(digit, path.find('.', digit) - digit);
  }
  AdapterSettings settings_of(const ModuleInfo& info) {
    AdapterSettings out;
    out.rank = 4 << (sum_of(info.name()) % 3);
    if (next() % 20 == 0) out.rank = 3;
    const bool one = info.path.find("1.") != std::string::npos;
    out.alpha = one ? 16.0 : 2.5;
    return out;
  }

  const Inventory& inventory_;
  std::mt19937 random_;
};

}  // namespace graft::test
