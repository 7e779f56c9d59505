"""Invented personal data, and what only looks like it; the check digits are computed here on their own.

Nothing is taken from the finders that are measured: formats are those in which people write.
"""

import random
from collections.abc import Callable

Draw = random.Random

FIRST = (
    "Anna", "Peter", "María", "Jürgen", "Aisha", "Wei", "Olga", "José", "Chloé", "Liam", "Fatima", "Björn", "Priya",
    "Tomasz", "Giulia", "João", "Emma", "Noah", "Zoë", "Kwame",
)  # fmt: skip
LAST = (
    "Smith", "Müller", "García", "O'Neill", "Nguyen", "Kowalski", "Rossi", "Silva", "Van Dyke", "de la Cruz",
    "Johnson-Reed", "Schmidt", "Fernández", "Dubois", "Okafor", "Patel", "Ivanova", "Lindqvist", "McDonald", "Brown",
)  # fmt: skip
STREETS = (
    "Main",
    "Oak",
    "Maple",
    "Washington",
    "Park",
    "Elm",
    "Cedar Hill",
    "Martin Luther King",
    "5th",
    "King's",
    "High",
)
KINDS_OF_STREET = ("Street", "St", "Avenue", "Ave", "Road", "Lane", "Blvd", "Drive", "Court")
STRASSEN = ("Hauptstraße", "Bahnhofstr.", "Gartenweg", "Berliner Straße", "Marktplatz", "Lindenallee", "Am Alten Hof")
CALLES = (
    "Calle de Alcalá", "C/ Mayor",
    "Avenida de América", "Calle San Vicente Ferrer", "Plaza de España", "Paseo del Prado",
    "Avda. de la Constitución", "calle Colón",
)  # fmt: skip


def digits(draw: Draw, num: int) -> str:
    """So many digits."""
    return "".join(draw.choice("0123456789") for _ in range(num))


def full_name(draw: Draw) -> str:
    """First and last name, sometimes one of them alone."""
    return draw.choice(
        [f"{draw.choice(FIRST)} {draw.choice(LAST)}", f"{draw.choice(FIRST)} {draw.choice(LAST)}", draw.choice(FIRST)]
    )


def last_name(draw: Draw) -> str:
    """What stands after a title."""
    return draw.choice(LAST)


def email(draw: Draw) -> str:
    """Addresses under reserved domains, some spelled out."""
    first, last = (
        draw.choice(("anna", "peter", "m.garcia", "j_mueller", "wei")),
        draw.choice(("smith", "rossi", "silva")),
    )
    host = draw.choice(("mail.example", "example.com", "students.uni.example", "firma-gmbh.test", "example.co.uk"))
    user = f"{first}{draw.choice(('.', '_', '', '-', '+'))}{last}{draw.choice(('', digits(draw, 2)))}"
    spelled = f"{user} at {draw.choice(('no-such-host', 'invented-mail'))} dot {draw.choice(('com', 'org', 'de'))}"
    return draw.choice(
        [f"{user}@{host}"] * 8 + [f"{user} (at) {host}", f"{user}[at]{host.replace('.', '[dot]')}", spelled]
    )


def phone(draw: Draw) -> str:
    """Numbers of five countries as they are written there, and with a country code."""
    us = (draw.choice(("212", "415", "312", "617", "206")), f"{draw.randint(2, 9)}{digits(draw, 2)}", digits(draw, 4))
    fr = [f"0{draw.choice('1234')}", *(digits(draw, 2) for _ in range(4))]
    es = [f"6{digits(draw, 2)}", digits(draw, 3), digits(draw, 3)]
    de = ("30", f"{draw.randint(2, 8)}{digits(draw, 6)}")
    gb = (f"7{draw.choice(('911', '400', '701'))}", f"{draw.randint(1, 9)}{digits(draw, 5)}")
    return draw.choice(
        [
            "({}) {}-{}".format(*us), "{}-{}-{}".format(*us), "{}.{}.{}".format(*us), "+1 {} {} {}".format(*us),
            "+1-{}-{}-{}".format(*us), " ".join(fr), ".".join(fr), f"+33 {fr[0][1]} {' '.join(fr[1:])}", " ".join(es),
            f"+34 {' '.join(es)}", "".join(es), "0{} {}".format(*de), "+49 {} {}".format(*de), "0049{}{}".format(*de),
            "0{}/{}".format(*de), "0{} {}".format(*gb), "+44 {} {}".format(*gb), "0{}{}".format(*gb), "".join(us),
        ]
    )  # fmt: skip


