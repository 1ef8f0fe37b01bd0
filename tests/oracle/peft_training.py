"""The loop that graft's training is compared with: PyTorch, transformers and
PEFT on rows of ids and labels. Entry points: chat_row, PeftRun.
"""

import torch
from peft import PeftModel

IGNORED = -100


def chat_row(tokenizer, messages):
    """Ids and labels of a conversation as transformers' template renders it:
    each answer through its end-of-turn token is learnt. Written apart from
    graft's rule: spans of characters become tokens by offsets."""
    text = tokenizer.apply_chat_template(messages, tokenize=False)
    encoded = tokenizer(text, add_special_tokens=False,
                        return_offsets_mapping=True)
    end = "<|im_end|>"
    spans, place = [], 0
    for message in messages:
        start = text.index(message["content"], place)
        place = text.index(end, start) + len(end)
        if message["role"] == "assistant":
            spans.append((start, place))
    labels = [token if any(first < stop and last > start
                           for start, stop in spans) else IGNORED
              for token, (first, last) in zip(encoded.input_ids,
                                              encoded.offset_mapping)]
    return encoded.input_ids, labels


def padded(rows):
    longest = max(len(ids) for ids, _ in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.int64)
    labels = torch.full((len(rows), longest), IGNORED)
    mask = torch.zeros(len(rows), longest, dtype=torch.int64)
    for index, (row, learnt) in enumerate(rows):
        ids[index, :len(row)] = torch.tensor(row)
        labels[index, :len(row)] = torch.tensor(learnt)
        mask[index, :len(row)] = 1
    return dict(input_ids=ids, labels=labels, attention_mask=mask)


class PeftRun:
    """AdamW on an adapter that is loaded from a folder."""

    def __init__(self, base, adapter):
        self.model = PeftModel.from_pretrained(base, adapter,
                                               is_trainable=True)
        self.parameters = [p for p in self.model.parameters()
                           if p.requires_grad]
        with torch.no_grad():  # B starts at zero
            for name, parameter in self.model.named_parameters():
                if "lora_B" in name:
                    parameter.zero_()
        self.optimizer = torch.optim.AdamW(self.parameters, lr=0.0,
                                           weight_decay=0.0)

    def step(self, rows, rate):
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        loss = self.model(**padded(rows)).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss.item()

    @torch.no_grad()
    def eval_loss(self, rows):
        """Mean over all learnt tokens."""
        self.model.eval()
        total = count = 0
        for row in rows:
            learnt = sum(label != IGNORED for label in row[1])
            total += self.model(**padded([row])).loss.item() * learnt
            count += learnt
        self.model.train()
        return total / count
