"""Writes what transformers makes of small BERTs: models.safetensors, vocab.txt and oracle.json. Needs torch,
transformers and safetensors (made with transformers 5.24, torch 2.15).

Run in this directory: python oracle.py

models.safetensors holds two models with random weights that are all away from 0 and 1, so that each of them matters:
"text_model." has two layers and a projection, "one." a single layer. Features and gradients are computed in float64
from these float32 weights.

oracle.json:
  models   settings by prefix
  cases    prefix; words [N, n, hidden], input embeddings; features [N, dim]; direction [N, dim], random; gradient of the sum
           of direction * features to words. Where there are texts, words are their tokens' embeddings, and features were
           computed from the tokens
  tokens   what BertTokenizer makes of texts, lowercase or not. Unless "only fast", the tokenizer in Python that it
           replaced agrees; the two differ in how characters of several rare kinds are treated
"""
import json
import os
import shutil
import sys
import tempfile

import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertModel, BertTokenizer
from transformers.models.bert.tokenization_bert_legacy import BertTokenizerLegacy

MODELS = {
    "text_model.": {"hidden": 24, "layers": 2, "heads": 3, "ffn": 40, "positions": 9, "activation": "gelu", "eps": 1e-3, "dim": 10,
                    "projection": "text_projection"},
    "one.": {"hidden": 12, "layers": 1, "heads": 2, "ffn": 20, "positions": 6, "activation": "relu", "eps": 1e-12, "dim": 12,
             "projection": ""},
}
VOCABULARY = """[PAD] [UNK] [CLS] [SEP] [MASK] ! " # $ % & ' ( ) * + , - . / : ; < = > ? @ [ \\ ] ^ _ ` { | } ~
a b c d e f g n o s t x i ##a ##b ##c ##d ##e ##f ##g ##n ##o ##s ##t ##x ##i 1 2 ##1 ##2 ##10 ##_ an the broken break ##en metal nut ##nut
object class ##ified Class good Bad cafe caf ##e\u0301 caf\u00e9 \u00e9 na\u00efve naive stra\u00dfe strasse \u00df \u03c3 ##\u03c3 \u03c2 ##\u03c2 \u03b1 ##\u03b1
\u4e2d \u6587 ##\u6587 \u3042 ##\u3044 \u1112 ##\u1161 ##\u11ab \ud55c \u20ac \u2014 \u2026 \u00a1 \u00bf CLS cls unk \u0131 ##\u0131 i\u0307 \U00020000 \U0001f600 un ##aff ##able unaffable ##want want ##ed
zipper zip ##per [unused1]"""
TEXTS = [
    "", " ", "a", "a broken", "object object", "metal_nut", "metal-nut", "class10", "Class1", "CLASS 2", "broken", "broke", "breaken",
    "unaffable", "unwanted", "UNwant\u00c9d,running", "zipper zippe zip!per", "good, bad. (a/b) $1^2 `x~", "[CLS]x [ SEP ]", "##a # #a",
    "caf\u00e9", "cafe\u0301", "CAF\u00c9", "na\u00efve", "NAI\u0308VE", "stra\u00dfe", "STRASSE", "\u03b1\u03c3\u03c2", "\u0391\u03a3\u03b1",
    "\u0130i I\u0131", "\u4e2d\u6587", "a\u4e2d\u6587b", "\u3042\u3044", "\ud55c", "\u1112\u1161\u11ab", "\u20ac\u2014\u2026a\u00a1b\u00bf",
    "\U00020000a\U0001f600", "a\tb\nc\rd  e\u00a0f\u2003g", "a\u200bb\u00adc\ufeffd", "a\x00b\x07c\x7fd", "a\ufffdb", "a\u0301", "\u0301",
    "a" * 100, "a" * 101, "a" * 99 + " b", "\u00e9" * 100, "e\u0301" * 100, "a" * 50 + "." + "b" * 101, "a\u2028b\u2029c", "a\x0bb\x0cc\x85d", "a\ue000b",
    "\uff0e\u3002a\u3001b", "x\u00b4x\u02c6x\u00a8x", "\u2160\u2170 \u00bd \u00b2", "a\u0e31\u0e01", "\u01c5\u01c6", "a\u093fb", "\u00c5ngstr\u00f6m \u212b",
]


