// Opens the bytes as a safetensors file and touches every tensor.
#include "graft/io/safetensors.h"

#include "fuzz/targets.h"
#include "graft/base/error.h"

namespace graft::fuzz {

void safetensors(std::string_view bytes) {
  const auto file = SafetensorsFile::open(memory_file(bytes));
  Parts parts;
  for (const TensorEntry& entry : file.entries()) {
    const HostTensor tensor = file.tensor(entry);
    expect(tensor.bytes.size() == entry.byte_size(), "a tensor is its bytes");
    if (!is_computable(entry.dtype)) continue;
    parts.run([&] {
      expect(tensor.to_floats().size() ==
                 static_cast<std::size_t>(entry.element_count()),
             "one float an element");
    });
  }
  parts.throw_if_refused();
}

}  // namespace graft::fuzz
