// Strict JSON for files that strangers wrote: size and depth limits, duplicate
// keys refused, every error names the file and the place. Entry points:
// parse_json_file, parse_json_text and their key-order-preserving forms.
// Private to io, formats and what reads JSON above them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace graft {

inline constexpr int kJsonDepthLimit = 64;
inline constexpr std::uint64_t kJsonSizeLimit = std::uint64_t{256} << 20;

// The bytes of a small file. Throws FileError when it is missing, not a
// regular file or larger than `limit`, SystemError when it cannot be read.
std::string read_text_file(const std::filesystem::path& path,
                           std::string_view operation,
                           std::uint64_t limit = kJsonSizeLimit);

// Foreign text for an error message: cut, and with everything outside
// printable ASCII as a JSON escape, so that no file writes to the terminal.
std::string printable(std::string_view text);

// `path` and `operation` only name the place in errors (FileError).
nlohmann::json parse_json_text(std::string_view text,
                               const std::filesystem::path& path,
                               std::string_view operation);
// One row of JSON lines; `place` names its line (empty: the caller does), so
// that errors add a column alone. An integer of more than 64 bits is an error
// here: what is read is passed on, and must not turn into a rounded number.
nlohmann::json parse_json_line(std::string_view text, const std::string& place,
                               std::string_view operation);
nlohmann::json parse_json_file(const std::filesystem::path& path,
                               std::string_view operation);

// Objects keep the file's key order; looking a key up is linear.
nlohmann::ordered_json parse_ordered_json_text(
    std::string_view text, const std::filesystem::path& path,
    std::string_view operation);
nlohmann::ordered_json parse_ordered_json_line(std::string_view text,
                                               const std::string& place,
                                               std::string_view operation);
nlohmann::ordered_json parse_ordered_json_file(
    const std::filesystem::path& path, std::string_view operation);

}  // namespace graft
