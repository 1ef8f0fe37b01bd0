// What kind of layer a live module is, told by its C++ type. Entry points:
// layer_kind_of, is_output_head, HasLayerKind.
#pragma once

#include <torch/nn/module.h>

#include "graft/match/module_info.h"

namespace graft {

// Users' own classes may say what they are to the selection by deriving from
// this as well. A linear kind that is no nn::LinearSlot can be selected but
// not adapted.
class HasLayerKind {
 public:
  virtual ~HasLayerKind() = default;
  virtual LayerKind layer_kind() const = 0;
};

// The kind of a live module, told by its C++ type.
LayerKind layer_kind_of(const torch::nn::Module& module);

// True for the slot that makes the logits (LinearSlot::set_output_head).
bool is_output_head(const torch::nn::Module& module);

}  // namespace graft
