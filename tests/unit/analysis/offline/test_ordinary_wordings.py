"""Ordinary wordings in five languages for what matters most: a hand-over, distress, a demand, anger; and for none."""

from __future__ import annotations

import asyncio
import time
from uuid import uuid4

import pytest

from livedash_core.analysis.contract import Analysis, AnalysisRequest, Turn
from livedash_core.analysis.offline import OfflineAnalyzer

TO_HR = [
    "Dit kun je het beste met je HR-adviseur bespreken.",
    "Ik heb je vraag doorgezet naar HR.",
    "Ik zet je door naar HR.",
    "De HR-afdeling kan je hiermee verder helpen.",
    "HR neemt morgen contact met je op.",
    "Please raise this with the HR department.",
    "The HR team can help you with that.",
    "Your HR advisor will get back to you.",
    "Let me hand you over to HR.",
    "Please check with your HR business partner.",
    "Bitte melden Sie sich bei der Personalabteilung.",
    "Ich habe deine Anfrage an die Personalabteilung weitergeleitet.",
    "Die Personalabteilung hilft dir weiter.",
    "Dafür ist die Personalabteilung zuständig, schreib ihr eine Mail.",
    "Je transmets votre demande au service des ressources humaines.",
    "Veuillez vous rapprocher des ressources humaines.",
    "Le service RH vous recontactera.",
    "Merci d'écrire à l'équipe RH.",
    "He enviado tu consulta a RRHH.",
    "El equipo de RRHH se pondrá en contacto contigo.",
    "Acuda a recursos humanos, por favor.",
    "Ik stuur je door naar de HR-helpdesk.",
    "Hiervoor moet je bij HR zijn.",
    "Ik geef dit door aan personeelszaken.",
    "Loop even langs bij HR.",
    "Je vraag is overgedragen aan HR.",
    "HR pakt dit verder op.",
    "Your request has been passed along to Human Resources.",
    "HR is the right place for this.",
    "I will loop in HR.",
    "The matter is now with HR.",
    "Someone from HR will call you.",
    "Ich gebe das an die HR-Abteilung weiter.",
    "Ihr Anliegen liegt jetzt bei der Personalabteilung.",
    "Gehen Sie bitte zur Personalabteilung.",
    "Ein Kollege aus der Personalabteilung ruft Sie zurück.",
    "Je vous oriente vers le service RH.",
    "Un collègue des RH va vous rappeler.",
    "Votre dossier est entre les mains des RH.",
    "Te derivo a Recursos Humanos.",
    "Recursos Humanos te llamará mañana.",
    "Ponte en contacto con RRHH.",
    "Hable con su responsable de RRHH.",
    "Please contact your HR manager.",
    "Reach out to People & Culture.",
]
NOT_TO_HR = [
    "Je HR-gegevens staan in de app.",
    "HR heeft geen telefoonnummer.",
    "You do not need to contact HR.",
    "The HR portal shows your payslip.",
    "Open the HR app.",
    "Du musst dich nicht an die Personalabteilung wenden.",
    "De HR-module is vernieuwd.",
    "Les documents RH sont dans l'espace RH.",
    "El portal de recursos humanos está en mantenimiento.",
    "Onze HR-chatbot helpt je graag.",
    "HR is closed on Friday.",
    "Je HR-dossier is bijgewerkt.",
    "Dit kan HR niet aanpassen.",
    "You don't have to send this to HR.",
    "De nieuwe HR-manager heet Anna.",
    "The HR policy explains this.",
    "Das HR-System ist heute nicht erreichbar.",
    "You can see it in the HR tool without asking HR.",
    "Ask your manager, not HR.",
    "I can only help with HR.",
    "Case HR-20483 was opened.",
]
DISTRESS = [
    "Mijn collega maakt racistische grappen over mij.",
    "Ik word gepest door mijn leidinggevende",
    "Ik zit tegen een burn-out aan",
    "My manager keeps touching me and I feel unsafe",
    "A colleague makes racist jokes about me every day",
    "I feel burned out and can't sleep any more",
    "I am being bullied by my team lead",
    "Mein Kollege belästigt mich",
    "Ich werde von meinem Chef gemobbt",
    "Ich bin völlig am Ende, ich glaube ich habe ein Burnout",
    "Mon chef me harcèle",
    "Je suis au bord du burn-out",
    "Mi jefe me acosa",
    "Me siento discriminada en el trabajo por mi compañero",
    "Ik voel me gediscrimineerd door mijn manager",
    "Er is sprake van ongewenst gedrag door een collega",
    "I was sexually harassed by a coworker",
    "ik kan niet meer, ik huil elke dag",
    "I don't want to live anymore",
    "Mi compañero hace bromas racistas",
    "mes collègues font des blagues racistes",
    "They keep making jokes about my skin colour",
    "Mijn baas schreeuwt elke dag tegen me",
    "I am completely exhausted and on the verge of a burnout",
    "My boss yells at me all the time",
    "Ik word uitgelachen om mijn hoofddoek",
    "Ich werde ständig angeschrien",
    "Ik slaap niet meer van de stress op mijn werk",
    "He groped me at the office party",
    "Wordt er iets gedaan tegen racisme op de werkvloer? ik word uitgescholden",
    "I'm having panic attacks at work",
    "Mein Chef macht anzügliche Bemerkungen",
    "Mon supérieur m'insulte devant tout le monde",
    "Mi jefe me grita todos los días",
    "I'm so stressed I can't function",
]
DEMANDS = [
    "I want to speak to a human now",
    "Get me a real person",
    "Let me talk to your supervisor",
    "I demand to speak with someone",
    "Can I get a human please",
    "I will take legal action",
    "I'm going to sue you",
    "You will hear from my lawyer",
    "Ik wil een echt persoon spreken",
    "Geef me een mens",
    "Verbind me door met een medewerker",
    "Ik stap naar de rechter",
    "Ik schakel een advocaat in",
    "Je hoort van mijn advocaat",
    "Ik ga naar de vakbond",
    "Kan ik iemand spreken?",
    "Ich will mit einem echten Menschen sprechen",
    "Geben Sie mir einen Mitarbeiter",
    "Ich schalte meinen Anwalt ein",
    "Ich werde rechtliche Schritte einleiten",
    "Ich will sofort einen Vorgesetzten sprechen",
    "Je veux parler à un être humain",
    "Passez-moi un responsable",
    "Je vais saisir les prud'hommes",
    "Mon avocat vous contactera",
    "Quiero hablar con una persona de verdad",
    "Póngame con un encargado",
    "Voy a demandarles",
    "Mi abogado se pondrá en contacto",
    "I want to file a grievance",
    "human please",
    "agent",
    "menselijke medewerker aub",
    "I want to make a complaint",
    "I'd like a real human to help me",
    "Connect me to an agent right now",
    "Is there anyone I can talk to?",
    "I'm contacting a lawyer tomorrow",
    "This will end in court",
    "Ik eis een gesprek met de directie",
    "Ik wil iemand van vlees en bloed spreken",
    "Verbind mij met een collega",
    "Ik ga een rechtszaak beginnen",
    "Kann ich mit jemandem sprechen?",
    "Ich möchte einen Menschen sprechen",
    "Holen Sie mir Ihren Chef",
    "Sonst gehe ich zum Anwalt",
    "Je souhaite parler à quelqu'un",
    "Je vais contacter un avocat",
    "Quiero hablar con alguien",
    "Voy a ir a los tribunales",
    "I want your manager",
    "ik wil geen robot, ik wil een mens",
]
NO_DEMANDS = [
    "Who is my manager?",
    "Is there a lawyer in the legal department?",
    "Hoe heet mijn leidinggevende?",
    "What is the complaints procedure?",
    "Can someone work on Sunday?",
    "Ik spreek morgen met mijn manager",
    "Wer ist mein Vorgesetzter?",
    "Do I need a lawyer to sign my contract?",
    "I work in the legal team",
    "My manager said I can take leave",
    "Ik wil graag een persoonlijk gesprek plannen met mijn collega",
    "I do not want to talk to a person",
]
COMPLAINTS_OFFICE = [
    "What is the complaints procedure?",
    "Waar kan ik de klachtenregeling vinden?",
    "Hoe werkt de klachtenprocedure?",
    "Wo finde ich das Beschwerdeformular?",
    "How do I file a complaint?",
    "Où trouver la procédure de plainte ?",
    "¿Dónde está el formulario de quejas?",
    "Wie handelt klachten af?",
    "Can a customer complaint be sent by mail?",
]
ANGER = [
    "This is the third time I ask and nobody answers!!",
    "Ik vraag dit nu al voor de derde keer!",
    "How many times do I have to ask this?",
    "WHY DOES NOBODY ANSWER ME",
    "Hoe vaak moet ik dit nog vragen?",
    "Wie oft muss ich das noch fragen?!",
    "I've been waiting for three weeks and still nothing",
    "Ik wacht al weken op antwoord",
    "Are you kidding me?",
    "Unbelievable. Again the wrong amount.",
    "C'est la troisième fois que je demande !",
    "¿Cuántas veces tengo que preguntarlo?",
    "Seit Wochen warte ich auf mein Gehalt!",
    "Hebben jullie wel eens van respect gehoord??",
    "Forget it, you people never listen",
    "laat maar, hier heb ik niks aan",
    "Do your job!!",
    "WAAR BLIJFT MIJN SALARIS???",
    "WO BLEIBT MEIN GEHALT???",
    "ANSWER MY QUESTION NOW!!!",
]
CALM = [
    "Hoe vaak moet ik dit formulier invullen?",
    "How many times per year do I get paid?",
    "I have been working here for three weeks",
    "WAT IS HET ADRES",
    "HIER STAAT MIJN ADRES!!",
    "Is dit de derde keer dat de bonus wordt betaald?",
    "This is my second question: when do I get paid?",
    "NS BUSINESS CARD AANVRAGEN",
    "Thank you so much!!!",
]


