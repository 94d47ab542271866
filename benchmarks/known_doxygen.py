"""Pages of Doxygen whose source is known: rows of {html, text, codes} for `python -m benchmarks.web_extraction --known OUT.jsonl`.

`python -m benchmarks.known_doxygen FOLDER OUT.jsonl [--doxygen PROGRAM] [--most N]`. FOLDER holds headers of C++. Doxygen is run over them,
and of each the page that lists its source is taken: code in `<div class="fragment">`, a `<div class="line">` for each line, with numbers,
links and colours. The code is the file, its tabs made spaces as Doxygen does.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

TAB_SIZE = 4
SETTINGS = f"""INPUT = {{source}}
RECURSIVE = YES
OUTPUT_DIRECTORY = {{out}}
FILE_PATTERNS = *.h *.hpp *.hh
SOURCE_BROWSER = YES
STRIP_CODE_COMMENTS = NO
EXTRACT_ALL = YES
TAB_SIZE = {TAB_SIZE}
GENERATE_LATEX = NO
HAVE_DOT = NO
QUIET = YES
WARNINGS = NO
FULL_PATH_NAMES = YES
STRIP_FROM_PATH = {{source}}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("out")
    parser.add_argument("--doxygen", default="doxygen")
    parser.add_argument("--most", type=int, default=200, help="headers, spread evenly")
    arguments = parser.parse_args()
    headers = sorted(p for p in Path(arguments.folder).rglob("*") if p.suffix in (".h", ".hpp", ".hh") and p.is_file())
    headers = headers[:: max(1, len(headers) // arguments.most)]
    with tempfile.TemporaryDirectory() as folder, open(arguments.out, "w", encoding="utf-8") as out:
        source = Path(folder, "source")
        source.mkdir()
        for number, header in enumerate(headers):
            # Names that Doxygen does not have to escape, each once.
            Path(source, f"n{number}.h").write_bytes(header.read_bytes())
        settings = Path(folder, "Doxyfile")
        settings.write_text(SETTINGS.format(source=source, out=folder), "utf-8")
        subprocess.run([arguments.doxygen, str(settings)], check=True, capture_output=True)
        written = 0
        for number in range(len(headers)):
            page = Path(folder, "html", f"n{number}_8h_source.html")
            if page.exists():
                code = Path(source, f"n{number}.h").read_text("utf-8", "replace").expandtabs(TAB_SIZE).rstrip("\n")
                out.write(json.dumps({"html": page.read_text("utf-8"), "text": "", "codes": [code]}) + "\n")
                written += 1
    print(f"{written} pages of {len(headers)} headers")


if __name__ == "__main__":
    main()
