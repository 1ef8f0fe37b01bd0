// Binds positional and named arguments.
#include "text/jinja_argument_internal.h"

#include <algorithm>

namespace graft::text::jinja {

ArgumentReader::ArgumentReader(std::string function, const Arguments& arguments,
                               std::initializer_list<const char*> names)
    : function_(std::move(function)), names_(names) {
  slots_.resize(names_.size());
  if (arguments.positional.size() > names_.size()) {
    throw Fault(function_ + ": arguments",
                std::to_string(arguments.positional.size()),
                "at most " + std::to_string(names_.size()));
  }
  for (std::size_t i = 0; i < arguments.positional.size(); ++i) {
    slots_[i] = &arguments.positional[i];
  }
  for (const auto& [name, value] : arguments.named) {
    const auto found = std::ranges::find(names_, std::string_view(name));
    if (found == names_.end()) {
      throw Fault(function_ + ": an argument that it does not have", name);
    }
    const auto index = static_cast<std::size_t>(found - names_.begin());
    if (slots_[index]) {
      throw Fault(function_ + ": two values for argument '" + name + "'");
    }
    slots_[index] = &value;
  }
}

std::string ArgumentReader::place(std::size_t index) const {
  return function_ + ": argument '" + names_[index] + "'";
}

const Value& ArgumentReader::need(std::size_t index) const {
  if (!slots_[index]) throw Fault(place(index), "nothing", "a value");
  return *slots_[index];
}

const std::string& ArgumentReader::need_text(std::size_t index) const {
  const std::string* text = need(index).as_text();
  if (!text) throw Fault(place(index), describe(need(index)), "a string");
  return *text;
}

const std::string* ArgumentReader::find_text(std::size_t index) const {
  const Value* value = slots_[index];
  if (!value || value->is_none()) return nullptr;
  return &need_text(index);
}

std::int64_t ArgumentReader::whole(std::size_t index,
                                   std::int64_t preset) const {
  const Value* value = slots_[index];
  if (!value) return preset;
  if (!value->is_whole()) {
    throw Fault(place(index), describe(*value), "an integer");
  }
  return value->whole();
}

bool ArgumentReader::flag(std::size_t index, bool preset) const {
  const Value* value = slots_[index];
  return value ? value->truth() : preset;
}

}  // namespace graft::text::jinja
