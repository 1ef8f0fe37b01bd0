// The input of a linear layer, and how backward can make it again instead of
// keeping it. Entry points: LinearInput, remade_input.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <utility>
#include <vector>

namespace graft::nn {

struct LinearInput {
  // Makes the value again, bit for bit, from `sources`. Called with gradients
  // off.
  using Make = std::function<at::Tensor(at::TensorList sources)>;

  // A plain tensor: whoever needs it in backward keeps it.
  LinearInput(const at::Tensor& x) : value(x) {}
  LinearInput(at::Tensor x, std::vector<at::Tensor> from, Make how)
      : value(std::move(x)), sources(std::move(from)), make(std::move(how)) {}

  at::Tensor value;  // (..., in)
  // What backward keeps in place of the value when `make` is set.
  std::vector<at::Tensor> sources;
  Make make;
};

// For a value that was computed from `sources` by an operation that keeps them
// for its own backward: keeping them once more takes no memory. When nothing
// is tracked nobody keeps them, and the result is the plain value.
LinearInput remade_input(at::Tensor value, std::vector<at::Tensor> sources,
                         LinearInput::Make make);

}  // namespace graft::nn
