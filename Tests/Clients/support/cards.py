"""The public test cards, and where their numbers must not be."""

from pathlib import Path

VISA = "4242424242424242"
MASTERCARD = "5555555555554444"
AMEX = "378282246310005"

# By the brand that the gateway has to tell.
BRANDS = {
    "visa": VISA,
    "mastercard": MASTERCARD,
    "amex": AMEX,
    "discover": "6011111111111117",
    "diners": "3056930009020004",
    "jcb": "3566002020360505",
    "unionpay": "6200000000000005",
}

TOKENS = {
    "pm_card_visa": ("visa", "4242"),
    "pm_card_visa_debit": ("visa", "5556"),
    "pm_card_mastercard": ("mastercard", "4444"),
    "pm_card_amex": ("amex", "0005"),
    "pm_card_discover": ("discover", "1117"),
    "pm_card_diners": ("diners", "0004"),
    "pm_card_jcb": ("jcb", "0505"),
    "pm_card_unionpay": ("unionpay", "0005"),
}

# Token, number, code, decline code.
DECLINES = [
    ("pm_card_visa_chargeDeclined", "4000000000000002", "card_declined", "generic_decline"),
    ("pm_card_chargeDeclined", "4000000000000002", "card_declined", "generic_decline"),
    (
        "pm_card_visa_chargeDeclinedInsufficientFunds",
        "4000000000009995",
        "card_declined",
        "insufficient_funds",
    ),
    (
        "pm_card_chargeDeclinedInsufficientFunds",
        "4000000000009995",
        "card_declined",
        "insufficient_funds",
    ),
    ("pm_card_visa_chargeDeclinedLostCard", "4000000000009987", "card_declined", "lost_card"),
    ("pm_card_visa_chargeDeclinedStolenCard", "4000000000009979", "card_declined", "stolen_card"),
    ("pm_card_chargeDeclinedExpiredCard", "4000000000000069", "expired_card", "expired_card"),
    ("pm_card_visa_chargeDeclinedExpiredCard", "4000000000000069", "expired_card", "expired_card"),
    ("pm_card_chargeDeclinedIncorrectCvc", "4000000000000127", "incorrect_cvc", "incorrect_cvc"),
    (
        "pm_card_visa_chargeDeclinedIncorrectCvc",
        "4000000000000127",
        "incorrect_cvc",
        "incorrect_cvc",
    ),
    (
        "pm_card_chargeDeclinedProcessingError",
        "4000000000000119",
        "processing_error",
        "processing_error",
    ),
    (
        "pm_card_visa_chargeDeclinedProcessingError",
        "4000000000000119",
        "processing_error",
        "processing_error",
    ),
    (
        "pm_card_visa_chargeDeclinedVelocityLimitExceeded",
        "4000000000006975",
        "card_declined",
        "card_velocity_exceeded",
    ),
    ("pm_card_chargeCustomerFail", "4000000000000341", "card_declined", "generic_decline"),
]

ALL_NUMBERS = sorted({*BRANDS.values(), *(number for _, number, _, _ in DECLINES)})

# A test card that is used by the test that looks for it in memory, and by no other. Sixteen digits:
# as text of a program, a shorter one could lie in memory that is written to.
MEMORY_PROBE = "2223003122003222"

# Passes the Luhn check, lies in Visa's range, and is no published test card.
REAL_LOOKING = "4111111111111111"


def card(number: str = VISA, **changes: object) -> dict[str, object]:
    """A card as the SDK takes it."""
    code = "1234" if number == AMEX else "123"
    return {"number": number, "exp_month": 12, "exp_year": 2034, "cvc": code, **changes}


def flat_card(number: str = VISA, below: str = "card") -> dict[str, str]:
    """The same as form parameters."""
    return {f"{below}[{name}]": str(value) for name, value in card(number).items()}


def written(number: str) -> dict[str, bytes]:
    """The ways in which a program could come to write a card number down."""
    padded = number + "f" * (len(number) % 2)
    groups = [number[start : start + 4] for start in range(0, len(number), 4)]
    forms = {
        "digits": number.encode(),
        "digits in UTF-16": number.encode("utf-16-le"),
        "groups with blanks": " ".join(groups).encode(),
        "groups with hyphens": "-".join(groups).encode(),
        "digits in hexadecimal": number.encode().hex().encode(),
    }
    # Two small numbers with zeros between are in any file of numbers: 4000000000000002 as values,
    # 6200000000000005 packed.
    if number.count("0") < 10:
        forms["packed digits"] = bytes.fromhex(padded)
        forms["digits as values"] = bytes(int(digit) for digit in number)
    return forms


def find_card_numbers(folder: Path) -> list[str]:
    """Every file below `folder` that has a card's number in it, and in which form."""
    forms = [
        (number[-4:], form, text)
        for number in [*ALL_NUMBERS, REAL_LOOKING]
        for form, text in written(number).items()
    ]
    found = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        # Files that grow in large steps end in zeros.
        content = path.read_bytes().rstrip(b"\0")
        for last_four, form, text in forms:
            place = content.find(text)
            if place >= 0:
                found.append(f"{path} has the card …{last_four} at byte {place} ({form})")
    return found
