"""Who writes: the staff of Tidemark Instruments and those who write to them.

Tidemark builds tide gauges and weather buoys in Gothenburg. Zones are fixed offsets, so that the
mail comes out the same on machines without a time zone database.
"""

from __future__ import annotations

from dataclasses import dataclass

from .message import DOMAIN


@dataclass(frozen=True)
class Person:
    """A correspondent and the habits of their mail program.

    Attributes:
        zone: minutes east of UTC.
        signature: what follows "-- "; "" for none.
        html: writes multipart/alternative.
        flowed: writes format=flowed (RFC 3676).
        charset: of headers and text.
        agent: the User-Agent header.
    """

    name: str
    address: str
    zone: int
    signature: str = ""
    html: bool = False
    flowed: bool = False
    charset: str = "utf-8"
    agent: str = "Thunderbird"


def _staff(
    name: str,
    local: str,
    zone: int,
    role: str,
    *,
    html: bool = False,
    flowed: bool = False,
    charset: str = "utf-8",
    agent: str = "Thunderbird",
) -> Person:
    signature = f"{name}\n{role} · Tidemark Instruments AB"
    return Person(name, f"{local}@{DOMAIN}", zone, signature, html, flowed, charset, agent)


PEOPLE: dict[str, Person] = {
    "asa": _staff("Åsa Lindqvist", "asa.lindqvist", 60, "Head of Engineering"),
    "tomas": _staff("Tomás Ferreira", "tomas.ferreira", 0, "Firmware, Porto", agent="Mutt/2.2"),
    "mirjam": _staff("Mirjam Hakkarainen", "mirjam.hakkarainen", 120, "Mechanics", flowed=True),
    "kenji": _staff("Kenji Morita", "kenji.morita", 540, "Tide models, Yokohama"),
    "olena": _staff("Олена Коваленко", "olena.kovalenko", 120, "Data platform, Lviv", flowed=True),
    "jurgen": _staff(
        "Jürgen Weiß",
        "juergen.weiss",
        60,
        "Purchasing, Kiel",
        html=True,
        charset="iso-8859-1",
        agent="Microsoft Outlook 16.0",
    ),
    "priya": _staff("Priya Raman", "priya.raman", 330, "Quality, Chennai"),
    "sam": Person("Sam O'Neill", f"sam.oneill@{DOMAIN}", 0, "Sam, from the boat", agent="K-9 Mail"),
    "clara": Person(
        "Clara Núñez",
        f"events@{DOMAIN}",
        60,
        "Clara Núñez\nEvents · Tidemark Instruments AB\n+46 31 555 0142",
        html=True,
        agent="Apple Mail (2.3826)",
    ),
    "bo": _staff("Bo Andersen", "bo.andersen", 60, "Workshop and exhibitions", agent="Mutt/2.2"),
    "harriet": _staff("Harriet Quill", "harriet.quill", 0, "Front office", html=True),
    "nadia": Person(
        "Nadia Bergström", "nadia@bergstrom-sailing.example", 60, "Nadia\nRace officer, GSS"
    ),
    "ewan": Person("Ewan MacLeod", "harbourmaster@port-askaig.example", 0, "E. MacLeod"),
    "marta": Person(
        "Marta Wiśniewska",
        "m.wisniewska@baltic-expo.example",
        60,
        "Marta Wiśniewska\nExhibitor Services, Baltic Expo",
        html=True,
        agent="Microsoft Outlook 16.0",
    ),
    "lena": Person("Lena Okafor", "lena.okafor@kustskolan.example", 60, "Lena Okafor, class 5B"),
    "petros": Person(
        "Πέτρος Νικολάου", "petros@aegean-ferries.example", 120, "Petros Nikolaou, Aegean Ferries"
    ),
    "greta": Person("Greta Holm", "greta@holm-catering.example", 60, "Greta\nHolm Catering"),
    "ravi": Person("Ravi Iyer", "ravi.iyer@monsoon-labs.example", 330, "Ravi", flowed=True),
}
