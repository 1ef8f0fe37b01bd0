// Streams the live tensors, one at a time, through the weight table.
#include "graft/checkpoint/full_model.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/tensor_bridge_internal.h"
#include "graft/base/error.h"
#include "graft/formats/hf/weight_table.h"
#include "graft/io/atomic_output.h"
#include "graft/io/safetensors_writer.h"
#include "graft/io/sharded_safetensors.h"
#include "graft/nn/embedding.h"
#include "graft/nn/linear_slot.h"

namespace graft {
namespace {

namespace fs = std::filesystem;

using LiveModules =
    torch::OrderedDict<std::string, std::shared_ptr<torch::nn::Module>>;

// The rows of one HF tensor out of the live model.
at::Tensor live_rows(const LiveModules& modules, const WeightRow& row) {
  const std::size_t dot = row.runtime_name.rfind('.');
  const std::string path = row.runtime_name.substr(0, dot);
  const std::shared_ptr<torch::nn::Module>& module = modules[path];
  const std::string leaf = row.runtime_name.substr(dot + 1);
  const auto own = module->named_parameters(false);
  if (const at::Tensor* parameter = own.find(leaf)) {
    return parameter->detach().narrow(0, row.rows.begin, row.rows.size());
  }
  if (const auto* slot = dynamic_cast<nn::LinearSlot*>(module.get())) {
    return slot->dense_rows(row.rows);
  }
  if (const auto* words = dynamic_cast<nn::Embedding*>(module.get())) {
    return words->frozen()->dense_rows(row.rows);
  }
  throw Error("save model: no live tensor for '" + row.runtime_name + "'");
}

// A finite fp32 value may be too large for the file's type.
void check_finite(const at::Tensor& values, const TensorLayout& tensor) {
  if (values.isfinite().all().item<bool>()) return;
  throw Error(ErrorText{
      "save model", "tensor '" + tensor.name + "'",
      "NaN, or a value beyond " + std::string(dtype_name(tensor.dtype)),
      "finite numbers", "Training diverged: try a lower learning rate."});
}

bool is_weight_file(const fs::path& path) {
  static constexpr std::array<std::string_view, 8> kSuffixes = {
      ".safetensors", ".index.json", ".bin",  ".pt",
      ".pth",         ".gguf",       ".onnx", ".h5"};
  const std::string name = path.filename().string();
  return std::any_of(
      kSuffixes.begin(), kSuffixes.end(),
      [&name](std::string_view suffix) { return name.ends_with(suffix); });
}

void copy_other_files(const fs::path& from, const fs::path& to) {
  for (const auto& entry : fs::directory_iterator(from)) {
    if (entry.is_regular_file() && !is_weight_file(entry.path())) {
      fs::copy_file(entry.path(), to / entry.path().filename(),
                    fs::copy_options::overwrite_existing);
    }
  }
}

// What the live model has of the base's tensors, by name. A tied head that is
// stored all the same is the embedding under its own name.
std::map<std::string, WeightRow> live_tensors(
    const BaseModel& base, const ShardedSafetensors& weights) {
  std::map<std::string, WeightRow> out;
  for (WeightRow& row : make_weight_table(base.config)) {
    out.emplace(row.hf_name, std::move(row));
  }
  if (!base.config.tied_embeddings) return out;
  const std::string head = base.config.prefix.head + "lm_head.weight";
  const std::string words = base.config.prefix.body + "embed_tokens.weight";
  if (!weights.contains(head)) return out;
  WeightRow row = out.at(words);
  row.hf_name = head;
  out.emplace(head, std::move(row));
  return out;
}

}  // namespace

void save_full_model(const BaseModel& base, const fs::path& directory) {
  const auto weights = ShardedSafetensors::open(base.directory);
  const std::map<std::string, WeightRow> rows = live_tensors(base, weights);
  std::vector<TensorLayout> layout;
  for (const std::string& name : weights.names()) {
    const HostTensor stored = weights.tensor(name);
    layout.push_back({name, stored.dtype, stored.shape});
  }
  std::sort(layout.begin(), layout.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  AtomicDirectory output(directory, AtomicDirectory::Existing::kReplace);
  copy_other_files(base.directory, output.path());
  SafetensorsWriter writer(output.path() / "model.safetensors", layout,
                           {{"format", "pt"}});
  const LiveModules modules = base.model->named_modules("", false);
  for (const TensorLayout& tensor : layout) {
    const auto row = rows.find(tensor.name);
    if (row == rows.end()) {
      writer.write(weights.tensor(tensor.name).bytes);
      continue;
    }
    const at::Tensor values = live_rows(modules, row->second)
                                  .to(at::kCPU)
                                  .to(to_scalar_type(tensor.dtype));
    check_finite(values, tensor);
    writer.write(to_host_tensor(values).bytes);
  }
  writer.commit();
  output.commit();
}

}  // namespace graft
