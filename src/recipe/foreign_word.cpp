// Words of PEFT, transformers, axolotl, mlx-lm and torchtune, and what graft
// calls them. Entry point: foreign_word_hint.
#include <string_view>
#include <utility>

#include "recipe/option_row_internal.h"

namespace graft::recipe {
namespace {

using Words = std::pair<std::string_view, std::string_view>;

constexpr std::string_view kRank = "graft calls it adapter.rank";
constexpr std::string_view kAlpha = "graft calls it adapter.alpha";
constexpr std::string_view kDropout = "graft calls it adapter.dropout";
constexpr std::string_view kTargets = "graft calls it adapter.targets";
constexpr std::string_view kLength = "graft calls it data.max_length";
constexpr std::string_view kRate = "graft calls it training.learning_rate";
constexpr std::string_view kEpochs = "graft calls it training.epochs";
constexpr std::string_view kSteps = "graft calls it training.steps";
constexpr std::string_view kMicro =
    "graft calls the sequences of one forward pass training.micro_batch_size "
    "and those of one optimizer step training.batch_size";
constexpr std::string_view kAccumulation =
    "graft derives it: training.batch_size (sequences per optimizer step) "
    "over training.micro_batch_size";
constexpr std::string_view kWarmup =
    "graft calls it training.warmup: a fraction, or steps when 1 or more";
constexpr std::string_view kClip = "graft calls it training.max_grad_norm";
constexpr std::string_view kSchedule = "graft calls it training.schedule";
constexpr std::string_view kModel = "graft calls it model";
constexpr std::string_view kOutput = "graft calls it output";
constexpr std::string_view kTrainFile = "graft calls it data.train";
constexpr std::string_view kEvalFile = "graft calls it data.eval";
constexpr std::string_view kEvalEvery = "graft calls it training.eval_every";
constexpr std::string_view kSaveEvery = "graft calls it training.save_every";
constexpr std::string_view kSeed = "graft calls it compute.seed";
constexpr std::string_view kDtype =
    "graft has compute.dtype: auto | fp32 | native";
constexpr std::string_view kCheckpointing =
    "graft calls it compute.checkpoint_activations";
constexpr std::string_view kLayers =
    "graft selects layers by patterns, targets: [\"*.layers.{0..3}.*\"], or in "
    "syntax peft by adapter.layers_to_transform";
constexpr std::string_view kCopies =
    "graft calls it adapter.modules_to_save, in syntax peft";

constexpr Words kWords[] = {
    {"adapt", "a rule has it: rules: [{targets: [...], adapt: false}]"},
    {"r", kRank},
    {"lora_r", kRank},
    {"lora_rank", kRank},
    {"dim", kRank},
    {"lora_alpha", kAlpha},
    {"scale", "graft derives the scale from adapter.alpha / adapter.rank"},
    {"lora_dropout", kDropout},
    {"target_modules", kTargets},
    {"lora_target_modules", kTargets},
    {"lora_target_linear", "graft says adapter.targets: all-linear"},
    {"lora_attn_modules", kTargets},
    {"apply_lora_to_mlp", kTargets},
    {"keys", kTargets},
    {"exclude_modules", "graft calls it adapter.exclude"},
    {"use_rslora", "graft calls it adapter.rslora"},
    {"peft_use_rslora", "graft calls it adapter.rslora"},
    {"use_dora", "graft says adapter.kind: dora, not built in this version"},
    {"peft_use_dora",
     "graft says adapter.kind: dora, not built in this version"},
    {"init_lora_weights", "graft calls it adapter.init"},
    {"peft_init_lora_weights", "graft calls it adapter.init"},
    {"lora_A_init_method", "graft calls it adapter.init"},
    {"lora_layers_to_transform", kLayers},
    {"lora_layers", kLayers},
    {"num_layers", kLayers},
    {"lora_modules_to_save", kCopies},
    {"lora_target_parameters",
     "graft calls it adapter.target_parameters, in syntax peft"},
    {"peft_type", "graft calls it adapter.kind"},
    {"fine_tune_type", "graft calls it method and adapter.kind"},
    {"adapter_type", "graft calls it adapter.kind"},
    {"type", "graft calls it adapter.kind"},
    {"loraplus_lr_ratio", "graft calls it training.lora_plus_ratio"},
    {"lr", kRate},
    {"max_lr", kRate},
    {"lr_scheduler", kSchedule},
    {"lr_scheduler_type", kSchedule},
    {"lr_schedule", kSchedule},
    {"num_epochs", kEpochs},
    {"num_train_epochs", kEpochs},
    {"epoch", kEpochs},
    {"max_steps", kSteps},
    {"max_steps_per_epoch", kSteps},
    {"iters", kSteps},
    {"train_iters", kSteps},
    {"iterations", kSteps},
    {"per_device_train_batch_size", kMicro},
    {"micro_batch", kMicro},
    {"global_batch_size", "graft calls it training.batch_size"},
    {"gradient_accumulation_steps", kAccumulation},
    {"grad_accumulation_steps", kAccumulation},
    {"warmup_steps", kWarmup},
    {"warmup_ratio", kWarmup},
    {"lr_warmup_iters", kWarmup},
    {"num_warmup_steps", kWarmup},
    {"gradient_clip_val", kClip},
    {"clip_grad", kClip},
    {"clip_grad_norm", kClip},
    {"adam_beta1", "graft calls it training.betas, a list of two"},
    {"adam_beta2", "graft calls it training.betas, a list of two"},
    {"adam_epsilon", "graft calls it training.eps"},
    {"wd", "graft calls it training.weight_decay"},
    {"max_seq_length", kLength},
    {"max_seq_len", kLength},
    {"sequence_len", kLength},
    {"seq_length", kLength},
    {"cutoff_len", kLength},
    {"sample_packing", "graft calls it data.packing"},
    {"pack_sequences", "graft calls it data.packing"},
    {"train_on_inputs", "graft has data.loss_on: answers | all"},
    {"mask_prompt", "graft has data.loss_on: answers | all"},
    {"completion_only_loss", "graft has data.loss_on: answers | all"},
    {"base_model", kModel},
    {"model_name_or_path", kModel},
    {"base_model_name_or_path", kModel},
    {"output_dir", kOutput},
    {"adapter_path", kOutput},
    {"datasets", kTrainFile},
    {"dataset", kTrainFile},
    {"train_file", kTrainFile},
    {"train_data", kTrainFile},
    {"test_datasets", kEvalFile},
    {"val_set_size", kEvalFile},
    {"validation_file", kEvalFile},
    {"eval_steps", kEvalEvery},
    {"steps_per_eval", kEvalEvery},
    {"save_steps", kSaveEvery},
    {"save_interval", kSaveEvery},
    {"early_stopping_patience", "graft calls it training.early_stopping"},
    {"save_total_limit", "graft has training.keep: best | last | all"},
    {"random_seed", kSeed},
    {"bf16", kDtype},
    {"fp16", kDtype},
    {"torch_dtype", kDtype},
    {"gradient_checkpointing", kCheckpointing},
    {"grad_checkpoint", kCheckpointing},
    {"enable_activation_checkpointing", kCheckpointing},
    {"num_threads", "graft calls it compute.threads"},
};

}  // namespace

std::string_view foreign_word_hint(std::string_view word) {
  for (const auto& [foreign, hint] : kWords) {
    if (foreign == word) return hint;
  }
  return {};
}

}  // namespace graft::recipe
