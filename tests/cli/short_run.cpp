// Fixture of the tests of `graft train`.
#include "cli/short_run.h"

#include <algorithm>
#include <utility>

#include "cli/small_model.h"
#include "support/shared_data.h"

namespace graft::test {

namespace fs = std::filesystem;
using nlohmann::json;

ShortRun::ShortRun() {
  constexpr std::size_t kRows = 24;
  const auto lines =
      lines_of(read_text(source_path("examples/tiny/train.jsonl")));
  std::string text;
  for (std::size_t i = 0; i < kRows; ++i) text += lines.at(i) + "\n";
  data_ = directory_.write("data.jsonl", text);
}

std::vector<std::string> ShortRun::words(
    const fs::path& output, const std::vector<std::string>& more) const {
  std::vector<std::string> out = {"train", tiny_model(), data_, "-o", output};
  const std::vector<std::pair<std::string, std::string>> defaults = {
      {"--steps", "6"},
      {"--batch-size", "4"},
      {"--rank", "4"},
      {"--threads", "1"}};
  for (const auto& [option, value] : defaults) {
    if (std::ranges::find(more, option) != more.end()) continue;
    const bool full = std::ranges::find(more, "full") != more.end();
    if (full && option == "--rank") continue;  // means nothing there
    out.insert(out.end(), {option, value});
  }
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

Outcome ShortRun::train(const fs::path& output,
                        const std::vector<std::string>& more) const {
  return run_graft(words(output, more));
}

std::vector<json> ShortRun::metrics(const fs::path& run,
                                    const std::string& key) {
  std::vector<json> out;
  for (const std::string& line : lines_of(read_text(run / "metrics.jsonl"))) {
    json row = json::parse(line);
    if (row.contains(key)) out.push_back(std::move(row));
  }
  return out;
}

std::string ShortRun::adapter_bytes(const fs::path& run) {
  return bytes_of(run / "adapter" / "adapter_model.safetensors");
}

}  // namespace graft::test
