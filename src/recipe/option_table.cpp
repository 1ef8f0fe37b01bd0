// The table of keys: each key of a recipe is declared here (or, for the keys
// of adapter:, in selection_rows.cpp) and nowhere else. Entry points:
// option_rows, recipe_options, option_values.
#include <algorithm>
#include <iterator>
#include <string>

#include "recipe/option_row_internal.h"

namespace graft {
namespace recipe {
namespace {

using Row = OptionRow<Recipe>;

template <typename Access, typename Codec>
Row row(OptionInfo info, Access access, Codec codec) {
  return field_row<Recipe>(std::move(info), access, std::move(codec));
}

template <typename Access>
Row path_row(OptionInfo info, Access access, PathKind kind) {
  Row out = row(std::move(info), access, TextCodec{});
  out.path_kind = kind;
  out.path = [](Recipe& r) { return &Access{}(r); };
  out.info.preset = "";
  return out;
}

std::vector<Row> top_rows() {
  return {path_row(
              {"model",
               "directory, MODEL.gguf, or id in the local Hugging Face cache",
               "The base model."},
              [](auto& r) -> auto& { return r.model; }, PathKind::kModel),
          path_row(
              {"output", "directory",
               "The run directory: new, or with --resume or --overwrite."},
              [](auto& r) -> auto& { return r.output; }, PathKind::kFile),
          row(
              {"method", "adapter | full",
               "Train adapters on a frozen base, or every weight."},
              [](auto& r) -> auto& { return r.method; },
              ChoiceCodec{{"adapter", "full"}})};
}

// The rows of selection_rows() on recipe.adapter.base.
std::vector<Row> adapter_rows() {
  static std::vector<std::string> keys;  // OptionInfo holds views of them
  keys.reserve(selection_rows().size());
  std::vector<Row> out;
  for (const auto& inner : selection_rows()) {
    keys.push_back("adapter." + std::string(inner.info.key));
    Row row;
    row.info = inner.info;
    row.info.key = keys.back();
    row.parse = [&inner](Recipe& recipe, const YAML::Node& node) {
      inner.parse(recipe.adapter.base, node);
    };
    row.print = [&inner](const Recipe& recipe) {
      return inner.print(recipe.adapter.base);
    };
    out.push_back(std::move(row));
  }
  return out;
}

// data.eval is one key with two meanings: a number is a fraction.
Row eval_row() {
  Row out;
  out.info = {"data.eval", "0 <= number < 1, or file",
              "Part of the training rows kept for evaluation, or a JSONL "
              "file; 0: none.",
              "", "0"};
  out.parse = [](Recipe& recipe, const YAML::Node& node) {
    const std::string text = scalar_text(node, "a fraction or a file");
    recipe.data.eval_file.clear();
    recipe.data.eval_fraction = 0.0;
    const bool is_number =
        !text.empty() &&
        text.find_first_not_of("0123456789.eE+-") == std::string::npos;
    if (is_number) {
      recipe.data.eval_fraction =
          RealCodec{.maximum = 1.0, .maximum_excluded = true}.parse(node);
    } else {
      recipe.data.eval_file = TextCodec{}.parse(node);
    }
  };
  out.print = [](const Recipe& recipe) {
    return recipe.data.eval_file.empty()
               ? number_text(recipe.data.eval_fraction)
               : yaml_text(recipe.data.eval_file);
  };
  out.path_kind = PathKind::kFile;
  out.path = [](Recipe& recipe) {
    return recipe.data.eval_file.empty() ? nullptr : &recipe.data.eval_file;
  };
  return out;
}

std::vector<Row> data_rows() {
  return {
      path_row(
          {"data.train", "file",
           "Training rows: JSONL of messages, prompt + completion, or text."},
          [](auto& r) -> auto& { return r.data.train; }, PathKind::kFile),
      eval_row(),
      row(
          {"data.max_length", "whole number >= 2",
           "Longest row in tokens; longer ones are cut."},
          [](auto& r) -> auto& { return r.data.max_length; },
          IntegerCodec{.minimum = 2}),
      row(
          {"data.packing", "auto | on | off",
           "Rows end to end, none seeing another; auto: when a tenth would be "
           "padding."},
          [](auto& r) -> auto& { return r.data.packing; },
          ChoiceCodec{{"auto", "on", "off"}}),
      row(
          {"data.shuffle", "true | false",
           "A new order each epoch, drawn from the seed."},
          [](auto& r) -> auto& { return r.data.shuffle; }, BooleanCodec{}),
      row(
          {"data.loss_on", "answers | all",
           "Learn the completions only, or every token."},
          [](auto& r) -> auto& { return r.data.loss_on; },
          ChoiceCodec{{"answers", "all"}})};
}

std::vector<Row> length_rows() {
  Row epochs = row(
      {"training.epochs", "number > 0",
       "Passes over the data (2 when steps is not given)."},
      [](auto& r) -> auto& { return r.training.epochs; },
      OptionalCodec<RealCodec>{{.maximum = 1e6, .minimum_excluded = true}, ""});
  epochs.info.preset = "2";
  Row steps = row(
      {"training.steps", "whole number >= 1",
       "Optimizer steps, instead of epochs."},
      [](auto& r) -> auto& { return r.training.steps; },
      OptionalCodec<IntegerCodec>{{.minimum = 1}, ""});
  return {
      epochs, steps,
      row(
          {"training.batch_size", "whole number >= 1",
           "Sequences per optimizer step."},
          [](auto& r) -> auto& { return r.training.batch_size; },
          IntegerCodec{.minimum = 1, .maximum = 1 << 20}),
      row(
          {"training.micro_batch_size", "auto, or whole number >= 1",
           "Sequences, or packs, computed at once; auto: 4096 tokens, fewer if "
           "memory is short."},
          [](auto& r) -> auto& { return r.training.micro_batch_size; },
          OptionalCodec<IntegerCodec>{{.minimum = 1}, "auto"})};
}

std::vector<Row> rate_rows() {
  return {
      row(
          {"training.learning_rate", "number > 0", "Highest learning rate.",
           "lr"},
          [](auto& r) -> auto& { return r.training.learning_rate; },
          RealCodec{.minimum_excluded = true}),
      row(
          {"training.lora_plus_ratio", "number > 0",
           "Learning rate of B over that of A."},
          [](auto& r) -> auto& { return r.training.lora_plus_ratio; },
          RealCodec{.minimum_excluded = true}),
      row(
          {"training.schedule", "cosine | linear | constant",
           "How the rate falls after the warm-up; to zero at the last step."},
          [](auto& r) -> auto& { return r.training.schedule; },
          ChoiceCodec{{"cosine", "linear", "constant"}}),
      row(
          {"training.warmup", "number >= 0",
           "Fraction of the steps, or steps when 1 or more."},
          [](auto& r) -> auto& { return r.training.warmup; }, RealCodec{})};
}

std::vector<Row> optimizer_rows() {
  return {
      row(
          {"training.weight_decay", "number >= 0",
           "Decoupled, on every trained parameter."},
          [](auto& r) -> auto& { return r.training.weight_decay; },
          RealCodec{}),
      row(
          {"training.betas", "two numbers, 0 <= number < 1",
           "Decay of AdamW's two moments."},
          [](auto& r) -> auto& { return r.training.betas; }, BetasCodec{}),
      row(
          {"training.eps", "number > 0", "AdamW's epsilon."},
          [](auto& r) -> auto& { return r.training.eps; },
          RealCodec{.minimum_excluded = true}),
      row(
          {"training.max_grad_norm", "number >= 0",
           "Gradients are scaled down to this norm; 0: never."},
          [](auto& r) -> auto& { return r.training.max_grad_norm; },
          RealCodec{}),
      row(
          {"training.loss_normalisation", "token_mean | microbatch_mean",
           "Mean over the tokens of a step, or of the micro batches' means."},
          [](auto& r) -> auto& { return r.training.loss_normalisation; },
          ChoiceCodec{{"token_mean", "microbatch_mean"}}),
      row(
          {"training.router_aux_loss_coef", "number >= 0",
           "Weight of the load-balancing loss of models with experts; 0: off."},
          [](auto& r) -> auto& { return r.training.router_aux_loss_coef; },
          RealCodec{})};
}

std::vector<Row> saving_rows() {
  return {row(
              {"training.eval_every", "whole number >= 0",
               "Steps between evaluations; 0: at the end only."},
              [](auto& r) -> auto& { return r.training.eval_every; },
              IntegerCodec{}),
          row(
              {"training.save_every", "whole number >= 0",
               "Steps between saved states; 0: at the end only."},
              [](auto& r) -> auto& { return r.training.save_every; },
              IntegerCodec{}),
          row(
              {"training.keep", "best | last | all",
               "Which state becomes the adapter, and which states stay."},
              [](auto& r) -> auto& { return r.training.keep; },
              ChoiceCodec{{"best", "last", "all"}}),
          row(
              {"training.early_stopping", "whole number >= 0",
               "Evaluations without improvement before stopping; 0: off."},
              [](auto& r) -> auto& { return r.training.early_stopping; },
              IntegerCodec{})};
}

std::vector<Row> compute_rows() {
  return {
      row(
          {"compute.device", "auto | cpu | cuda", "Where to compute."},
          [](auto& r) -> auto& { return r.compute.device; },
          ChoiceCodec{{"auto", "cpu", "cuda"}}),
      row(
          {"compute.dtype", "auto | fp32 | native",
           "Type of the products; auto follows the processor's features."},
          [](auto& r) -> auto& { return r.compute.dtype; },
          ChoiceCodec{{"auto", "fp32", "native"}}),
      row(
          {"compute.checkpoint_activations", "auto | on | off",
           "Compute blocks again in backward; auto: when memory would not "
           "suffice "
           "otherwise."},
          [](auto& r) -> auto& { return r.compute.checkpoint_activations; },
          ChoiceCodec{{"auto", "on", "off"}}),
      row(
          {"compute.weight_layout", "auto | blocks | packed",
           "Base weights where they lie in the file (auto), or q, k and v, and "
           "gate and up, in one copy."},
          [](auto& r) -> auto& { return r.compute.weight_layout; },
          ChoiceCodec{{"auto", "blocks", "packed"}}),
      row(
          {"compute.threads", "auto, or whole number >= 1",
           "Processor threads; auto takes all."},
          [](auto& r) -> auto& { return r.compute.threads; },
          OptionalCodec<IntegerCodec>{{.minimum = 1, .maximum = 4096}, "auto"}),
      row(
          {"compute.seed", "whole number",
           "Start of adapters, order of rows, dropout and sampling."},
          [](auto& r) -> auto& { return r.compute.seed; }, SeedCodec{})};
}

}  // namespace

const std::vector<Row>& option_rows() {
  static const std::vector<Row> rows = [] {
    std::vector<Row> out;
    for (auto* part : {top_rows, adapter_rows, data_rows, length_rows,
                       rate_rows, optimizer_rows, saving_rows, compute_rows}) {
      std::ranges::move(part(), std::back_inserter(out));
    }
    return out;
  }();
  return rows;
}

}  // namespace recipe

std::string OptionInfo::flag() const {
  std::string out = "--" + std::string(key.substr(key.rfind('.') + 1));
  std::ranges::replace(out, '_', '-');
  return out;
}

const std::vector<OptionInfo>& recipe_options() {
  static const std::string kLastOfAdapter =
      "adapter." + std::string(recipe::selection_rows().back().info.key);
  static const std::vector<OptionInfo> options = [] {
    std::vector<OptionInfo> out;
    for (const auto& row : recipe::option_rows()) {
      out.push_back(row.info);
      if (row.info.key == kLastOfAdapter) {
        out.push_back({recipe::kRulesKey, "list of mappings",
                       "Rules that come first, each with targets and any of "
                       "the keys above, or adapt: false.",
                       "", "[]"});
      }
    }
    return out;
  }();
  return options;
}

std::string options_to_markdown() {
  std::string out;
  for (const OptionInfo& option : recipe_options()) {
    out += "- `" + std::string(option.key) + "`: ";
    out += option.values;
    if (!option.preset.empty()) out += "; default " + option.preset;
    out += ".\n  ";
    out += option.doc;
    out += '\n';
  }
  return out;
}

}  // namespace graft
