// Filters and tests by name. Entry points: find_filter, find_test; tables of
// text filters and of filters over items are made by the two make_* functions.
#pragma once

#include <map>
#include <string_view>

#include "text/jinja_evaluator_internal.h"

namespace graft::text::jinja {

// A filter's subject and arguments, and the run that it belongs to.
struct FilterCall {
  Evaluator& run;
  const std::string& name;
  const Value& subject;
  const Arguments& arguments;

  Budget& budget() const { return run.budget(); }
};

using Filter = Value (*)(const FilterCall&);
using FilterTable = std::map<std::string_view, Filter>;
using Test = bool (*)(const FilterCall&);

FilterTable make_text_filters();
FilterTable make_number_filters();
FilterTable make_item_filters();
FilterTable make_choice_filters();

// nullptr when there is none.
Filter find_filter(std::string_view name);
Test find_test(std::string_view name);

// The subject as text, as Jinja's soft_str: markup stays markup.
Value soft_text(const FilterCall& call);
// "a.b.0" of an item; an integer or none too.
Value get_path(Evaluator& run, const Value& item, const Value& path);

}  // namespace graft::text::jinja