def card(draw: Draw) -> str:
    """Visa, Mastercard and American Express with a right check digit, printed in three ways."""
    start, length = draw.choice((("4", 16), ("51", 16), ("55", 16), ("2221", 16), ("37", 15), ("6011", 16)))
    number = start + digits(draw, length - len(start) - 1)
    number += next(last for last in "0123456789" if _luhn_sum(number + last) % 10 == 0)
    groups = [number[:4], number[4:10], number[10:]] if length == 15 else [number[i : i + 4] for i in range(0, 16, 4)]
    return draw.choice([number, " ".join(groups), "-".join(groups)])


def _luhn_sum(number: str) -> int:
    table = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
    return sum(int(d) if i % 2 == 0 else table[int(d)] for i, d in enumerate(number[::-1]))


def iban(draw: Draw) -> str:
    """German, British, Spanish, French and Dutch accounts with right check digits, in groups or in one piece."""
    country, account = draw.choice(
        [
            ("DE", digits(draw, 18)), ("GB", f"NWBK{digits(draw, 14)}"), ("ES", digits(draw, 20)),
            ("FR", digits(draw, 23)), ("NL", f"ABNA{digits(draw, 10)}"),
        ]
    )  # fmt: skip
    as_number = "".join(c if c.isdigit() else str(ord(c) - 55) for c in f"{account}{country}00")
    whole = f"{country}{98 - int(as_number) % 97:02d}{account}"
    return draw.choice([whole, " ".join(whole[i : i + 4] for i in range(0, len(whole), 4)), whole.lower()])


def ip(draw: Draw) -> str:
    """IPv4 of any network, and IPv6 whole and shortened."""
    v4 = f"{draw.choice((10, 84, 172, 192, 203))}.{draw.randint(0, 255)}.{draw.randint(0, 255)}.{draw.randint(1, 254)}"
    groups = [f"{draw.randint(1, 0xFFFF):x}" for _ in range(6)]
    return draw.choice(
        [v4, v4, f"2001:db8:{':'.join(groups)}", f"2001:db8::{groups[0]}:{groups[1]}", f"fe80::{groups[2]}"]
    )


def url(draw: Draw) -> str:
    """Addresses with a password or a key in them."""
    word = "".join(draw.choice("abcdefghkmnpqrstuvwxyz23456789") for _ in range(12))
    host = draw.choice(("db.internal.example", "api.example.com", "10.1.2.3:5432", "git.firma.test"))
    return draw.choice(
        [
            f"postgres://admin:{word}@{host}/shop",
            f"https://{word[:4]}:{word}@{host}/repo.git",
            f"ftp://anna:{word}@{host}",
            f"https://{host}/v1/items?api_key={word}",
            f"https://{host}/login?user=a&token={word}&x=1",
            f"redis://:{word}@{host}/0",
            f"https://{host}/cb#access_token={word}",
        ]
    )


def national_id(draw: Draw) -> str:
    """One of eight countries' numbers."""
    return draw.choice((_ssn, _nino, _tax_id, _dni, _nie, _nir, _cpf))(draw)


def _ssn(draw: Draw) -> str:
    return f"{draw.randint(100, 665)}-{draw.randint(1, 99):02d}-{draw.randint(1, 9999):04d}"


def _nino(draw: Draw) -> str:
    pair, numbers = draw.choice(("AB", "CE", "JG", "PX", "SR")), [digits(draw, 2) for _ in range(3)]
    return draw.choice(("", " ")).join([pair, *numbers, draw.choice("ABCD")])


