#!/usr/bin/env python3
"""Makes the four web fonts of this folder again, byte for byte, and prints their SHA-256.

Needs npm (to fetch the one package) and fontTools with brotli: Debian's fonttools and python3-brotli.
Run it here, `python3 make.py`, or with the unpacked package as argument, `python3 make.py DIR`.
"""

import hashlib
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile

from fontTools import subset
from fontTools.ttLib import TTFont

PACKAGE = "@expo-google-fonts/be-vietnam-pro@0.4.1"
PACKAGE_SHA256 = "574b6af45c7d7ece6f22fd5e6b26652d86681a3d34a8b0e7c488880148e8edaa"

HERE = pathlib.Path(__file__).resolve().parent
FACES = {
    "400": "400Regular/BeVietnamPro_400Regular.ttf",
    "700": "700Bold/BeVietnamPro_700Bold.ttf",
}

# Latin, every Vietnamese letter composed and its five tone marks apart, the đồng sign, and the punctuation the pages use.
# No arrows and no ticks: the face has none, so those are drawn (icons.svg).
LETTERS = [
    *range(0x20, 0x7F), *range(0xA0, 0x100),
    0x102, 0x103, 0x110, 0x111, 0x128, 0x129, 0x168, 0x169, 0x1A0, 0x1A1, 0x1AF, 0x1B0, *range(0x1EA0, 0x1EFA),
    0x300, 0x301, 0x303, 0x309, 0x323, 0x20AB,
    *map(ord, "–—‘’“”…•‹›−≤≥"),
]

# The face's own digits are 431 to 720 units wide and it has no tnum feature, so columns of figures would not line up.
DIGITS = [ord(d) for d in "0123456789"]
ADVANCE = 680


def cut(font: TTFont, letters: list[int], features: list[str]) -> None:
    """Keeps only letters and the layout features named."""
    options = subset.Options()
    options.layout_features = features
    options.hinting = False
    options.name_IDs = [0, 1, 2, 4, 5, 6, 13, 14, 16, 17]
    options.notdef_outline = True
    options.recalc_timestamp = False
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=letters)
    cutter.subset(font)


def even_digits(font: TTFont) -> None:
    """Gives every digit the same advance, its ink centred in it, and the face its own name."""
    glyphs, metrics = font["glyf"], font["hmtx"]
    names = font.getBestCmap()
    for digit in DIGITS:
        name = names[digit]
        advance, bearing = metrics[name]
        shift = round((ADVANCE - advance) / 2)
        glyphs[name].coordinates.translate((shift, 0))
        glyphs[name].recalcBounds(glyphs)
        metrics[name] = (ADVANCE, bearing + shift)
    for record in font["name"].names:
        if record.nameID in (1, 4, 16):
            record.string = "cho40 So"
        elif record.nameID == 6:
            record.string = "cho40So"


def save(font: TTFont, name: str) -> None:
    font.flavor = "woff2"
    out = HERE / name
    font.save(out)
    print(hashlib.sha256(out.read_bytes()).hexdigest(), out.stat().st_size, name)


def fetch(into: pathlib.Path) -> pathlib.Path:
    """Returns the unpacked package, once its digest is the one known here."""
    subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=into, check=True, stdout=subprocess.DEVNULL)
    (archive,) = into.glob("*.tgz")
    if hashlib.sha256(archive.read_bytes()).hexdigest() != PACKAGE_SHA256:
        sys.exit(f"{archive.name} is not the package known here; nothing was changed")
    with tarfile.open(archive) as tar:
        tar.extractall(into)
    return into / "package"


def make(package: pathlib.Path) -> None:
    for weight, path in FACES.items():
        face = TTFont(package / path, recalcTimestamp=False)
        cut(face, LETTERS, ["kern", "mark", "mkmk", "ccmp", "locl"])
        save(face, f"be-vietnam-pro-{weight}.woff2")

        digits = TTFont(package / path, recalcTimestamp=False)
        cut(digits, DIGITS, [])
        even_digits(digits)
        save(digits, f"cho40-so-{weight}.woff2")
    shutil.copyfile(package / "LICENSE_FONT", HERE / "OFL.txt")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        make(pathlib.Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            make(fetch(pathlib.Path(folder)))
