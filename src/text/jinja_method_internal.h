// Attributes that values have by their type: methods of strings, lists and
// mappings, what a loop and a namespace hold. Entry point: find_attribute.
#pragma once

#include <optional>
#include <string>

#include "text/jinja_evaluator_internal.h"

namespace graft::text::jinja {

// nullopt when Python's object has none of this name; Fault when it has one
// that is not here. What changes a value is undefined, as in Jinja's immutable
// sandbox.
std::optional<Value> find_attribute(Evaluator& run, const Value& value,
                                    const std::string& name);

// A method of a string and what it is called with.
struct TextCall {
  Evaluator& run;
  const std::string& name;
  const Value& self;
  const Arguments& arguments;

  const std::string& text() const { return *self.as_text(); }
  Budget& budget() const { return run.budget(); }
  Value result(std::string_view text) const {
    return Value::text(std::string(text), self.is_markup());
  }
};
using TextMethod = Value (*)(const TextCall&);
// nullptr when strings have no such method.
TextMethod find_text_method(std::string_view name);
TextMethod find_text_question(std::string_view name);

}  // namespace graft::text::jinja
