// What this process takes and may still take. Entry points: resident_bytes,
// peak_resident_bytes, unread_mapped_bytes, memory_room. Linux; elsewhere
// nothing is known.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace graft {

// Memory of this process that is in RAM, mapped files included; 0: unknown.
std::int64_t resident_bytes();

// The most of it since the program started; 0: unknown. Not getrusage's: that
// one begins with the memory of the process that started this one.
std::int64_t peak_resident_bytes();

// Of the mappings of these files, the bytes that no access has brought into
// this process yet.
std::int64_t unread_mapped_bytes(
    const std::vector<std::filesystem::path>& files);

struct MemoryRoom {
  std::int64_t bytes = 0;
  std::string source;  // "free memory", "control group", "ulimit -v"
};

// The tightest of: memory the machine has left, the limits of the control
// groups, the limits of the process. nullopt: unknown.
std::optional<MemoryRoom> memory_room();

}  // namespace graft