def randomise(model, generator):
    for name, p in model.named_parameters():
        noise = torch.randn(p.shape, generator=generator)
        if "LayerNorm.weight" in name:
            noise = 1 + noise / 4
        elif p.dim() == 2 and "embeddings" not in name:
            noise = noise * 1.5 / p.shape[1] ** 0.5
        elif p.dim() == 1:
            noise = noise / 4
        p.data = noise


def main():
    generator = torch.Generator().manual_seed(1)
    vocabulary = VOCABULARY.split()
    assert len(set(vocabulary)) == len(vocabulary), sorted(t for t in vocabulary if vocabulary.count(t) > 1)
    with open("vocab.txt", "w", encoding="utf-8", newline="\n") as f:
        f.writelines(t + "\n" for t in vocabulary)

    tokens = []
    with tempfile.TemporaryDirectory() as d:
        shutil.copy("vocab.txt", d)
        for lower in (True, False):
            fast = BertTokenizer(vocab={t: i for i, t in enumerate(vocabulary)}, do_lower_case=lower)
            slow = BertTokenizerLegacy(os.path.join(d, "vocab.txt"), do_lower_case=lower)
            for text in TEXTS:
                # Without [CLS] and the like as tokens of their own: in a text they are words.
                ids = fast._tokenizer.encode(text.replace("[CLS]", "[ CLS ]"), add_special_tokens=False).ids
                old = slow.convert_tokens_to_ids(slow.tokenize(text.replace("[CLS]", "[ CLS ]")))
                tokens.append({"text": text, "lowercase": lower, "ids": ids, "only fast": ids != old})
                if ids != old:
                    print("differ:", lower, ascii(text), [vocabulary[i] for i in ids], [vocabulary[i] for i in old])
        tokenizer = BertTokenizer(vocab={t: i for i, t in enumerate(vocabulary)}, do_lower_case=True)

    tensors, cases = {}, []
    for prefix, m in MODELS.items():
        model = BertModel(BertConfig(
            vocab_size=len(vocabulary) + 3, hidden_size=m["hidden"], num_hidden_layers=m["layers"], num_attention_heads=m["heads"],
            intermediate_size=m["ffn"], max_position_embeddings=m["positions"], hidden_act=m["activation"], layer_norm_eps=m["eps"],
            attn_implementation="eager"), add_pooling_layer=prefix == "one.").eval()
        randomise(model, generator)
        tensors |= {prefix + k: v.clone() for k, v in model.state_dict().items()}
        head = torch.nn.Identity()
        if m["projection"]:
            head = torch.nn.Linear(m["hidden"], m["dim"])
            randomise(head, generator)
            tensors |= {m["projection"] + "." + k: v.clone() for k, v in head.state_dict().items()}
        model, head = model.double(), head.double()

        def case(words, texts=None, ids=None):
            words = words.detach().float().double().requires_grad_()
            features = head(model(inputs_embeds=words).last_hidden_state[:, 0])
            direction = torch.randn(features.shape, generator=generator).double()
            gradient, = torch.autograd.grad((features * direction).sum(), words)
            if ids is not None:
                features = head(model(input_ids=ids).last_hidden_state[:, 0])
            flat = {k: v.detach().flatten().float().tolist() for k, v in
                    {"words": words, "features": features, "direction": direction, "gradient": gradient}.items()}
            cases.append({"prefix": prefix, "texts": texts or [], "shape": list(words.shape)} | flat)

        for n, length in ((3, 5), (1, m["positions"]), (2, 2), (2, 1)):
            case(torch.randn(n, length, m["hidden"], generator=generator))
        texts = ["a broken metal", "good object metal"]
        ids = torch.tensor([[2] + tokenizer._tokenizer.encode(t, add_special_tokens=False).ids + [3] for t in texts])
        case(model.embeddings.word_embeddings(ids), texts, ids)

    save_file(tensors, "models.safetensors", {"format": "pt"})
    with open("oracle.json", "w") as f:
        json.dump({"models": MODELS, "cases": cases, "tokens": tokens}, f)
        f.write("\n")


if __name__ == "__main__":
    sys.exit(main())
