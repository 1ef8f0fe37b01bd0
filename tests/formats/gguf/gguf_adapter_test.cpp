// The products that llama.cpp forms from the file are the adapter's deltas in
// llama.cpp's order of rows; names and metadata; what cannot be said there.
#include "graft/formats/gguf/adapter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <map>

#include "formats/gguf/gguf_names_internal.h"
#include "formats/hf/small_adapter.h"
#include "graft/base/error.h"
#include "graft/io/gguf.h"
#include "support/shared_data.h"
#include "support/temporary_directory.h"

namespace graft {
namespace {

using test::make_adapter;
using test::rule_on;
using test::small_inventory;
using test::TemporaryDirectory;
using testing::HasSubstr;

// Of small_inventory().
ModelConfig small_config(bool tied = false) {
  return {.model_type = "llama", .head_dim = 6, .tied_embeddings = tied};
}

std::vector<float> values_of(const GgufFile& file, const std::string& name) {
  const GgufEntry* entry = file.find_or_null(name);
  if (entry == nullptr) throw std::runtime_error("no tensor " + name);
  std::vector<float> out(static_cast<std::size_t>(entry->element_count()));
  const StoredTensor tensor = file.tensor(*entry);
  tensor.decode({0, tensor.rows()}, out.data());
  return out;
}

// scale * B * A, (rows, in).
std::vector<float> product(const std::vector<float>& b,
                           const std::vector<float>& a, std::size_t rank,
                           double scale) {
  const std::size_t rows = b.size() / rank;
  const std::size_t in = a.size() / rank;
  std::vector<float> out(rows * in);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < in; ++j) {
      double sum = 0;
      for (std::size_t k = 0; k < rank; ++k) {
        sum += static_cast<double>(b[i * rank + k]) * a[k * in + j];
      }
      out[i * in + j] = static_cast<float>(scale * sum);
    }
  }
  return out;
}

// The rows of `delta` where llama.cpp has them.
std::vector<float> interleaved(const std::vector<float>& delta,
                               std::int64_t rows) {
  const std::vector<std::int64_t> places = stored_head_rows(rows, 6);
  const std::size_t in = delta.size() / static_cast<std::size_t>(rows);
  std::vector<float> out(delta.size());
  for (std::size_t row = 0; row < places.size(); ++row) {
    const auto place = static_cast<std::size_t>(places[row]);
    std::copy_n(&delta[row * in], in, &out[place * in]);
  }
  return out;
}

const std::map<std::string, std::string> kNames = {
    {"q_proj", "attn_q"},      {"k_proj", "attn_k"},      {"v_proj", "attn_v"},
    {"o_proj", "attn_output"}, {"gate_proj", "ffn_gate"}, {"up_proj", "ffn_up"},
    {"down_proj", "ffn_down"}};

// Every module of a canonical adapter, as llama.cpp reads `file`.
void expect_deltas(const GgufFile& file, const AdapterFile& adapter,
                   double tolerance) {
  const double alpha = *file.metadata().number("adapter.lora.alpha");
  for (std::size_t i = 0; i < adapter.records.size(); ++i) {
    const Site& site = adapter.plan.sites[i];
    const std::string& path = site.hf_paths.at(0);
    const std::string last = path.substr(path.rfind('.') + 1);
    const std::string name = "blk." + std::to_string(site.layer.value()) + "." +
                             kNames.at(last) + ".weight.lora_";
    const auto rank = static_cast<std::size_t>(site.adapter.rank);
    const auto got =
        product(values_of(file, name + "b"), values_of(file, name + "a"), rank,
                alpha / static_cast<double>(rank));
    auto expected = product(adapter.records[i].b.to_floats(),
                            adapter.records[i].a.to_floats(), rank, site.scale);
    if (last == "q_proj" || last == "k_proj") {
      expected = interleaved(expected, site.rows.size());
    }
    ASSERT_EQ(got.size(), expected.size());
    for (std::size_t k = 0; k < got.size(); ++k) {
      ASSERT_NEAR(got[k], expected[k], tolerance * (1 + std::abs(expected[k])))
          << name << " " << k;
    }
  }
}

TEST(GgufAdapter, products_are_the_deltas) {
  const Inventory inventory = small_inventory();
  Rule root = rule_on({"gate_proj"}, 4, 3);
  root.adapter.rslora = true;
  const std::vector<std::vector<Rule>> selections = {
      {rule_on({"q_proj", "k_proj", "v_proj", "o_proj", "up_proj"})},
      {rule_on({"*.layers.1.*.k_proj"}, 3, 0.7), root,
       rule_on({"q_proj", "down_proj"}, 2, 4)}};
  for (const auto& rules : selections) {
    const TemporaryDirectory directory;
    const AdapterFile adapter = make_adapter(inventory, rules);
    const auto path = directory.path() / "a.gguf";
    write_gguf_adapter(path, adapter, small_config());
    const GgufFile file = GgufFile::open(path);
    EXPECT_EQ(file.entries().size(), 2 * adapter.records.size());
    expect_deltas(file, adapter, 1e-5);
  }
}

