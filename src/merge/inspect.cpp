// Gathers headers and configuration, and prints them. Entry points:
// inspect_path, inspection_to_text, inspection_to_json.
#include "graft/merge/inspect.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "formats/hf/config_inventory_internal.h"
#include "graft/base/error.h"
#include "graft/formats/hf/weight_table.h"
#include "graft/io/gguf.h"
#include "graft/io/sharded_safetensors.h"
#include "io/json_file_internal.h"
#include "match/text_table_internal.h"
#include "merge/model_rows_internal.h"
#include "merge/tensor_group_internal.h"

namespace graft {
namespace {

namespace fs = std::filesystem;

constexpr const char* kOperation = "inspect";
constexpr std::size_t kFieldLimit = 160;
constexpr const char* kAdapterConfig = "adapter_config.json";
constexpr const char* kAdapterWeights = "adapter_model.safetensors";

bool says_something(const nlohmann::ordered_json& value) {
  return !value.is_null() && value != false && !value.empty();
}

std::vector<std::pair<std::string, std::string>> read_fields(
    const fs::path& file) {
  std::vector<std::pair<std::string, std::string>> out;
  if (!fs::exists(file)) return out;
  const auto json = parse_ordered_json_file(file, kOperation);
  if (!json.is_object()) {
    throw FileError(ErrorText{.operation = kOperation,
                              .what = file.string(),
                              .expected = "a JSON object"});
  }
  for (const auto& [key, value] : json.items()) {
    // Escapes for all but ASCII, so that no field writes to the terminal.
    if (says_something(value)) out.emplace_back(key, value.dump(-1, ' ', true));
  }
  return out;
}

std::vector<SafetensorsFile> open_files(const Inspection& out) {
  if (out.kind == "adapter") {
    return {SafetensorsFile::open(out.path / kAdapterWeights)};
  }
  return ShardedSafetensors::open(out.path).shards();
}

std::vector<ListedTensor> list_safetensors(Inspection& out) {
  std::vector<ListedTensor> listed;
  const std::vector<SafetensorsFile> files = open_files(out);
  for (const SafetensorsFile& file : files) {
    out.files.push_back(file.path().filename().string());
    for (const TensorEntry& entry : file.entries()) {
      listed.push_back({entry.name, std::string(dtype_name(entry.dtype)),
                        entry.shape, entry.element_count(), entry.byte_size()});
    }
  }
  out.metadata = files.front().metadata();
  return listed;
}

std::vector<ListedTensor> list_gguf(Inspection& out) {
  const GgufFile file = GgufFile::open(out.path);
  out.files.push_back(out.path.filename().string());
  for (const std::string& key : file.metadata().keys()) {
    out.fields.emplace_back(printable(key), file.metadata().summary(key));
  }
  out.model = summarise_gguf(file);
  std::vector<ListedTensor> listed;
  for (const GgufEntry& entry : file.entries()) {
    listed.push_back({entry.name, std::string(entry.format->name), entry.shape,
                      entry.element_count(), entry.byte_size()});
  }
  return listed;
}

// What the family has, in the type that config.json states.
std::vector<ListedTensor> list_config(const Inspection& out) {
  if (!out.model || !out.model->config) {
    throw FileError(ErrorText{
        .operation = kOperation,
        .what = out.path.string() + ": config.json without weights",
        .got = out.model ? out.model->problem : "no model_type",
        .expected = "a family that graft knows, or weights beside it"});
  }
  const ModelConfig& config = *out.model->config;
  const DType dtype = config.dtype.value_or(DType::kF32);
  std::vector<ListedTensor> listed;
  for (const WeightRow& row : make_weight_table(config)) {
    std::int64_t elements = 1;
    for (const std::int64_t size : row.shape) elements *= size;
    listed.push_back(
        {row.hf_name, std::string(dtype_name(dtype)), row.shape, elements,
         static_cast<std::uint64_t>(elements) * dtype_size(dtype)});
  }
  return listed;
}

std::vector<ListedTensor> list_tensors(Inspection& out) {
  if (out.kind == "gguf") return list_gguf(out);
  if (out.kind == "config") return list_config(out);
  return list_safetensors(out);
}

Inspection identify(const fs::path& path) {
  Inspection out{.path = path, .kind = "file"};
  if (is_gguf_file(path)) out.kind = "gguf";
  if (!fs::is_directory(path)) return out;
  const bool is_adapter =
      fs::exists(path / kAdapterConfig) || fs::exists(path / kAdapterWeights);
  out.kind = is_adapter ? "adapter" : "checkpoint";
  if (!is_adapter) {
    if (is_config_alone(path)) out.kind = "config";
    out.model = summarise_directory(path);
  }
  out.fields =
      read_fields(path / (is_adapter ? kAdapterConfig : "config.json"));
  return out;
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string out = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) out += ", ";
    out += std::to_string(shape[i]);
  }
  return out + "]";
}

