// Turns what a person wrote as MODEL into a path on this machine. Entry point:
// locate_model; the layout of the Hugging Face cache is private.
#include "graft/formats/hf/model_location.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "graft/base/error.h"

namespace graft {
namespace {

namespace fs = std::filesystem;

constexpr char kOperation[] = "model";

std::optional<fs::path> environment_path(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  std::string text = value;
  const char* home = std::getenv("HOME");
  if (home != nullptr && (text == "~" || text.starts_with("~/"))) {
    text.replace(0, 1, home);
  }
  return fs::path(text);
}

// The first variable that is set decides, as in huggingface_hub.
std::optional<fs::path> cache_directory() {
  for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"}) {
    if (const auto path = environment_path(name)) return path;
  }
  if (const auto path = environment_path("HF_HOME")) return *path / "hub";
  if (const auto path = environment_path("XDG_CACHE_HOME")) {
    return *path / "huggingface" / "hub";
  }
  if (const auto home = environment_path("HOME")) {
    return *home / ".cache" / "huggingface" / "hub";
  }
  return std::nullopt;
}

bool is_id_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

// "name" or "organisation/name".
bool is_hub_id(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto is_word = [](std::string_view word) {
    return !word.empty() && word.front() != '.' && word.front() != '-' &&
           std::all_of(word.begin(), word.end(), is_id_character);
  };
  if (slash == std::string_view::npos) return is_word(text);
  return is_word(text.substr(0, slash)) && is_word(text.substr(slash + 1));
}

fs::path repository_directory(const fs::path& cache, std::string_view id) {
  std::string name = "models--";
  for (char c : id) {
    if (c == '/') {
      name += "--";
    } else {
      name += c;
    }
  }
  return cache / name;
}

// The commit that refs/main names, or nullopt.
std::optional<std::string> read_main_commit(const fs::path& repository) {
  std::ifstream in(repository / "refs" / "main");
  std::string commit;
  if (!(in >> commit) || commit.size() > 100) return std::nullopt;
  const bool safe = std::all_of(commit.begin(), commit.end(), is_id_character);
  return safe && commit.front() != '.' ? std::optional(commit) : std::nullopt;
}

// refs/main's snapshot, or the only one that there is.
std::optional<fs::path> find_snapshot(const fs::path& repository) {
  const fs::path snapshots = repository / "snapshots";
  std::error_code error;
  if (const auto commit = read_main_commit(repository)) {
    const fs::path path = snapshots / *commit;
    if (fs::is_directory(path, error)) return path;
  }
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(snapshots, error)) {
    if (entry.is_directory(error)) found.push_back(entry.path());
  }
  return found.size() == 1 ? std::optional(found.front()) : std::nullopt;
}

}  // namespace

fs::path locate_model(std::string_view model) {
  const fs::path path(model);
  std::error_code error;
  if (!model.empty() && fs::exists(path, error)) {
    if (path.filename() != "config.json") return path;
    return path.has_parent_path() ? path.parent_path() : fs::path(".");
  }
  ErrorText text{
      .operation = kOperation,
      .what = "'" + std::string(model) + "' is no directory or file"};
  if (!is_hub_id(model) || model.ends_with(".gguf")) throw ConfigError(text);
  const auto cache = cache_directory();
  if (cache) {
    const auto snapshot = find_snapshot(repository_directory(*cache, model));
    if (snapshot) return *snapshot;
    text.what += ", and the Hugging Face cache " + cache->string() +
                 " does not hold a model of that name";
  }
  text.hint = "To download it: hf download " + std::string(model);
  throw ConfigError(text);
}

}  // namespace graft