TEST(GgufAdapter, tells_llama_cpp_what_it_is) {
  const TemporaryDirectory directory;
  const AdapterFile adapter =
      make_adapter(small_inventory(), {rule_on({"v_proj"}, 2, 4)});
  const auto path = directory.path() / "a.gguf";
  write_gguf_adapter(path, adapter, small_config(), DType::kF16);
  const GgufFile file = GgufFile::open(path);
  const GgufMetadata& keys = file.metadata();
  EXPECT_EQ(keys.text("general.type"), "adapter");
  EXPECT_EQ(keys.text("general.architecture"), "llama");
  EXPECT_EQ(keys.text("adapter.type"), "lora");
  EXPECT_EQ(keys.number("adapter.lora.alpha"), 4.0);
  EXPECT_EQ(file.entries()[0].format->name, "F16");
  expect_deltas(file, adapter, 2e-3);
  const std::string once = test::read_text(path);
  write_gguf_adapter(path, adapter, small_config(), DType::kF16);
  EXPECT_EQ(test::read_text(path), once);
}

// A fused site shares its A; the head has a name of its own.
TEST(GgufAdapter, fused_sites_and_the_head) {
  const Inventory inventory = small_inventory();
  const AdapterFile adapter =
      make_adapter(inventory, {rule_on({"linear_qkv", "lm_head"})});
  const TemporaryDirectory directory;
  const auto path = directory.path() / "a.gguf";
  write_gguf_adapter(path, adapter, small_config());
  const GgufFile file = GgufFile::open(path);
  EXPECT_EQ(file.entries().size(), 2U * (2 * 3 + 1));
  EXPECT_EQ(values_of(file, "blk.1.attn_q.weight.lora_a"),
            values_of(file, "blk.1.attn_v.weight.lora_a"));
  EXPECT_NE(file.find_or_null("output.weight.lora_b"), nullptr);
}

ModelConfig mixtral_config() {
  ModelConfig out{.model_type = "mixtral",
                  .vocab_size = 50,
                  .hidden_size = 8,
                  .intermediate_size = 6,
                  .layers = 1,
                  .heads = 2,
                  .kv_heads = 1,
                  .head_dim = 4,
                  .max_positions = 64};
  out.experts = {.count = 3, .per_token = 2, .size = 6};
  out.layer_traits = {{.experts = true}};
  return out;
}

// As PEFT's files name the matrices of single experts.
Rule expert_rule(std::vector<std::string> targets, std::int64_t rank,
                 double alpha) {
  Rule out = rule_on(std::move(targets), rank, alpha);
  out.syntax = PatternSyntax::kPeft;
  out.peft.experts_as_layers = true;
  return out;
}

std::vector<float> slice(const std::vector<float>& values, std::size_t expert,
                         std::size_t experts) {
  const std::size_t size = values.size() / experts;
  const auto begin =
      values.begin() + static_cast<std::ptrdiff_t>(expert * size);
  return {begin, begin + static_cast<std::ptrdiff_t>(size)};
}

// Experts 0 and 2 have pairs of unlike ranks and scales, expert 1 none.
TEST(GgufAdapter, experts_become_one_tensor) {
  const ModelConfig config = mixtral_config();
  const std::string prefix = "model.layers.0.block_sparse_moe.experts.";
  const AdapterFile adapter =
      make_adapter(make_family_inventory(config),
                   {expert_rule({prefix + "0.w3"}, 1, 5),
                    expert_rule({prefix + "2.w3", prefix + "2.w2"}, 3, 2)});
  ASSERT_EQ(adapter.records.size(), 3U);
  const TemporaryDirectory directory;
  const auto path = directory.path() / "a.gguf";
  write_gguf_adapter(path, adapter, config);
  const GgufFile file = GgufFile::open(path);
  EXPECT_EQ(file.entries().size(), 4U);
  const std::string name = "blk.0.ffn_up_exps.weight.lora_";
  const GgufEntry* a = file.find_or_null(name + "a");
  const GgufEntry* b = file.find_or_null(name + "b");
  ASSERT_TRUE(a != nullptr && b != nullptr);
  EXPECT_EQ(a->shape, (std::vector<std::int64_t>{3, 3, 8}));
  EXPECT_EQ(b->shape, (std::vector<std::int64_t>{3, 6, 3}));
  EXPECT_NE(file.find_or_null("blk.0.ffn_down_exps.weight.lora_a"), nullptr);
  const double scale = *file.metadata().number("adapter.lora.alpha") / 3;
  for (const Site& site : adapter.plan.sites) {
    if (!site.hf_paths.at(0).ends_with("w3")) continue;
    const auto index = static_cast<std::size_t>(&site - &adapter.plan.sites[0]);
    const auto expert = static_cast<std::size_t>(
        std::stoi(site.hf_paths.at(0).substr(prefix.size())));
    const auto got =
        product(slice(values_of(file, name + "b"), expert, 3),
                slice(values_of(file, name + "a"), expert, 3), 3, scale);
    const auto wanted =
        product(adapter.records[index].b.to_floats(),
                adapter.records[index].a.to_floats(),
                static_cast<std::size_t>(site.adapter.rank), site.scale);
    EXPECT_THAT(got, testing::Pointwise(testing::FloatNear(1e-4F), wanted));
  }
  EXPECT_THAT(slice(values_of(file, name + "b"), 1, 3), testing::Each(0.0F));
}

