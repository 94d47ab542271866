MAX_ERROR_SHARE: dict[str, float] = {}
