// Writes and reads saved states. Reals are stored as the 16 hexadecimal digits
// of their bits. Entry points: save_resume_state, load_resume_state.
#include "graft/checkpoint/resume_state.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "graft/base/error.h"
#include "graft/checkpoint/base_model.h"
#include "graft/io/atomic_output.h"
#include "graft/io/safetensors.h"
#include "graft/io/safetensors_writer.h"

namespace graft {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr char kFormat[] = "graft.resume/1";
constexpr char kTensors[] = "state.safetensors";
constexpr char kScalars[] = "state.json";
constexpr std::uintmax_t kLargestJson = 16 << 20;  // bytes

[[noreturn]] void damaged(const fs::path& file, const std::string& why) {
  throw FileError(
      ErrorText{.operation = "resume", .what = file.string() + ": " + why});
}

std::string bits_text(double value) {
  char buffer[17];
  std::snprintf(
      buffer, sizeof buffer, "%016llx",
      static_cast<unsigned long long>(std::bit_cast<std::uint64_t>(value)));
  return buffer;
}

double bits_value(const std::string& text, const fs::path& file) {
  std::uint64_t bits = 0;
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, bits, 16);
  if (text.size() != 16 || result.ptr != end) damaged(file, "a bad real");
  return std::bit_cast<double>(bits);
}

Json read_scalars(const fs::path& file) {
  std::error_code error;
  const std::uintmax_t size = fs::file_size(file, error);
  if (error || size > kLargestJson) damaged(file, "is missing or too large");
  std::ifstream in(file, std::ios::binary);
  Json json = Json::parse(in, nullptr, false);
  if (!json.is_object() || json.value("format", "") != kFormat) {
    damaged(file, std::string("is no saved state of format ") + kFormat);
  }
  return json;
}

}  // namespace

fs::path resume_directory(const fs::path& run, std::int64_t step) {
  return run / "checkpoints" / ("step-" + std::to_string(step));
}

void save_resume_state(const nn::NamedState& state, const fs::path& directory) {
  std::vector<std::pair<std::string, HostTensor>> tensors;
  for (const auto& [name, tensor] : state.tensors) {
    tensors.emplace_back(name, to_host_tensor(tensor.cpu().contiguous()));
  }
  Json json = {{"format", kFormat},
               {"integers", state.integers},
               {"texts", state.texts},
               {"reals", Json::object()}};
  for (const auto& [name, value] : state.reals) {
    json["reals"][name] = bits_text(value);
  }
  fs::create_directories(directory.parent_path());
  AtomicDirectory output(directory, AtomicDirectory::Existing::kReplace);
  save_safetensors(output.path() / kTensors, std::move(tensors),
                   {{"format", kFormat}});
  write_file_atomically(output.path() / kScalars, json.dump(1) + "\n");
  output.commit();
}

nn::NamedState load_resume_state(const fs::path& directory) {
  nn::NamedState out;
  const SafetensorsFile file = SafetensorsFile::open(directory / kTensors);
  for (const TensorEntry& entry : file.entries()) {
    out.tensors[entry.name] = from_host_tensor(file.tensor(entry));
  }
  const fs::path scalars = directory / kScalars;
  const Json json = read_scalars(scalars);
  try {
    json.at("integers").get_to(out.integers);
    json.at("texts").get_to(out.texts);
    for (const auto& [name, value] : json.at("reals").items()) {
      out.reals[name] = bits_value(value.get<std::string>(), scalars);
    }
  } catch (const Json::exception& error) {
    damaged(scalars, error.what());
  }
  return out;
}

std::vector<std::int64_t> saved_steps(const fs::path& run) {
  static constexpr std::string_view kPrefix = "step-";
  std::vector<std::int64_t> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(run / "checkpoints", error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kPrefix)) continue;
    std::int64_t step = 0;
    const char* end = name.data() + name.size();
    const auto result =
        std::from_chars(name.data() + kPrefix.size(), end, step);
    if (result.ptr == end && name.size() > kPrefix.size()) out.push_back(step);
  }
  std::ranges::sort(out);
  return out;
}

}  // namespace graft
