"""An independent reader and writer of our ISO 8583 messages: pyiso8583's `default_ascii`.

    iso8583_oracle.py decode    a message in hexadecimal on each line -> canonical JSON
    iso8583_oracle.py encode    a JSON object on each line -> the message in hexadecimal

An object has "t" (the message type) and data elements by number, all as text; elements of class b
are hexadecimal digits, as they stand on the wire. Bitmaps are left out: they follow from the
elements. A line that is refused gives {"error": "..."}; the answer never holds the content of a
message that was refused. One line in gives one line out, flushed, so that a test may converse.
"""

import json
import sys

import iso8583
from iso8583.specs import default_ascii as SPECIFICATION


def decode(line: str) -> str:
    decoded, _ = iso8583.decode(bytes.fromhex(line), SPECIFICATION)
    elements = {key: value for key, value in decoded.items() if key not in ("h", "p", "1")}
    return json.dumps(elements, sort_keys=True, separators=(",", ":"))


def encode(line: str) -> str:
    encoded, _ = iso8583.encode(json.loads(line), SPECIFICATION)
    return encoded.hex().upper()


def refusal(error: Exception) -> str:
    if isinstance(error, (iso8583.DecodeError, iso8583.EncodeError)):
        position = f" at byte {error.pos}" if isinstance(error, iso8583.DecodeError) else ""
        reason = f"{error.msg}{position}: field {error.field}"
    else:
        reason = f"the line is not what the mode expects ({type(error).__name__})"
    return json.dumps({"error": reason}, separators=(",", ":"))


def main() -> int:
    modes = {"decode": decode, "encode": encode}
    if len(sys.argv) != 2 or sys.argv[1] not in modes:
        print(__doc__, file=sys.stderr)
        return 2
    convert = modes[sys.argv[1]]
    for line in sys.stdin:
        try:
            answer = convert(line.strip())
        except (ValueError, KeyError, TypeError, iso8583.DecodeError, iso8583.EncodeError) as error:
            answer = refusal(error)
        print(answer, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
