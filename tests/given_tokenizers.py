"""Small tokenizers of the kinds that checkpoints bring, trained on this project's own files."""

import json
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

TEXTS = [path.read_text() for path in sorted(Path(__file__).parents[1].joinpath("schemas").glob("*.py"))]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


def qwen_like(end: str = "<|endoftext|>") -> Tokenizer:
    """Byte-level BPE that composes characters first."""
    made = Tokenizer(models.BPE())
    made.normalizer, made.decoder = normalizers.NFC(), decoders.ByteLevel()
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=500, special_tokens=[end, "<|im_start|>"], initial_alphabet=alphabet, show_progress=False)
    made.train_from_iterator(TEXTS, trainer)
    return made


def llama_2_like() -> Tokenizer:
    """SentencePiece's BPE: spaces are `▁`, what is not in the vocabulary are its bytes, and a text begins with `<s>`."""
    made = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    names = ["<unk>", "<s>", "</s>"]
    made.train_from_iterator(TEXTS, trainers.BpeTrainer(vocab_size=600, special_tokens=names + BYTES, show_progress=False))
    declared = json.loads(made.to_str())
    declared["added_tokens"] = [token for token in declared["added_tokens"] if token["content"] in names]
    made = Tokenizer.from_str(json.dumps(declared))
    made.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return made


def unigram() -> Tokenizer:
    """Its vocabulary holds the tokens of control with the best of all scores, as that of XLM does: a text can spell them."""
    made = Tokenizer(models.Unigram())
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    names = ["<s>", "<pad>", "</s>", "<unk>"]
    made.train_from_iterator(TEXTS, trainers.UnigramTrainer(vocab_size=400, special_tokens=names, unk_token="<unk>", show_progress=False))
    made.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    return made


def word_piece() -> Tokenizer:
    """Lower case, and whole words that it does not know."""
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer, made.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    names = ["[UNK]", "[PAD]", "[CLS]", "[SEP]"]
    made.train_from_iterator(TEXTS, trainers.WordPieceTrainer(vocab_size=400, special_tokens=names, show_progress=False))
    made.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return made


KINDS = {"nfc": qwen_like, "sentencepiece": llama_2_like, "unigram": unigram, "wordpiece": word_piece}
