// The texts that the kernel gives, as numbers. Entry points: meminfo_bytes,
// unread_bytes_of_smaps, control_group_room. Private to base.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace graft {

// "MemAvailable:  123 kB" of a text in the form of /proc/meminfo, in bytes.
std::optional<std::int64_t> meminfo_bytes(std::string_view text,
                                          std::string_view field);

// Sum of Size - Rss over the mappings of `files` in a text in the form of
// /proc/PID/smaps.
std::int64_t unread_bytes_of_smaps(
    std::string_view text, const std::vector<std::filesystem::path>& files);

// Room in the memory groups that `membership` (a text in the form of
// /proc/PID/cgroup) names below `root`; cached file pages count as room.
std::optional<std::int64_t> control_group_room(
    const std::filesystem::path& root, std::string_view membership);

}  // namespace graft
