// Everything of graft.
#pragma once

#include "graft/checkpoint/base_model.h"
#include "graft/checkpoint/live_adapter.h"
#include "graft/core.h"
#include "graft/models/gpt.h"
#include "graft/nn/causal_lm.h"
#include "graft/nn/frozen_weight.h"
#include "graft/nn/linear_slot.h"
#include "graft/nn/named_state.h"
#include "graft/peft/inject.h"
#include "graft/peft/lora.h"
#include "graft/peft/module_matcher.h"
#include "graft/peft/peft.h"
