"""What a model that thinks aloud writes before its answer, where its server does not take it out."""

# As the families in use mark it: DeepSeek, Qwen and most others; some that imitate Claude; Mistral.
MARKS = (("<think>", "</think>"), ("<thinking>", "</thinking>"), ("[THINK]", "[/THINK]"))


def without_thoughts(answer: str) -> str:
    """What comes after thoughts that an answer begins with; nothing where they do not end.

    Some templates write the first mark into the question, so that an answer may begin in the middle of thoughts and only end them.
    """
    for begins, ends in MARKS:
        thoughts, end, rest = answer.partition(ends)
        is_first = thoughts.lstrip().startswith(begins)
        if end and (is_first or begins not in thoughts):
            return rest
        if is_first:
            return ""
    return answer
