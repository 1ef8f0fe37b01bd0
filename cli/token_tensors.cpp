// Every value is checked before the model sees it.
#include "token_tensors.h"

#include <ATen/ATen.h>

#include <array>
#include <string>
#include <string_view>

#include "graft/base/error.h"
#include "graft/base/logger.h"
#include "graft/checkpoint/base_model.h"
#include "graft/io/safetensors.h"

namespace graft::cli {
namespace {

constexpr std::string_view kOperation = "logits";
// From here on fp32 does not hold every whole number.
constexpr std::int64_t kExactPositions = std::int64_t{1} << 24;

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const std::int64_t size : shape) {
    text.append(text.empty() ? "[" : ", ").append(std::to_string(size));
  }
  return text.empty() ? "[]" : text + "]";
}

struct Source {
  const SafetensorsFile& file;

  [[noreturn]] void refuse(const std::string& what, const std::string& got,
                           const std::string& expected) const {
    throw FileError(ErrorText{std::string(kOperation),
                              file.path().string() + ": " + what,
                              got,
                              expected,
                              {}});
  }

  // Undefined when absent.
  at::Tensor find(const std::string& name, bool flags) const {
    const TensorEntry* entry = file.find_or_null(name);
    if (entry == nullptr) return {};
    const bool integer =
        entry->dtype == DType::kI64 || entry->dtype == DType::kI32;
    const bool flag =
        entry->dtype == DType::kBool || entry->dtype == DType::kU8;
    if (!integer && !(flags && flag)) {
      refuse(name, std::string(dtype_name(entry->dtype)),
             flags ? "I64, I32, U8 or BOOL" : "I64 or I32");
    }
    return from_host_tensor(file.tensor(*entry)).to(at::kLong);
  }
};

// Names the first element of `values` where `bad` holds.
void check_values(const Source& source, const std::string& name,
                  const at::Tensor& bad, const at::Tensor& values,
                  const std::string& expected) {
  const at::Tensor places = bad.nonzero();
  if (places.size(0) == 0) return;
  const auto row = places[0][0].item<std::int64_t>();
  const auto column = places[0][1].item<std::int64_t>();
  source.refuse(name + " at row " + std::to_string(row) + ", token " +
                    std::to_string(column),
                std::to_string(values[row][column].item<std::int64_t>()),
                expected);
}

void check_shapes(const Source& source, const TokenTensors& tensors) {
  const at::Tensor& ids = tensors.input_ids;
  if (!ids.defined()) source.refuse("input_ids", "no such tensor", "[B, T]");
  if (ids.dim() != 2 || ids.numel() == 0) {
    source.refuse("input_ids", shape_text(ids.sizes().vec()),
                  "[B, T], not empty");
  }
  const std::array<std::pair<const char*, const at::Tensor*>, 3> others = {
      {{"attention_mask", &tensors.attention_mask},
       {"position_ids", &tensors.position_ids},
       {"labels", &tensors.labels}}};
  for (const auto& [name, tensor] : others) {
    if (tensor->defined() && !tensor->sizes().equals(ids.sizes())) {
      source.refuse(name, shape_text(tensor->sizes().vec()),
                    shape_text(ids.sizes().vec()) + " as input_ids");
    }
  }
}

void warn_unknown(const SafetensorsFile& file) {
  static constexpr std::array<std::string_view, 4> kKnown = {
      "input_ids", "attention_mask", "position_ids", "labels"};
  for (const TensorEntry& entry : file.entries()) {
    if (std::find(kKnown.begin(), kKnown.end(), entry.name) == kKnown.end()) {
      Logger("graft.logits")
          .warning(file.path().string() + ": tensor '" + entry.name +
                   "' is not used");
    }
  }
}

// Every rope computes its angles for any position; beyond the length that a
// model was made for it is only less good.
void warn_beyond(const SafetensorsFile& file, const TokenTensors& tensors,
                 std::int64_t positions) {
  const bool own = tensors.position_ids.defined();
  const std::int64_t count =
      own ? tensors.position_ids.max().item<std::int64_t>() + 1
          : tensors.input_ids.size(1);
  if (count <= positions) return;
  Logger("graft.logits")
      .warning(file.path().string() + ": " +
               (own ? "position_ids reach " + std::to_string(count - 1)
                    : "input_ids has " + std::to_string(count) + " tokens") +
               ", beyond max_position_embeddings " + std::to_string(positions) +
               "; computed all the same, as transformers does");
}

}  // namespace

TokenTensors read_token_tensors(const std::filesystem::path& path,
                                const TokenLimits& limits) {
  const SafetensorsFile file = SafetensorsFile::open(path);
  const Source source{file};
  TokenTensors out;
  out.input_ids = source.find("input_ids", false);
  out.attention_mask = source.find("attention_mask", true);
  out.position_ids = source.find("position_ids", false);
  out.labels = source.find("labels", false);
  check_shapes(source, out);
  warn_unknown(file);
  const std::int64_t vocabulary = limits.vocabulary;
  const std::string range = "0.." + std::to_string(vocabulary - 1);
  const auto outside = [&](const at::Tensor& ids) {
    return ids.lt(0).logical_or(ids.ge(vocabulary));
  };
  check_values(source, "input_ids", outside(out.input_ids), out.input_ids,
               range);
  if (out.labels.defined()) {
    check_values(source, "labels",
                 outside(out.labels).logical_and(out.labels.ne(-100)),
                 out.labels, range + ", or -100 (ignored)");
  }
  if (out.attention_mask.defined()) {
    const at::Tensor& mask = out.attention_mask;
    check_values(source, "attention_mask", mask.ne(0).logical_and(mask.ne(1)),
                 mask, "0 or 1");
  }
  if (out.position_ids.defined()) {
    const at::Tensor& ids = out.position_ids;
    check_values(source, "position_ids",
                 ids.lt(0).logical_or(ids.ge(kExactPositions)), ids,
                 "0 or more, and below 2^24 (rotation is computed in fp32)");
  }
  warn_beyond(file, out, limits.positions);
  return out;
}

}  // namespace graft::cli