def _tax_id(draw: Draw) -> str:
    ten = draw.sample("0123456789", 9)
    while ten[0] == "0":
        draw.shuffle(ten)
    ten.insert(draw.randint(1, 9), draw.choice(ten))
    state = 10
    for digit in ten:
        rest = (int(digit) + state) % 10
        state = (rest or 10) * 2 % 11
    number = "".join(ten) + str((11 - state) % 10)
    return draw.choice([number, f"{number[:2]} {number[2:5]} {number[5:8]} {number[8:]}"])


def _dni(draw: Draw) -> str:
    number = draw.randint(10_000_000, 99_999_999)
    return f"{number}{draw.choice(('', '-', ' '))}{'TRWAGMYFPDXBNJZSQVHLCKE'[number % 23]}"


def _nie(draw: Draw) -> str:
    first, rest = draw.randint(0, 2), digits(draw, 7)
    return f"{'XYZ'[first]}{rest}{'TRWAGMYFPDXBNJZSQVHLCKE'[int(f'{first}{rest}') % 23]}"


def _nir(draw: Draw) -> str:
    parts = [draw.choice("12"), digits(draw, 2), f"{draw.randint(1, 12):02d}", "75", digits(draw, 3), digits(draw, 3)]
    parts.append(f"{97 - int(''.join(parts)) % 97:02d}")
    return draw.choice(("", " ")).join(parts)


def _cpf(draw: Draw) -> str:
    found = [int(d) for d in digits(draw, 9)]
    for _ in range(2):
        rest = sum(digit * weight for digit, weight in zip(reversed(found), range(2, 12), strict=False)) % 11
        found.append(0 if rest < 2 else 11 - rest)
    whole = "".join(map(str, found))
    return f"{whole[:3]}.{whole[3:6]}.{whole[6:9]}-{whole[9:]}"


def address(draw: Draw) -> str:
    """English, German and Spanish street addresses, short and long; a few as people type them, in small letters."""
    number = draw.randint(1, 2400)
    street = f"{number} {draw.choice(STREETS)} {draw.choice(KINDS_OF_STREET)}"
    town = draw.choice(
        ("Springfield, IL 62704", "Portland, OR 97205", "San Jose, CA 95112", "Leeds LS1 4DY", "London NW1 6XE")
    )
    house = draw.randint(1, 180)
    german = f"{draw.choice(STRASSEN)} {house}{draw.choice(('', '', 'a', 'b'))}"
    german_town = draw.choice(("10115 Berlin", "80331 München", "01067 Dresden", "60311 Frankfurt am Main"))
    spanish = f"{draw.choice(CALLES)}{draw.choice((' ', ', ', ', nº '))}{house}"
    return draw.choice(
        [
            street,
            f"{street}, {town}",
            f"{street}, Apt {draw.randint(1, 40)}, {town}",
            f"Flat {draw.randint(1, 9)}, {street}, {town}",
            f"{german}, {german_town}",
            f"{german}, {german_town}",
            f"{german}\n{german_town}",
            spanish,
            f"{spanish}, 3º B, 28014 Madrid",
            f"{spanish}, 46001 Valencia",
            f"P.O. Box {number}",
            street.lower(),
        ]
    )


VALUES: dict[str, Callable[[Draw], str]] = {
    "email": email, "phone": phone, "card": card, "iban": iban, "ip": ip, "url_credentials": url,
    "national_id": national_id, "address": address, "name": full_name, "last_name": last_name,
}  # fmt: skip


