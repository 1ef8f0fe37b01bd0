// A two-layer Llama inventory and adapters on it, for the reader's and the
// writer's tests. Entry points: small_inventory, make_adapter.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graft/formats/adapter_record.h"
#include "graft/formats/hf/weight_table.h"
#include "graft/match/selector.h"

namespace graft::test {

inline Inventory small_inventory(bool tied = false) {
  return make_family_inventory({.model_type = "llama",
                                .vocab_size = 50,
                                .hidden_size = 16,
                                .intermediate_size = 24,
                                .layers = 2,
                                .heads = 4,
                                .kv_heads = 2,
                                .head_dim = 6,
                                .max_positions = 64,
                                .tied_embeddings = tied});
}

// Distinct values, never zero.
inline HostTensor numbered(std::int64_t rows, std::int64_t columns,
                           float start) {
  std::vector<float> values(static_cast<std::size_t>(rows * columns));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = start + 0.25f * static_cast<float>(i % 61);
  }
  return HostTensor::from_floats({rows, columns}, values);
}

inline AdapterFile make_adapter(const Inventory& inventory,
                                std::vector<Rule> rules) {
  AdapterFile out;
  out.plan = Selector::compile(std::move(rules)).select(inventory);
  float start = 1.0f;
  for (const Site& site : out.plan.sites) {
    const std::int64_t rank = site.adapter.rank;
    out.records.push_back({numbered(site.experts * rank, site.in, start),
                           numbered(site.rows.size(), rank, -start),
                           std::nullopt});
    start += 0.125f;
  }
  return out;
}

inline Rule rule_on(std::vector<std::string> targets, std::int64_t rank = 2,
                    double alpha = 4.0) {
  Rule rule;
  rule.targets = std::move(targets);
  rule.adapter.rank = rank;
  rule.adapter.alpha = alpha;
  return rule;
}

}  // namespace graft::test
