"""The words that mail programs put above what they quote, in the languages that they speak."""

from __future__ import annotations

import re
from typing import Final

# "-----Original Message-----" of Outlook and others, in the languages that Outlook speaks.
ORIGINAL: Final = re.compile(
    r"""
    [-_=*\s]{2,40}+
    (?: original\ message | reply\ message | replied\ message
      | urspr(?:ü|ue?)ngliche\ (?:nachricht|mail) | originalnachricht
      | message\ d['’]origine | message\ original | courriel\ original
      | mensaje\ original | missatge\ original | mensagem\ original
      | messaggio\ (?:originale|originario)
      | oorspronkelijk(?:e)?\ bericht
      | oprindelig\ (?:meddelelse|mail) | originalmeddelande | opprinnelig\ melding
      | alkuperäinen\ viesti
      | oryginalna\ wiadomość | wiadomość\ oryginalna | původní\ zpráva | pôvodná\ správa
      | eredeti\ üzenet | mesaj\ original | izvorno\ sporočilo | izvorna\ poruka
      | исходное\ сообщение | оригинальное\ сообщение | вихідне\ повідомлення
      | αρχικό\ μήνυμα | orijinal\ (?:ileti|mesaj) | özgün\ ileti
      | הודעה\ מקורית | الرسالة\ الأصلية | رسالة\ أصلية
      | 原始邮件 | 邮件原件 | 原始郵件 | 原始訊息 | 元のメッセージ | 원본\ 메시지 | 원본\ 메일
    )
    \s*[-_=*]{0,40}+\s*
    """,
    re.VERBOSE | re.IGNORECASE,
)
# What stands below is what the sender wanted to be read.
FORWARDED: Final = re.compile(
    r"""
    [-_=*]{2,40}+\s{0,3}
    (?: forwarded\ (?:message|by) | begin\ forwarded | weitergeleitete\ nachricht
      | message\ transféré | message\ transf[eé]r[eé] | mensaje\ reenviado | mensagem\ encaminhada
      | messaggio\ inoltrato | doorgestuurd\ bericht | videresendt\ (?:meddelelse|melding)
      | vidarebefordrat\ (?:meddelande|mail) | välitetty\ viesti | przekazana\ wiadomość
      | переслан\w+\ (?:сообщение|письмо) | 转发邮件 | 轉寄郵件 | 転送 | 전달된\ 메시지
    )
    """,
    re.VERBOSE | re.IGNORECASE,
)
# The header that Outlook puts above what it quotes: "From:", then "Sent:", "To:", "Subject:".
FROM: Final = re.compile(
    r"(?:from|von|de|da|van|fra|från|lähettäjä|od|feladó|nadawca|expéditeur|remitente|mittente"
    r"|от|від|από|kimden|gönderen|מאת|من|发件人|寄件者|差出人|보낸\s?사람)"
    r"\s?[:：]\s*\S",
    re.IGNORECASE,
)
ALSO: Final = re.compile(
    r"(?:sent|date|to|cc|subject|gesendet|datum|an|betreff|envoy[ée]|date|à|a|objet|enviado"
    r"|fecha|para|asunto|data|assunto|inviato|per|oggetto|verzonden|aan|onderwerp|sendt|dato|til"
    r"|emne|skickat|till|kopia|ämne|lähetetty|päiväys|vastaanottaja|aihe|wysłano|do|temat"
    r"|odesláno|komu|předmět|odoslané|predmet|küldve|címzett|tárgy|trimis|către|subiect"
    r"|отправлено|дата|кому|копия|тема|надіслано|στάλθηκε|προς|θέμα|tarih|kime|konu|gönderildi"
    r"|נשלח|אל|נושא|תאריך|تاريخ|إلى|الموضوع|发送时间|日期|收件人|抄送|主题|寄件日期|收件者|主旨"
    r"|送信日時|日時|宛先|件名|보낸\s?날짜|날짜|받는\s?사람|제목)"
    r"\s?[:：]",
    re.IGNORECASE,
)

# Above a quotation: a line that ends so and says who or when.
COLON: Final = (":", "：")
WHO_OR_WHEN: Final = re.compile(r"[0-9@]")