std::string shortened(const std::string& text) {
  if (text.size() <= kFieldLimit) return text;
  return text.substr(0, kFieldLimit) + "...";
}

using Row = std::array<std::string, 5>;

Row row_of(const TensorGroup& group) {
  return {printable(group.name), group.dtype, shape_text(group.shape),
          std::to_string(group.count), with_separators(group.parameters)};
}

// Columns as wide as their widest cell; numbers to the right.
std::string table_text(const std::vector<Row>& rows) {
  std::array<std::size_t, 5> widths{};
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::string out;
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string space(widths[i] - row[i].size(), ' ');
      out += "  ";
      out += i < 3 ? row[i] + space : space + row[i];
    }
    out += '\n';
  }
  return out;
}

std::string join(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) {
    if (!out.empty()) out += ", ";
    out += word;
  }
  return out;
}

}  // namespace

Inspection inspect_path(const fs::path& path, bool fold) {
  Inspection out = identify(path);
  const std::vector<ListedTensor> entries = list_tensors(out);
  out.groups = group_tensors(entries, fold);
  out.tensors = entries.size();
  for (const TensorGroup& group : out.groups) {
    out.parameters += group.parameters;
    out.bytes += group.bytes;
    out.dtypes[group.dtype] += group.parameters;
  }
  return out;
}

std::string inspection_to_text(const Inspection& inspection) {
  std::string out = inspection.kind + " ";
  out += inspection.path.string() + ": " + with_separators(inspection.tensors) +
         " tensors, " + with_separators(inspection.parameters) +
         " parameters, " + with_separators(inspection.bytes) + " bytes";
  if (!inspection.files.empty()) out += " in " + join(inspection.files);
  out += '\n';
  const auto model = model_rows(inspection);
  for (const auto& [label, text] : model) {
    out += "  " + label + std::string(12 - label.size(), ' ') + text + "\n";
  }
  if (!model.empty()) out += '\n';
  for (const auto& [key, value] : inspection.fields) {
    out += "  " + printable(key) + ": " + shortened(value) + "\n";
  }
  for (const auto& [key, value] : inspection.metadata) {
    out += "  metadata " + printable(key) + ": " + printable(value) + "\n";
  }
  std::vector<Row> rows{{"tensor", "dtype", "shape", "count", "parameters"}};
  for (const TensorGroup& group : inspection.groups) {
    rows.push_back(row_of(group));
  }
  return out + table_text(rows);
}

std::string inspection_to_json(const Inspection& inspection) {
  nlohmann::ordered_json groups = nlohmann::ordered_json::array();
  for (const TensorGroup& group : inspection.groups) {
    groups.push_back({{"name", group.name},
                      {"dtype", group.dtype},
                      {"shape", group.shape},
                      {"count", group.count},
                      {"parameters", group.parameters},
                      {"bytes", group.bytes}});
  }
  nlohmann::ordered_json fields = nlohmann::ordered_json::object();
  for (const auto& [key, value] : inspection.fields) {
    fields[key] = nlohmann::ordered_json::parse(value);
  }
  const nlohmann::ordered_json json{{"schema", "graft.inspect/1"},
                                    {"path", inspection.path.string()},
                                    {"kind", inspection.kind},
                                    {"files", inspection.files},
                                    {"model", model_to_json(inspection)},
                                    {"dtypes", inspection.dtypes},
                                    {"fields", fields},
                                    {"metadata", inspection.metadata},
                                    {"tensors", inspection.tensors},
                                    {"parameters", inspection.parameters},
                                    {"bytes", inspection.bytes},
                                    {"groups", groups}};
  return json.dump(2) + "\n";
}

}  // namespace graft
