"""The columns of a company's CSV, and the names that a header may call them by."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple
from unicodedata import normalize


def words(text: str) -> frozenset[str]:
    """Return the words of a list."""
    return frozenset(text.split())


COLUMNS: tuple[str, ...] = (
    "external_session_id",
    "start_time",
    "end_time",
    "ip_address",
    "country_code",
    "language",
    "messages_sent",
    "sentiment",
    "escalated",
    "forwarded_hr",
    "full_transcript_url",
    "avg_response_time_seconds",
    "tokens",
    "tokens_eur",
    "category",
    "initial_message",
)
#: Columns without which a row is no session: a header is read by name only if it names all of them.
REQUIRED = (0, 1, 2)
#: Columns whose cells may be missing at the end of a row, because spreadsheets leave out empty cells there.
OPTIONAL_AT_THE_END = frozenset((COLUMNS.index("category"), COLUMNS.index("initial_message")))
#: The fewest known names that make a header of a record in the middle of a file.
MANY_NAMES = 4

#: Names by column, the likeliest first, as ``_key`` writes them: in most languages of western, northern
#: and central Europe.
_NAMES: dict[str, str] = {
    "external_session_id": """
        externalsessionid sessionid chatsessionid externalid conversationid chatid sessieid gespreksid
        sitzungsid sessionsid sessionuuid idsession idsesion idconversation session sessie sitzung id uuid
        idsessione sessioneid idsessao sessaoid idsesji identyfikatorsesji samtalsid samtaleid oturumid
        oturumkimligi idrelace idsezeni munkamenetazonosito istuntoid istunnontunnus idkonwersacji
        conversazioneid idconversazione idconversa idconversacion gespraechsid chatnummer identifiantsession
        identifiantconversation numerosession identificadorsesion idchat chatkennung gespreksnummer gesprekid
    """,
    "start_time": """
        starttime startedat startdatetime starttimestamp sessionstart starttijd begintijd startdatum start begin
        beginn startzeit anfang anfangszeit datedebut heuredebut debut inicio horainicio fechainicio started
        startdate startuhrzeit orainizio datainizio inizio inicioem horadeinicio horainicial datainicio
        datadeinicio datahorainicio poczatek czasrozpoczecia rozpoczecie starttid startet paabegyndt aloitusaika
        alkuaika alkoi baslangic baslangiczamani baslama zacatek caszahajeni kezdet kezdesiido fechadeinicio
        fechayhoradeinicio heurededebut datededebut startzeitpunkt beginndatum begindatum gestart gestartop
    """,
    "end_time": """
        endtime endedat enddatetime endtimestamp sessionend eindtijd einddatum einde end ende endzeit enddatum
        datefin heurefin fin horafin fechafin ended enddate finished finishedat orafine datafine fine fim
        horafim horadefim datafim datadefim datahorafim termino koniec czaszakonczenia zakonczenie sluttid
        sluttidspunkt slut slutt afsluttet lopetusaika loppuaika paattyi bitis bitiszamani konec casukonceni
        vege befejezes fechadefin fechayhoradefin horadefin heuredefin datedefin endzeitpunkt beendet geeindigd
    """,
    "ip_address": """
        ipaddress ip ipadres ipadresse adresseip direccionip clientip userip remoteip indirizzoip enderecoip
        adresip ipadress iposoite ipadresi adresaip ipcim adressip
    """,
    "country_code": """
        countrycode country land landcode landescode landeskuerzel pays codepays pais codigopais paese
        codicepaese nazione codigodopais codigodepais kraj kodkraju landekod landskod maa maakoodi ulke ulkekodu
        zeme kodzeme orszag
    """,
    "language": """
        language languagecode lang taal taalcode sprache sprachcode langue idioma locale lingua jezyk sprak
        sprog kieli dil jazyk nyelv
    """,
    "messages_sent": """
        messagessent messagecount messages numberofmessages nummessages berichten aantalberichten nachrichten
        anzahlnachrichten nbmessages nombredemessages mensajes numeromensajes messaggiinviati messaggi
        numeromessaggi numerodimessaggi mensagensenviadas mensagens numerodemensagens wiadomosci
        liczbawiadomosci antalmeddelanden antalbeskeder antallmeldinger meddelanden beskeder meldinger viestit
        viestienmaara mesajsayisi gonderilenmesajlar pocetzprav zpravy uzenetekszama messagesenvoyes
        mensajesenviados gesendetenachrichten verzondenberichten
    """,
    "sentiment": """
        sentiment stimmung sentimiento sentimento sentyment stemning stamning tunnelma duygu hangulat
    """,
    "escalated": """
        escalated isescalated escalation geescaleerd eskaliert escalade escalado escalato escalonado eskalowano
        eskalerad eskaleret eskalert eskaloitu yukseltildi eskalovano eskalalt
    """,
    "forwarded_hr": """
        forwardedhr forwardedtohr hrforwarded isforwardedhr doorgestuurdhr doorgestuurdnaarhr weitergeleitethr
        anhrweitergeleitet transmisrh transfererh reenviadorrhh hr inoltratohr inoltratoahr encaminhadorh
        encaminhadoaorh przekazanohr przekazanodohr vidarebefordradhr vidarebefordradtillhr videresendthr
        videresendttilhr lahetettyhr ikyayonlendirildi predanohr transmisauxrh
    """,
    "full_transcript_url": """
        fulltranscripturl transcripturl transcript transcriptlink transcriptie transkript transkripturl
        transcription urltranscript transcripcion url link urltrascrizione trascrizione linktrascrizione
        urldatranscricao urltranscricao transcricao urltranskrypcji transkrypcja linkdotranskrypcji utskrift
        udskrift transkripti transkriptio transkriptbaglantisi prepis urlprepisu atirat urldetranscripcion
        urldelatranscription transkriptlink urltranscription urltranscripcion lientranscription
        enlacetranscripcion linktranscripcion transcriptielink urltranscriptie transcriptieurl linktranscript
    """,
    "avg_response_time_seconds": """
        avgresponsetimeseconds avgresponsetime averageresponsetime averageresponsetimeseconds responsetime
        responsetimeseconds antwoordtijd gemiddeldeantwoordtijd antwortzeit durchschnittlicheantwortzeit
        tempsdereponse tempsreponse tempsdereponsemoyen tiemporespuesta tiempoderespuesta tempodirisposta
        tempodirispostamedio tempomediodirisposta tempomedioderesposta tempoderesposta sredniczasodpowiedzi
        czasodpowiedzi svarstid genomsnittligsvarstid svartid gennemsnitligsvartid vastausaika
        keskimaarainenvastausaika yanitsuresi ortalamayanitsuresi dobaodezvy valaszido tiempomedioderespuesta
        tempsmoyendereponse avgresponse averageresponse responsetimesec responsetimes gemiddeldereactietijd reactietijd
        durchschnantwortzeit mittlereantwortzeit tempsreponsemoyen tiempomediorespuesta tiemporespuestamedio
    """,
    "tokens": """
        tokens tokencount totaltokens tokenstotal numtokens aantaltokens anzahltokens nombredetokens jetons
        token tokeny tokeniai numerotoken liczbatokenow antaltokens
    """,
    "tokens_eur": """
        tokenseur tokencosteur tokenscosteur costeur tokencost tokenscost cost costs kosten kosteneur cout
        couteur coste costo tokenkosten price eur costoeur costotoken custoeur custo kosztyeur koszteur koszt
        kostnadeur kostnad omkostninger pris hinta maliyet naklady koltseg preis prijs prix precio prezzo preco
        costeeur coste tokenkosteneur kostentoken couttokens coutjetons costetokens
    """,
    "category": """
        category categorie kategorie categoria topic thema onderwerp kategoria kategori kategorija luokka tema
        argomento assunto
    """,
    "initial_message": """
        initialmessage firstmessage initialmsg firstusermessage message question eerstebericht erstenachricht
        premiermessage primermensaje mensajeinicial vraag frage primomessaggio messaggioiniziale mensageminicial
        primeiramensagem pierwszawiadomosc forstameddelande forstemeddelelse forstebesked forstemelding
        ensimmainenviesti ilkmesaj prvnizprava elsouzenet messageinitial premieremessage
    """,
}
_COLUMN_OF: dict[str, tuple[int, int]] = {
    name: (COLUMNS.index(column), rank) for column, names in _NAMES.items() for rank, name in enumerate(names.split())
}
_NOT_A_WORD = re.compile(r"[\W_]+")
_SMALL_WORDS = re.compile(r"\b(?:de|da|do|di|della|del|du|des|der|van|het|of|the|la|le|el|a|au|aux|para|til|till)\b")
#: "(s)", "[EUR]": how the numbers of a column are meant.
_UNIT = re.compile(r"\s*[(\[][^()\[\]]{1,12}[)\]]\s*$")
#: "start_time_utc", "Start (UTC)": a zone of times.
UTC_IN_NAME = re.compile(r"[\W_]*(?:utc|gmt)[)\]\s]*$", re.IGNORECASE)
_MAX_CHARACTERS = 60
_UNIT_WORD = re.compile(r"[^\W\d_]+|[$€£¥₹₺%]|1000+")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_THOUSANDS = words("k thousand thousands tsd tausend duizend mille m mio million millions miljoen 1000")
#: Units that stand last in a name and are not those of the column.
_OTHER_UNITS = {
    "messages_sent": _THOUSANDS,
    "tokens": _THOUSANDS,
    "avg_response_time_seconds": words("""
        ms msec msecs millis millisec millisecs millisecond milliseconds milliseconden millisekunden millisecondes
        milisegundos millisecondi us µs microseconds ns min mins minute minutes minuten minutos minuti minuter
        h hr hrs hour hours stunden uur uren heures horas
        """),
    "tokens_eur": words("""
        usd dollar dollars $ gbp £ pound pounds chf franken francs sek nok dkk kr pln zł zl czk huf cad aud jpy ¥ inr ₹
        try ₺ ct cts cent cents eurocent eurocents centimes
        """),
}
#: Letters that are not split into a letter and an accent.
_STROKES = str.maketrans({"ł": "l", "đ": "d"})
#: Letters that German, Danish and others also write as two.
_SPELT_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ø": "o", "æ": "ae"})


class Header(NamedTuple):
    """A header's names, and for each of its places the position in ``COLUMNS``; None for other columns."""

    names: tuple[str, ...]
    slots: tuple[int | None, ...]

    @property
    def known(self) -> int:
        """The number of names that are known."""
        return sum(slot is not None for slot in self.slots)

    @property
    def names_required(self) -> bool:
        """Whether rows can be read by these names."""
        return all(column in self.slots for column in REQUIRED)

    @property
    def is_in_place(self) -> bool:
        """Whether every known name is that of the column at its position."""
        return all(slot is None or slot == position for position, slot in enumerate(self.slots))


