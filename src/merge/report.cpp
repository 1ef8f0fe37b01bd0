// Reports of merge and verify as text and JSON. Entry points:
// merge_report_to_text and its siblings.
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "graft/merge/merge.h"
#include "io/json_file_internal.h"

namespace graft {
namespace {

constexpr std::size_t kRows = 8;

template <typename... Values>
std::string format(const char* pattern, Values... values) {
  char text[128];
  std::snprintf(text, sizeof(text), pattern, values...);
  return text;
}

std::string speed_text(std::uint64_t bytes, double seconds) {
  const double megabytes = static_cast<double>(bytes) / 1e6;
  return format("%.1f MB in %.2f s (%.0f MB/s)", megabytes, seconds,
                seconds > 0.0 ? megabytes / seconds : 0.0);
}

std::string plural(std::size_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

std::string join(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) {
    out += (out.empty() ? "" : ", ") + printable(word);
  }
  return out;
}

std::vector<MergedTensor> by_change(std::vector<MergedTensor> tensors) {
  std::stable_sort(tensors.begin(), tensors.end(),
                   [](const MergedTensor& a, const MergedTensor& b) {
                     return a.relative_change > b.relative_change;
                   });
  return tensors;
}

std::string change_row(const MergedTensor& tensor) {
  return format("  %8.4f %%  %9.2e  ", 100.0 * tensor.relative_change,
                tensor.max_rounding) +
         printable(tensor.name) + "\n";
}

// The most and the least changed tensors, in order of change.
std::string change_table(const std::vector<MergedTensor>& merged) {
  const std::vector<MergedTensor> sorted = by_change(merged);
  std::string out = "    change  rounding   tensor\n";
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (sorted.size() > 2 * kRows && i == kRows) {
      i = sorted.size() - kRows;
      out += "       ...\n";
    }
    out += change_row(sorted[i]);
  }
  return out;
}

std::string unchanged_warning(const std::vector<MergedTensor>& merged) {
  const auto count = static_cast<std::size_t>(std::count_if(
      merged.begin(), merged.end(),
      [](const MergedTensor& tensor) { return !tensor.changed; }));
  if (count == 0) return {};
  return "warning: " + plural(count, "merged tensor") +
         " did not change: the delta is zero or below the rounding of the "
         "stored type\n";
}

}  // namespace

std::string merge_report_to_text(const MergeReport& report) {
  std::string out = change_table(report.merged);
  out += "merged " + plural(report.adapter_pairs, "adapter pair") + " into " +
         plural(report.merged.size(), "tensor") + ", copied " +
         plural(report.copied_tensors, "tensor") + " byte for byte\n";
  out += unchanged_warning(report.merged);
  if (report.untied) {
    out +=
        "the output head is now a tensor of its own; config.json says "
        "tie_word_embeddings false\n";
  }
  out += "weights: " + join(report.shards) + "\n";
  if (!report.copied_files.empty()) {
    out += "copied: " + join(report.copied_files) + "\n";
  }
  if (!report.skipped_files.empty()) {
    out += "not copied (other weights): " + join(report.skipped_files) + "\n";
  }
  return out + speed_text(report.bytes, report.seconds) + ", flushed to disk\n";
}

std::string merge_report_to_json(const MergeReport& report) {
  nlohmann::ordered_json merged = nlohmann::ordered_json::array();
  for (const MergedTensor& tensor : report.merged) {
    merged.push_back({{"name", tensor.name},
                      {"relative_change", tensor.relative_change},
                      {"max_rounding", tensor.max_rounding},
                      {"changed", tensor.changed}});
  }
  const nlohmann::ordered_json json{{"schema", "graft.merge/1"},
                                    {"merged", merged},
                                    {"adapter_pairs", report.adapter_pairs},
                                    {"copied_tensors", report.copied_tensors},
                                    {"untied", report.untied},
                                    {"shards", report.shards},
                                    {"copied_files", report.copied_files},
                                    {"skipped_files", report.skipped_files},
                                    {"bytes", report.bytes},
                                    {"seconds", report.seconds}};
  return json.dump(2) + "\n";
}

std::string verify_report_to_text(const VerifyReport& report) {
  std::string out;
  for (const TensorDifference& row : report.differences) {
    out += "  " + row.kind + ": " + printable(row.name);
    if (row.elements > 0) {
      out += format(" (%llu elements, largest difference %.3g)",
                    static_cast<unsigned long long>(row.elements),
                    row.max_difference);
    }
    out += "\n";
  }
  for (const std::string& problem : report.problems) {
    out += "  " + problem + "\n";
  }
  const std::string counts = plural(report.merged_tensors, "merged tensor") +
                             " and " +
                             plural(report.copied_tensors, "copied tensor");
  out += report.matches()
             ? "verified: " + counts + " are exactly what they should be\n"
             : "differs: " + plural(report.differences.size(), "difference") +
                   " in " + counts + "\n";
  return out + speed_text(report.bytes, report.seconds) + "\n";
}

std::string verify_report_to_json(const VerifyReport& report) {
  nlohmann::ordered_json differences = nlohmann::ordered_json::array();
  for (const TensorDifference& row : report.differences) {
    differences.push_back({{"name", row.name},
                           {"kind", row.kind},
                           {"elements", row.elements},
                           {"max_difference", row.max_difference}});
  }
  const nlohmann::ordered_json json{{"schema", "graft.verify/1"},
                                    {"matches", report.matches()},
                                    {"merged_tensors", report.merged_tensors},
                                    {"copied_tensors", report.copied_tensors},
                                    {"differences", differences},
                                    {"problems", report.problems},
                                    {"bytes", report.bytes},
                                    {"seconds", report.seconds}};
  return json.dump(2) + "\n";
}

}  // namespace graft
