"""What stands in a text that a model's own server may take for the end of a turn, and how it is shown to the model all the same."""

import re

# Forms of the tokens that open and close turns: of ChatML and Llama 3, of DeepSeek (wide bars), of Llama 2 and Mistral, of Gemma.
_FORMS = re.compile(
    r"<(?=\|[^|<>\s]{1,60}\|>)|<(?=\uff5c[^\uff5c<>\s]{1,60}\uff5c>)|\[(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_RESULTS|TOOL_CALLS)\])"
    r"|<(?=</?SYS>>)|<(?=/?s>)|<(?=(?:start|end)_of_turn>)|<(?=(?:bos|eos|pad|unk|im_start|im_end|im_sep)>)"
)
BREAK = "\u2060"  # a word joiner: nothing to see, and no token has one


def broken_up(text: str) -> str:
    """The text with a word joiner inside whatever looks like such a token: a server that parses them in what a user says finds none.

    Which tokens a model has nobody knows here; these are the forms of the families in use.
    """
    return _FORMS.sub(lambda match: match[0] + BREAK, text)
