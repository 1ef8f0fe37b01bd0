// Words for tensors that are not those a file should hold. Entry points:
// sample_names, shape_text, explain_names.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace graft {

// "a, b, c and 12 more".
std::string sample_names(const std::vector<std::string>& names);

// "[64, 16]".
std::string shape_text(std::span<const std::int64_t> shape);

// When every name of `found` is one of `wanted` with the same dotted part
// inserted or left out, says so in a sentence ("Every key has
// 'language_model.' after 'base_model.model.model.'."); empty otherwise.
std::string explain_names(const std::vector<std::string>& wanted,
                          const std::vector<std::string>& found);

}  // namespace graft
