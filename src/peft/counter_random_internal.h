// Random numbers as a pure function of (key, index): the same for any thread
// count, order or device. Entry points: mix_bits, text_key, random_bits.
#pragma once

#include <cstdint>
#include <string_view>

namespace graft {

// The finaliser of splitmix64: a bijection on 64 bits.
constexpr std::uint64_t mix_bits(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

constexpr std::uint64_t kGoldenStep = 0x9e3779b97f4a7c15ULL;

// FNV-1a, then mixed.
constexpr std::uint64_t text_key(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char letter : text) {
    hash ^= static_cast<unsigned char>(letter);
    hash *= 0x100000001b3ULL;
  }
  return mix_bits(hash);
}

constexpr std::uint64_t join_keys(std::uint64_t a, std::uint64_t b) {
  return mix_bits(a + kGoldenStep * (b + 1));
}

// Draw number `index` of the stream `key`.
constexpr std::uint64_t random_bits(std::uint64_t key, std::uint64_t index) {
  return mix_bits(key + kGoldenStep * (index + 1));
}

}  // namespace graft
