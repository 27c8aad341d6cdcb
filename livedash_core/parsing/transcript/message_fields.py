"""How exports call the fields of a message: names in lower case without separators, the most telling first."""

from __future__ import annotations

_TEXT = """
content text message messagetext body msg value utterance plaintext messageparts messagedata parts payload data
bericht tekst nachricht texte texto mensaje mensagem testo messaggio
"""
_SPEAKER = """
role senderrole sendertype participantrole participantpurpose authorrole authortype usertype actortype sentby
sender author from speaker participant participantid who by purpose event direction source
afzender absender auteur expediteur autor remitente remetente mittente rolle rol
sendername authorname username user name authorid senderid userid type
"""
_TIME = """
timestamp time createdat createtime created sentat date datetime datecreated createddatetime createdtime createdon ts at
absolutetime starttime starttimestampusec timestampms starttimems senttime senddate when timel requesttimestamp
zeit zeitpunkt datum tijd tijdstip heure fecha hora
"""
_QUESTION = """
prompt input query querytext inputtext inputtranscript usermessage userinput usertext userquery humanmessage
request userutterance
"""
_ANSWER = """
response output completion reply fulfillmenttext botresponse botmessage bottext botreply assistantmessage
airesponse aimessage systemresponse agentresponse
"""
#: Name → its place in the order.
TEXT: dict[str, int] = {name: place for place, name in enumerate(_TEXT.split())}
SPEAKER: dict[str, int] = {name: place for place, name in enumerate(_SPEAKER.split())}
TIME: dict[str, int] = {name: place for place, name in enumerate(_TIME.split())}
#: A word from these fields is a speaker only if the table has it: they hold other things as well.
ONLY_KNOWN = frozenset(("type", "event", "direction", "source", "userid", "participantid", "authorid", "senderid"))
SPEAKER_FLAGS: dict[str, tuple[str, str]] = {
    "isbot": ("assistant", "user"),
    "frombot": ("assistant", "user"),
    "isagent": ("assistant", "user"),
    "isuser": ("user", "assistant"),
    "fromuser": ("user", "assistant"),
    "iscustomer": ("user", "assistant"),
}
#: Fields on the way to what was said.
INSIDE = ("queryinput", "queryresult", "responsemessages", "fulfillmentmessages", "generic")
#: What each side said, where an object is a question with its answer.
PAIRED: dict[str, str] = {**dict.fromkeys(_QUESTION.split(), "user"), **dict.fromkeys(_ANSWER.split(), "assistant")}