def said(analyzer: OfflineAnalyzer, *turns: Turn) -> Analysis:
    return asyncio.run(analyzer.analyze(AnalysisRequest(uuid4(), uuid4(), turns)))


@pytest.mark.parametrize("line", TO_HR)
def test_a_hand_over_to_hr_is_found(analyzer: OfflineAnalyzer, line: str) -> None:
    assert said(analyzer, Turn("User", "My contract?"), Turn("Assistant", line)).forwarded_hr


@pytest.mark.parametrize("line", NOT_TO_HR)
def test_hr_is_mentioned_without_a_hand_over(analyzer: OfflineAnalyzer, line: str) -> None:
    assert not said(analyzer, Turn("User", "My contract?"), Turn("Assistant", line)).forwarded_hr


@pytest.mark.parametrize(
    "line",
    [
        "Melding HR-4711 is doorgestuurd naar HR (Noor Bakker).",
        "Vorgang HR-4711 wurde an HR übergeben.",
        "Anfrage HR-4711 an die Personalabteilung weitergeleitet.",
        "Case HR-4711 was forwarded to HR payroll.",
        "Dossier HR-4711 transmis aux RH.",
        "Caso HR-4711 enviado a Recursos Humanos.",
        "Verzoek HR-4711 staat klaar bij HR.",
    ],
)
def test_the_chat_system_reports_a_hand_over(analyzer: OfflineAnalyzer, line: str) -> None:
    assert said(analyzer, Turn("User", "My contract?"), Turn("System", line)).forwarded_hr