def header_of(cells: Sequence[str]) -> Header:
    """Look up each cell as a name: without regard to case, accents, spaces and punctuation.

    Of two cells that name one column the likelier name counts: ``session_id`` beside ``id``, say.
    """
    found = [column_named(cell) for cell in cells]
    best: dict[int, tuple[int, int]] = {}
    for position, column in enumerate(found):
        if column is not None:
            best[column[0]] = min(best.get(column[0], (column[1], position)), (column[1], position))
    chosen = {position: column for column, (_, position) in best.items()}
    return Header(tuple(cell.strip() for cell in cells), tuple(chosen.get(place) for place in range(len(cells))))


def plain_name(cell: str) -> str:
    """Return a name without case, accents, spaces and punctuation."""
    name = normalize("NFKC", cell[:_MAX_CHARACTERS]).casefold().replace("ı", "i").translate(_STROKES)
    return _plain(name.translate(_SPELT_OUT))


def column_named(cell: str) -> tuple[int, int] | None:
    """Return the position in ``COLUMNS`` that a name means, and how unlikely it is; None for an unknown name.

    A name that says another unit than the column has (``Response time (ms)``, ``cost_usd``) is unknown.
    """
    if not 1 < len(cell) <= _MAX_CHARACTERS:
        return None
    column = _column_of(cell) or _column_of(UTC_IN_NAME.sub("", cell))
    return None if column is None or is_other_unit(cell, column[0]) else column


def _column_of(cell: str) -> tuple[int, int] | None:
    name = normalize("NFKC", cell).casefold().replace("ı", "i").translate(_STROKES)
    for spelling in (
        name.translate(_SPELT_OUT),
        name,
        _UNIT.sub("", name),
        _SMALL_WORDS.sub(" ", name),
        _SMALL_WORDS.sub(" ", _UNIT.sub("", name)),
    ):
        if column := _COLUMN_OF.get(_plain(spelling)):
            return column
    return None


def _plain(name: str) -> str:
    return _NOT_A_WORD.sub("", normalize("NFKD", name).encode("ascii", "ignore").decode())


def is_other_unit(name: str, column: int) -> bool:
    """Return whether a name in the place of a column of numbers says another unit than the column has."""
    others = _OTHER_UNITS.get(COLUMNS[column])
    if others is None:
        return False
    words = [word.lower() for word in _UNIT_WORD.findall(_HUMP.sub(" ", name[:_MAX_CHARACTERS]))]
    return bool(words) and words[-1] in others
