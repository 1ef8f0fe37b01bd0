// Jinja's global functions, and those that transformers adds.
#include "text/jinja_global_internal.h"

#include <memory>

#include "text/jinja_argument_internal.h"
#include "text/jinja_printer_internal.h"

namespace graft::text::jinja {
namespace {

constexpr std::int64_t kRangeLimit = 100'000;  // Jinja's sandbox

std::int64_t range_length(std::int64_t start, std::int64_t stop,
                          std::int64_t step) {
  const bool is_empty = step > 0 ? start >= stop : start <= stop;
  if (is_empty) return 0;
  const auto span = step > 0 ? static_cast<std::uint64_t>(stop) -
                                   static_cast<std::uint64_t>(start)
                             : static_cast<std::uint64_t>(start) -
                                   static_cast<std::uint64_t>(stop);
  const auto stride = step > 0 ? static_cast<std::uint64_t>(step)
                               : 0 - static_cast<std::uint64_t>(step);
  const std::uint64_t count = (span - 1) / stride + 1;
  if (count > static_cast<std::uint64_t>(kRangeLimit)) {
    throw Fault("range: items", std::to_string(count),
                "at most " + std::to_string(kRangeLimit));
  }
  return static_cast<std::int64_t>(count);
}

Value make_range(const Arguments& arguments, Budget& budget) {
  const std::size_t count = arguments.positional.size();
  if (count < 1 || count > 3 || !arguments.named.empty()) {
    throw Fault("range: arguments", std::to_string(count), "one to three");
  }
  auto at = [&](std::size_t index) {
    return to_whole(arguments.positional[index], "range: an argument");
  };
  const std::int64_t start = count > 1 ? at(0) : 0;
  const std::int64_t stop = count > 1 ? at(1) : at(0);
  const std::int64_t step = count > 2 ? at(2) : 1;
  if (step == 0) throw Fault("range: the step", "0");
  const std::int64_t length = range_length(start, stop, step);
  budget.take_values(static_cast<std::uint64_t>(length));
  Values items;
  for (std::int64_t i = 0; i < length; ++i) {
    items.push_back(Value::integer(start + i * step));
  }
  std::string label =
      "range(" + std::to_string(start) + ", " + std::to_string(stop);
  if (step != 1) label += ", " + std::to_string(step);
  return Value::sequence(
      {SequenceKind::kRange, std::move(items), label + ")", 1});
}

// dict(mapping or pairs, name=value, ...)
std::vector<Entry> dict_entries(const Arguments& arguments, Budget& budget) {
  std::vector<Entry> out;
  if (arguments.positional.size() > 1) {
    throw Fault("dict: arguments", std::to_string(arguments.positional.size()),
                "at most 1");
  }
  for (const Value& from : arguments.positional) {
    if (const Dict* dict = from.as_dict()) {
      out = dict->entries;
      continue;
    }
    for (const Value& pair : items_of(from, budget)) {
      Values parts = items_of(pair, budget);
      if (parts.size() != 2) {
        throw Fault("dict: an item", std::to_string(parts.size()) + " values",
                    "a key and a value");
      }
      out.emplace_back(std::move(parts[0]), std::move(parts[1]));
    }
  }
  for (const auto& [name, value] : arguments.named) {
    out.emplace_back(Value::text(name), value);
  }
  budget.take_values(out.size() * 4);
  return out;
}

Value make_space(Evaluator& run, const Arguments& arguments) {
  Namespace* space = run.make_namespace();
  for (auto& [key, value] : dict_entries(arguments, run.budget())) {
    const std::string* name = key.as_text();
    if (!name || name->starts_with('_')) {
      throw Fault("namespace: an attribute", name ? *name : describe(key),
                  "no underscore in front");
    }
    space->set(*name, std::move(value));
  }
  return Value::of(space);
}

Value time_text(const Clock& clock, const Arguments& arguments,
                Budget& budget) {
  const ArgumentReader args("strftime_now", arguments, {"format"});
  const std::string& format = args.need_text(0);
  budget.take(format.size() * 32);
  if (format.empty()) return Value::text("");
  const std::tm now = clock();
  // One more character, so that an empty result is no error.
  std::string out((format.size() + 1) * 32 + 64, '\0');
  const std::size_t length =
      std::strftime(out.data(), out.size(), (format + ".").c_str(), &now);
  out.resize(length > 0 ? length - 1 : 0);
  return Value::text(std::move(out));
}

Value make_joiner(const Arguments& arguments) {
  const ArgumentReader args("joiner", arguments, {"sep"});
  const Value separator = args.find(0) ? *args.find(0) : Value::text(", ");
  auto used = std::make_shared<bool>(false);
  return Value::callable({"Joiner",
                          [separator, used](const Arguments&) {
                            return std::exchange(*used, true) ? separator
                                                              : Value::text("");
                          },
                          separator.depth() + 1});
}

}  // namespace

std::vector<std::pair<std::string, Value>> make_globals(Evaluator& run,
                                                        const Clock& clock) {
  auto function = [](const char* name, auto call) {
    return std::pair<std::string, Value>(name, Value::callable({name, call}));
  };
  Budget& budget = run.budget();
  return {
      function("range",
               [&budget](const Arguments& a) { return make_range(a, budget); }),
      function("dict",
               [&budget](const Arguments& a) {
                 return Value::dict(dict_entries(a, budget));
               }),
      function("namespace",
               [&run](const Arguments& a) { return make_space(run, a); }),
      function("joiner", [](const Arguments& a) { return make_joiner(a); }),
      function("strftime_now",
               [&clock, &budget](const Arguments& a) {
                 return time_text(clock, a, budget);
               }),
      function("raise_exception", [&budget](const Arguments& a) -> Value {
        const ArgumentReader args("raise_exception", a, {"message"});
        throw Fault("the template refuses: " + to_text(args.need(0), budget));
      })};
}

}  // namespace graft::text::jinja
