"""Mail in the scripts and character sets that real mailboxes hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from . import wire
from .envelope import Envelope, message_id
from .message import DemoMessage
from .moments import days_before
from .people import Person


@dataclass(frozen=True)
class Letter:
    """One message in one character set; `encoding` is its Content-Transfer-Encoding."""

    account: str
    days: int
    author: Person
    subject: str
    charset: str
    encoding: str
    body: str


def _from(name: str, address: str, zone: int, charset: str) -> Person:
    return Person(name, address, zone, charset=charset, agent="Webmail 3.9")


LETTERS = (
    Letter(
        "events", 344,
        _from("يوسف حداد", "youssef@sfax-harbour.example", 60, "utf-8"),
        "زيارة إلى مختبر المد والجزر", "utf-8", "base64",
        "السيدة كلارا المحترمة،\n\nنحن ثلاثة مهندسين من ميناء صفاقس، حيث يصل المد إلى 180 سم، وهو\n"
        "الأعلى في البحر المتوسط. نود زيارتكم يوم 12 مايو في الساعة 10:30 لرؤية\n"
        "جهاز Tidemark TG-4.\n\nمع أطيب التحيات،\nيوسف حداد\n",
    ),
    Letter(
        "engineering", 228,
        _from("مريم الزهراني", "maryam@jeddah-marine.example", 180, "windows-1256"),
        "قراءات المحطة رقم 7", "windows-1256", "quoted-printable",
        "السلام عليكم،\n\nالمحطة رقم 7 ترسل القراءات كل 30 دقيقة بدلاً من 10 دقائق. هل يمكن\n"
        "تغيير الإعداد عن بعد؟\n\nشكراً جزيلاً\nمريم\n",
    ),
    Letter(
        "engineering", 309,
        _from("דנה רוזן", "dana@haifa-tides.example", 120, "utf-8"),
        "כיול חיישן הלחץ בחיפה", "utf-8", "base64",
        "שלום,\n\nכיילנו אתמול את חיישן הלחץ במעגן בחיפה. הסטייה הייתה 0.4 ס״מ בלבד\n"
        "(firmware 4.1). הגשם הפסיק בדיוק בזמן.\n\nבברכה,\nדנה\n",
    ),
    Letter(
        "events", 201,
        _from("אורי לוי", "uri@jaffa-museum.example", 120, "iso-8859-8"),
        "תערוכה על גאות ושפל", "iso-8859-8-i", "quoted-printable",
        "שלום רב,\n\nהמוזיאון ביפו מכין תערוכה על גאות ושפל לקיץ הבא. האם אפשר לשאול את\n"
        "מכל הגלים לחודש יולי?\n\nאורי לוי\n",
    ),
    Letter(
        "engineering", 366,
        _from("森田健二", "morita@yokohama-tide.example", 540, "iso-2022-jp"),
        "横浜港の潮位データについて", "iso-2022-jp", "7bit",
        "リンドクヴィスト様\n\nお世話になっております。横浜の森田です。\n"
        "先月の潮位データを確認しました。満潮時の誤差は2センチ以内です。\n"
        "ただし、台風の日の記録だけ、時刻が9時間ずれているようです。\n\n"
        "よろしくお願いいたします。\n森田健二\n",
    ),
    Letter(
        "events", 122,
        _from("佐藤美咲", "sato@minato-museum.example", 540, "utf-8"),
        "潮時計の図面を送っていただけますか", "utf-8", "8bit",
        "はじめまして。港の博物館の佐藤と申します。\n\n"
        "窓の潮時計の写真を拝見しました。針が一本しかない時計はとても美しいです。\n"
        "図面をいただければ、子どもたちと一緒に作ってみたいと思います。🌊\n\n佐藤美咲\n",
    ),
    Letter(
        "engineering", 289,
        _from("Иван Петров", "petrov@ladoga-level.example", 180, "koi8-r"),
        "Уровень воды в Ладожском озере", "koi8-r", "8bit",
        "Здравствуйте!\n\nНа нашей станции датчик показывает минус четыре метра. Озеро на месте,\n"
        "мы проверили. Кажется, после замены батареи сбросилась нулевая отметка.\n\n"
        "С уважением,\nИван Петров\n",
    ),
    Letter(
        "engineering", 147,
        _from("Светлана Орлова", "orlova@danube-gauge.example", 120, "windows-1251"),
        "Счёт за обслуживание — вопрос", "windows-1251", "quoted-printable",
        "Добрый день!\n\nВ счёте № 418 указаны две антенны, а мы получили одну. Вторая, вероятно,\n"
        "ещё плывёт. Подскажите, пожалуйста, когда её ждать.\n\nСветлана Орлова\n",
    ),
    Letter(
        "engineering", 176,
        _from("林梅", "mei.lin@pearlbay-sensors.example", 480, "gb18030"),
        "关于新压力传感器的报价", "gb18030", "base64",
        "您好！\n\n附上新压力传感器的报价。量程为20米，精度为0.05%，电缆长度可以加长4厘米，\n"
        "不另收费。交货期为六周。\n\n此致\n敬礼\n\n林梅\n珍珠湾传感器有限公司\n",
    ),
    Letter(
        "events", 264,
        _from("Jürgen Böhm", "boehm@segelclub-laboe.example", 60, "iso-8859-1"),
        "Führung für 18 Segler, möglichst bei Flut", "iso-8859-1", "quoted-printable",
        "Sehr geehrte Frau Núñez,\n\nunser Club besucht Göteborg vom 3. bis 6. Juli.\n"
        "Wäre eine Führung für 18 Personen möglich? Über die Größe der Flut haben wir\n"
        "Gerüchte gehört; "
        "20 cm halten hier alle für einen Tippfehler.\n\n"
        "Mit schönen Grüßen aus Laboe\nJürgen Böhm\n",
    ),
    Letter(
        "events", 183,
        _from("Hélène Lefèvre", "helene@phare-ouessant.example", 60, "iso-8859-15"),
        "Un phare, une bouée et 12 € de timbres", "iso-8859-15", "8bit",
        "Bonjour,\n\nj'ai trouvé votre bouée sur notre plage, ou plutôt son réflecteur radar.\n"
        "L'envoi coûte 12 €. Est-ce de l'art ?\n\nHélène Lefèvre, gardienne\n",
    ),
    Letter(
        "events", 84,
        _from("Γιώργος Παππάς", "pappas@rafina-cafe.example", 120, "iso-8859-7"),
        "Το καφέ και ο παλιρροιογράφος", "iso-8859-7", "quoted-printable",
        "Καλημέρα,\n\nαπό σήμερα το νερό της βεράντας πηγαίνει στην άλλη αποχέτευση.\n"
        "Ο καφές είναι πάντα δωρεάν για τους τεχνικούς σας.\n\nΓιώργος\n",
    ),
    Letter(
        "engineering", 49,
        _from("김하늘", "haneul@busan-ocean.example", 540, "euc-kr"),
        "부산항 파고 자료 요청", "euc-kr", "base64",
        "안녕하세요.\n\n부산항의 파고 자료를 찾고 있습니다. 2년 전 태풍 때의 기록도 있습니까?\n"
        "가능하면 CSV 파일로 부탁드립니다.\n\n김하늘 드림\n",
    ),
    Letter(
        "events", 28,
        _from("Małgorzata Żółć", "zolc@gdynia-sail.example", 60, "iso-8859-2"),
        "Warsztaty dla żeglarzy w Gdyni", "iso-8859-2", "quoted-printable",
        "Dzień dobry,\n\n"
        "czy zbiornik z falami może przyjechać do Gdyni? Mamy gniazdko 16 A, odpływ\n"
        "w podłodze i osobę, która śmieje się we właściwych momentach.\n\nMałgorzata Żółć\n",
    ),
)  # fmt: skip


def letters(end: datetime) -> Iterator[DemoMessage]:
    """Yield one message for each of `LETTERS`; subject and name are in its character set too."""
    for number, letter in enumerate(LETTERS):
        hour = 9 + number % 8
        sent = days_before(end, letter.days, letter.author.zone, hour, 7 * number % 60)
        identity = message_id(letter.author, letter.subject)
        envelope = Envelope(letter.account, letter.author, sent, letter.subject, identity)
        # ISO-8859-8-I only says that the text is in logical order (RFC 1556).
        codec = letter.charset.removesuffix("-i")
        part = wire.text(letter.body, charset=codec, encoding=letter.encoding)
        named = (("Content-Type", f"text/plain; charset={letter.charset}"), part.headers[1])
        yield envelope.deliver(wire.Part(named, part.body), seen=letter.days > 60)
