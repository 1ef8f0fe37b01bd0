// Reads /proc and the control groups' files. Sizes that are no number are
// taken as unknown: a wrong guess must never stop a run.
#include "graft/base/process_memory.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <limits>
#include <sstream>

#include "base/process_memory_internal.h"

namespace graft {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kKibi = 1024;

std::string read_all(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return in ? text.str() : std::string();
}

// The number at the start of `text`, behind blanks.
std::optional<std::int64_t> leading_number(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  std::int64_t value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || value < 0) return std::nullopt;
  return value;
}

template <typename Use>
void for_each_line(std::string_view text, Use use) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    use(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

std::optional<std::int64_t> number_in_file(const fs::path& path) {
  return leading_number(read_all(path));
}

// "file 4096" of a memory.stat.
std::int64_t stat_field(const fs::path& path, std::string_view field) {
  std::int64_t out = 0;
  const std::string text = read_all(path);
  for_each_line(text, [&](std::string_view line) {
    if (line.starts_with(field) && line.substr(field.size()).starts_with(' ')) {
      out = leading_number(line.substr(field.size())).value_or(0);
    }
  });
  return out;
}

// One folder of either version of control groups.
std::optional<std::int64_t> folder_room(const fs::path& folder) {
  const bool second = fs::exists(folder / "memory.max");
  const auto limit = number_in_file(
      folder / (second ? "memory.max" : "memory.limit_in_bytes"));
  const auto used = number_in_file(
      folder / (second ? "memory.current" : "memory.usage_in_bytes"));
  // Version 1 writes "no limit" as a number near the largest.
  if (!limit || !used || *limit > std::int64_t{1} << 60) return std::nullopt;
  const std::int64_t cached =
      stat_field(folder / "memory.stat", second ? "file" : "total_cache");
  return std::max<std::int64_t>(*limit - *used + std::min(cached, *used), 0);
}

void take_smaller(std::optional<std::int64_t>& least,
                  std::optional<std::int64_t> other) {
  if (other && (!least || *other < *least)) least = other;
}

std::optional<std::int64_t> limit_room(int resource, const char* used_field) {
  rlimit limit{};
  if (::getrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0 ||
      limit.rlim_cur == RLIM_INFINITY ||
      limit.rlim_cur > std::numeric_limits<std::int64_t>::max()) {
    return std::nullopt;
  }
  const auto used = meminfo_bytes(read_all("/proc/self/status"), used_field);
  if (!used) return std::nullopt;
  return std::max<std::int64_t>(
      static_cast<std::int64_t>(limit.rlim_cur) - *used, 0);
}

}  // namespace

std::optional<std::int64_t> meminfo_bytes(std::string_view text,
                                          std::string_view field) {
  std::optional<std::int64_t> out;
  for_each_line(text, [&](std::string_view line) {
    if (out || !line.starts_with(field) ||
        !line.substr(field.size()).starts_with(':')) {
      return;
    }
    const auto value = leading_number(line.substr(field.size() + 1));
    if (value) out = *value * kKibi;
  });
  return out;
}

std::int64_t unread_bytes_of_smaps(std::string_view text,
                                   const std::vector<fs::path>& files) {
  std::int64_t sum = 0;
  bool counts = false;
  for_each_line(text, [&](std::string_view line) {
    const bool is_field = line.find(':') != std::string_view::npos &&
                          line.find(':') < line.find(' ');
    if (!is_field) {
      const std::size_t name = line.find('/');
      counts =
          name != std::string_view::npos &&
          std::ranges::find(files, fs::path(line.substr(name))) != files.end();
    } else if (counts) {
      sum += meminfo_bytes(line, "Size").value_or(0);
      sum -= meminfo_bytes(line, "Rss").value_or(0);
    }
  });
  return std::max<std::int64_t>(sum, 0);
}

std::optional<std::int64_t> control_group_room(const fs::path& root,
                                               std::string_view membership) {
  std::optional<std::int64_t> least;
  for_each_line(membership, [&](std::string_view line) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string_view::npos) return;
    const std::string_view kinds = line.substr(first + 1, second - first - 1);
    if (!kinds.empty() && kinds.find("memory") == std::string_view::npos) {
      return;
    }
    const fs::path top = kinds.empty() ? root : root / "memory";
    fs::path group = fs::path(line.substr(second + 1)).relative_path();
    for (; !group.empty(); group = group.parent_path()) {
      take_smaller(least, folder_room(top / group));
    }
    take_smaller(least, folder_room(top));
  });
  return least;
}

std::int64_t resident_bytes() {
  return meminfo_bytes(read_all("/proc/self/status"), "VmRSS").value_or(0);
}

std::int64_t peak_resident_bytes() {
  return meminfo_bytes(read_all("/proc/self/status"), "VmHWM").value_or(0);
}

std::int64_t unread_mapped_bytes(const std::vector<fs::path>& files) {
  std::vector<fs::path> names;
  for (const fs::path& file : files) {
    std::error_code error;
    const fs::path name = fs::canonical(file, error);
    if (!error) names.push_back(name);
  }
  return unread_bytes_of_smaps(read_all("/proc/self/smaps"), names);
}

std::optional<MemoryRoom> memory_room() {
  std::optional<MemoryRoom> room;
  const auto add = [&](std::optional<std::int64_t> bytes, const char* source) {
    if (bytes && (!room || *bytes < room->bytes)) room = {*bytes, source};
  };
  add(meminfo_bytes(read_all("/proc/meminfo"), "MemAvailable"), "free memory");
  add(control_group_room("/sys/fs/cgroup", read_all("/proc/self/cgroup")),
      "control group");
  add(limit_room(RLIMIT_AS, "VmSize"), "ulimit -v");
  add(limit_room(RLIMIT_DATA, "VmData"), "ulimit -d");
  return room;
}

}  // namespace graft
