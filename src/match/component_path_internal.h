// The runtime name of a part of a fused layer. Entry point: component_path.
#pragma once

#include <string>
#include <string_view>

namespace graft {

// The module's parent + component ("decoder.layers.0.self_attention.linear_q");
// the module itself for an empty component.
std::string component_path(std::string_view module, std::string_view component);

// The part after the last dot.
std::string_view last_component(std::string_view path);

}  // namespace graft