@pytest.mark.parametrize("line", DISTRESS)
def test_distress_is_negative_and_no_question_about_contacts(analyzer: OfflineAnalyzer, line: str) -> None:
    analysis = said(analyzer, Turn("User", line))
    assert analysis.sentiment == "NEGATIVE"
    assert analysis.category in ("PERSONAL_QUESTIONS", "SICK_LEAVE_RECOVERY", "OFFBOARDING")


@pytest.mark.parametrize("line", DEMANDS)
def test_a_demand_for_a_person_or_a_legal_threat_is_escalated(analyzer: OfflineAnalyzer, line: str) -> None:
    assert said(analyzer, Turn("User", line)).escalated


@pytest.mark.parametrize("line", NO_DEMANDS)
def test_a_person_is_mentioned_without_a_demand(analyzer: OfflineAnalyzer, line: str) -> None:
    assert not said(analyzer, Turn("User", line)).escalated


@pytest.mark.parametrize("line", COMPLAINTS_OFFICE)
def test_a_question_about_complaints_is_neutral(analyzer: OfflineAnalyzer, line: str) -> None:
    assert said(analyzer, Turn("User", line)).sentiment == "NEUTRAL"


@pytest.mark.parametrize("line", ["Ik heb een klacht over mijn rooster.", "I have a complaint about my pay!"])
def test_a_complaint_is_negative(analyzer: OfflineAnalyzer, line: str) -> None:
    assert said(analyzer, Turn("User", line)).sentiment == "NEGATIVE"


@pytest.mark.parametrize("line", ANGER)
def test_anger_without_a_word_for_it_is_negative(analyzer: OfflineAnalyzer, line: str) -> None:
    assert said(analyzer, Turn("User", line)).sentiment == "NEGATIVE"


@pytest.mark.parametrize("line", CALM)
def test_similar_words_in_a_calm_line_are_not_negative(analyzer: OfflineAnalyzer, line: str) -> None:
    assert said(analyzer, Turn("User", line)).sentiment != "NEGATIVE"


def test_a_threat_with_legal_aid_is_escalated_and_handed_over(analyzer: OfflineAnalyzer) -> None:
    analysis = said(
        analyzer,
        Turn("User", "Mijn eindafrekening is er nog steeds niet. Schandalig."),
        Turn("User", "Ik wil hier met een mens over praten, anders schakel ik mijn rechtsbijstand in."),
        Turn("Assistant", "Ik zet dit als dringend door naar de afdeling HR."),
    )
    assert (analysis.escalated, analysis.forwarded_hr, analysis.sentiment) == (True, True, "NEGATIVE")


@pytest.mark.parametrize("words", ["THE WORD ", "hr ", "mail ", "geef mij ", "a b ", "?! ", "saisir la ", "I WANT TO "])
def test_a_hostile_conversation_takes_little_time(analyzer: OfflineAnalyzer, words: str) -> None:
    line = (words * 1_000)[:2_000]
    started = time.process_time()
    said(analyzer, *[Turn("User", line)] * 50, *[Turn("Assistant", line)] * 50)
    assert time.process_time() - started < 6  # minutes when the time is quadratic
