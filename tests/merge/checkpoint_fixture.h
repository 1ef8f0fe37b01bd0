// A small made-up checkpoint in two shards and adapters for it, for the tests
// of merge. Entry points: CheckpointFixture, make_adapter.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "graft/base/half.h"
#include "graft/formats/adapter_record.h"
#include "graft/io/safetensors_writer.h"
#include "support/temporary_directory.h"

namespace graft::test {

// Reproducible numbers in about [-1, 1).
inline std::vector<float> made_up_values(std::size_t count,
                                         std::uint32_t seed) {
  std::vector<float> out(count);
  std::uint32_t state = seed * 2654435761u + 1u;
  for (float& value : out) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<float>(static_cast<std::int32_t>(state)) * 0x1p-31f;
  }
  return out;
}

inline HostTensor made_up_tensor(DType dtype, std::vector<std::int64_t> shape,
                                 std::uint32_t seed) {
  std::size_t count = 1;
  for (const std::int64_t size : shape) count *= static_cast<std::size_t>(size);
  const std::vector<float> values = made_up_values(count, seed);
  std::vector<std::byte> bytes(count * dtype_size(dtype));
  from_f32(dtype, values.data(), count, bytes.data());
  return HostTensor::make_owned(dtype, std::move(shape), std::move(bytes));
}

// A site on the whole HF module `path`, as an inventory without a family table
// gives it.
inline Site made_up_site(const std::string& path, std::int64_t rows,
                         std::int64_t in, std::int64_t rank) {
  Site site;
  site.module = path;
  site.rows = {0, rows};
  site.module_out = rows;
  site.in = in;
  site.adapter.rank = rank;
  site.adapter.alpha = 2.0 * static_cast<double>(rank);
  site.scale = lora_scale(site.adapter);
  return site;
}

inline AdapterFile make_adapter(const std::vector<Site>& sites,
                                DType dtype = DType::kF32) {
  AdapterFile out;
  out.plan.sites = sites;
  std::uint32_t seed = 100;
  for (const Site& site : sites) {
    const std::int64_t rank = site.adapter.rank;
    out.records.push_back(
        {.a = made_up_tensor(dtype, {rank, site.in}, seed++),
         .b = made_up_tensor(dtype, {site.rows.size(), rank}, seed++)});
  }
  return out;
}

// base/: a.proj (5, 19), a.norm (19), an integer tensor and, in the second
// shard, b.proj (64, 48) and an embedding; index, config and other files.
class CheckpointFixture {
 public:
  static constexpr const char* kFirst = "model-00001-of-00002.safetensors";
  static constexpr const char* kSecond = "model-00002-of-00002.safetensors";

  explicit CheckpointFixture(DType dtype) {
    save(kFirst, {{"a.norm.weight", made_up_tensor(dtype, {19}, 1)},
                  {"a.proj.weight", made_up_tensor(dtype, {5, 19}, 2)},
                  {"a.steps.weight",
                   HostTensor::make_owned(DType::kI32, {1, 2},
                                          std::vector<std::byte>(8))}});
    save(kSecond, {{"b.proj.weight", made_up_tensor(dtype, {64, 48}, 3)},
                   {"embed_tokens.weight", made_up_tensor(dtype, {20, 8}, 4)}});
    directory_.write("base/model.safetensors.index.json",
                     R"({"metadata":{"total_size":1},"weight_map":{)"
                     R"("a.norm.weight":"model-00001-of-00002.safetensors",)"
                     R"("a.proj.weight":"model-00001-of-00002.safetensors",)"
                     R"("a.steps.weight":"model-00001-of-00002.safetensors",)"
                     R"("b.proj.weight":"model-00002-of-00002.safetensors",)"
                     R"("embed_tokens.weight":)"
                     R"("model-00002-of-00002.safetensors"}})");
    directory_.write("base/config.json",
                     R"({"rope":1e-06,"tie_word_embeddings":true,"a":[1]})");
    directory_.write("base/tokenizer.json", "{}");
    directory_.write("base/other.safetensors", "not part of the set");
    directory_.write("base/pytorch_model.bin", "pickle");
    directory_.write("base/sub/file", "not copied");
  }

  std::filesystem::path base() const { return directory_.path() / "base"; }
  std::filesystem::path output() const { return directory_.path() / "out"; }
  const std::filesystem::path& path() const { return directory_.path(); }

  void save(const std::string& name,
            std::vector<std::pair<std::string, HostTensor>> tensors) const {
    std::filesystem::create_directories(base());
    save_safetensors(base() / name, std::move(tensors));
  }

  // Both projections, of ranks 3 and 4.
  static AdapterFile adapter(DType dtype = DType::kF32) {
    return make_adapter(
        {made_up_site("a.proj", 5, 19, 3), made_up_site("b.proj", 64, 48, 4)},
        dtype);
  }

 private:
  TemporaryDirectory directory_;
};

// W + scale * (B A), product by product in the order of the rank, then one
// rounding: what the merge promises to the bit for weights below F64.
inline std::vector<std::byte> merged_bytes(const HostTensor& base,
                                           const AdapterRecord& record,
                                           double scale) {
  const auto in = static_cast<std::size_t>(base.shape[1]);
  const auto rank = static_cast<std::size_t>(record.a.shape[0]);
  std::vector<float> w = base.to_floats();
  const std::vector<float> a = record.a.to_floats();
  const std::vector<float> b = record.b.to_floats();
  for (std::size_t i = 0; i < w.size(); ++i) {
    float sum = 0;
    for (std::size_t k = 0; k < rank; ++k) {
      const float product = b[i / in * rank + k] * a[k * in + i % in];
      sum += product;
    }
    const float delta = static_cast<float>(scale) * sum;
    w[i] += delta;
  }
  std::vector<std::byte> out(base.bytes.size());
  from_f32(base.dtype, w.data(), w.size(), out.data());
  return out;
}

}  // namespace graft::test