// Adapters on all experts at once are the same file whichever layout the
// checkpoint of the base has.
TEST(GgufAdapter, packed_experts_are_written_as_single_ones) {
  ModelConfig config = mixtral_config();
  std::vector<std::string> texts;
  for (const bool packed : {false, true}) {
    config.experts.packed = packed;
    const AdapterFile adapter =
        make_adapter(make_family_inventory(config),
                     {rule_on({"kind=expert", "router"}, 2, 5)});
    ASSERT_EQ(adapter.records.size(), 3U);
    const TemporaryDirectory directory;
    const auto path = directory.path() / "a.gguf";
    write_gguf_adapter(path, adapter, config);
    texts.push_back(test::read_text(path));
    const GgufFile file = GgufFile::open(path);
    EXPECT_EQ(file.entries().size(), 2U * 4);
    EXPECT_EQ(values_of(file, "blk.0.ffn_gate_exps.weight.lora_a"),
              values_of(file, "blk.0.ffn_up_exps.weight.lora_a"));
  }
  EXPECT_EQ(texts[0], texts[1]);
}

// Names without parts of their own; rows as they are.
TEST(GgufAdapter, fused_tensors_of_phi_3_stay_fused) {
  ModelConfig config = mixtral_config();
  config.model_type = "phi3";
  config.experts = {};
  config.layer_traits = {};
  config.prefix = {"model.language_model.", ""};
  const AdapterFile adapter = make_adapter(
      make_family_inventory(config),
      {expert_rule({"qkv_proj", "gate_up_proj", "down_proj"}, 2, 4)});
  const TemporaryDirectory directory;
  const auto path = directory.path() / "a.gguf";
  write_gguf_adapter(path, adapter, config);
  const GgufFile file = GgufFile::open(path);
  EXPECT_EQ(file.metadata().text("general.architecture"), "phi3");
  for (std::size_t i = 0; i < 3; ++i) {
    const std::string name =
        "blk.0." +
        std::string(std::array{"attn_qkv", "ffn_up", "ffn_down"}.at(i)) +
        ".weight.lora_b";
    EXPECT_EQ(values_of(file, name), adapter.records[i].b.to_floats()) << name;
  }
}

std::string error_of(const AdapterFile& adapter, const ModelConfig& base,
                     DType dtype = DType::kF32) {
  const TemporaryDirectory directory;
  const auto path = directory.write("a.gguf", "old");
  try {
    write_gguf_adapter(path, adapter, base, dtype);
  } catch (const Error& error) {
    EXPECT_EQ(test::read_text(path), "old");
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return {};
}

TEST(GgufAdapter, refuses_what_llama_cpp_cannot_load) {
  const AdapterFile head =
      make_adapter(small_inventory(true), {rule_on({"lm_head"})});
  EXPECT_THAT(error_of(head, small_config(true)), HasSubstr("lm_head"));

  AdapterFile adapter = make_adapter(small_inventory(), {rule_on({"v_proj"})});
  ModelConfig other = small_config();
  other.model_type = "nobody";
  EXPECT_THAT(error_of(adapter, other), HasSubstr("nobody"));

  std::vector<float> values = adapter.records[0].b.to_floats();
  values[0] = 1e6F;
  adapter.records[0].b =
      HostTensor::from_floats(adapter.records[0].b.shape, values);
  EXPECT_THAT(error_of(adapter, small_config(), DType::kF16),
              HasSubstr("too large for F16"));
  values[0] = std::numeric_limits<float>::quiet_NaN();
  adapter.records[0].b =
      HostTensor::from_floats(adapter.records[0].b.shape, values);
  EXPECT_THAT(error_of(adapter, small_config()), HasSubstr("NaN"));
}

}  // namespace
}  // namespace graft
