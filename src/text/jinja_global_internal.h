// What every chat template may call. Entry point: make_globals.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "text/jinja_evaluator_internal.h"

namespace graft::text::jinja {

// range, dict, namespace, raise_exception, strftime_now, joiner.
std::vector<std::pair<std::string, Value>> make_globals(Evaluator& run,
                                                        const Clock& clock);

}  // namespace graft::text::jinja