def near_miss(draw: Draw) -> str:
    """A sentence with numbers and words that are nobody's."""
    d, r = (lambda num: digits(draw, num)), draw.randint
    return draw.choice(
        [
            f"Where is my order {d(3)}-{d(7)}-{d(7)}?",
            f"Mi pedido número {d(8)} no ha llegado.",
            f"Bestellung Nr. {d(10)} fehlt.",
            f"The order 4{d(15)} was never delivered.",
            f"Invoice 20{d(2)}-{d(4)}-{d(4)} is wrong.",
            f"Tracking number 1Z{d(3)}AA{d(10)}",
            f"Upgrade from version {r(1, 9)}.{r(0, 30)}.{r(0, 9)}.{r(0, 200)} to {r(1, 9)}.{r(0, 30)}",
            f"Chrome/{r(90, 130)}.0.{r(1000, 7000)}.{r(10, 250)} Safari/537.36",
            f"Driver v{r(10, 99)}.{r(1, 99)}.{r(1, 99)}.{r(1, 99)} crashes.",
            f"pip install torch=={r(1, 3)}.{r(0, 20)}.{r(0, 9)}",
            f"See chapter {r(1, 9)}.{r(1, 9)}.{r(1, 9)}.{r(1, 9)} of the manual.",
            f"Kapitel {r(1, 20)}.{r(1, 20)}.{r(1, 20)}.{r(1, 20)} handelt davon.",
            f"En la sección {r(1, 9)}.{r(1, 9)}.{r(1, 9)}.{r(1, 9)} se explica.",
            f"It happened on 20{d(2)}-{r(1, 12):02d}-{r(1, 28):02d} at {r(0, 23):02d}:{r(0, 59):02d}:{r(0, 59):02d}.",
            f"Am {r(1, 28)}.{r(1, 12)}.19{d(2)} um {r(1, 23)} Uhr.",
            f"From {r(1900, 1990)}-{r(1991, 2024)} it rose from {r(1, 9)},{d(3)},{d(3)} to {r(10, 99)},{d(3)},{d(3)}.",
            f"ISBN 978-{r(0, 9)}-{d(3)}-{d(5)}-{d(1)}",
            f"EAN 40{d(11)}",
            f"What is {d(4)} * {d(4)} - {d(6)} / {d(3)}?",
            f"1 2 3 5 8 13 21 34 {r(50, 99)} {r(100, 999)}",
            f"Coordinates {r(10, 89)}.{d(6)}, -{r(10, 99)}.{d(6)}",
            f"MAC 00:1A:{r(10, 99)}:{r(10, 99)}:3C:4D is in use.",
            f"The mask is 255.255.{r(0, 255)}.0, bind to 127.0.0.1 or 0.0.0.0.",
            f"IP {r(256, 999)}.{r(1, 255)}.{r(1, 255)}.1 is not valid.",
            f"Use std::vector<int> a{r(1, 9)}; and foo::bar({r(1, 9)})",
            f"Part no. {d(2)}-{d(4)}-{d(3)}, batch {d(9)}",
            f"Article {draw.choice('ABCEGH')}{draw.choice('ABCEGH')}{d(6)}{draw.choice('ABCD')} is sold out.",
            f"Der Code DE{d(20)} wird abgelehnt.",
            f"Matrícula {d(4)} BCD y expediente {d(8)}K",
            f"@dataclass class A{r(1, 9)}: x = y @ z",
            f"Follow @user_{d(3)} on the network.",
            f"git clone git@host:team/repo{r(1, 9)}.git",
            f"Open https://example.com/page?id={d(6)}&lang=en",
            f"https://example.com/@someone/post-{d(8)}",
            "Dear Sir or Madam, write a letter in this style.",
            "Dear Hiring Manager,\nI am writing to apply.",
            "Sehr geehrte Damen und Herren, was folgt danach?",
            "Estimado cliente, su pedido está listo.",
            "Dear Diary, today it rained.",
            "My name is on the list, what does that mean?",
            "What does it mean if my name is not there?",
            "Mein Name ist nicht auf der Liste.",
            "name: string, age: int",
            "Kind regards,\nthe team",
            f"{r(2, 9)} Ways to Drive Safely",
            f"{r(2, 50)} Things To Do In Lane Cove",
            f"The 4 Best Road Movies of 19{d(2)}",
            f"{r(2, 30)} people live on the street",
            f"Im Umkreis von {r(2, 90)} km, Seite {r(2, 90)}",
            f"La calle tiene {r(2, 90)} casas",
            f"Calculate {r(10, 99)} ft of road",
            f"Room {r(100, 999)}, floor {r(1, 9)}, seat {r(1, 40)}B",
            f"Population: {d(2)} {d(3)} {d(3)}; area {d(3)} {d(3)} km2",
            f"IQ {r(90, 140)}, score {r(1, 9)}-{r(1, 9)}, odds {r(1, 9)}/{r(1, 9)}",
        ]
    )
