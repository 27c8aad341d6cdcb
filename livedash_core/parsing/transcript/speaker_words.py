"""The words that transcripts use for each side, in the languages of Europe and in some of Asia."""

from __future__ import annotations

USER = """
user, end user, enduser, customer, client, visitor, guest, human, caller, requester, contact person, consumer,
member, gebruiker, eindgebruiker, klant, bezoeker, gast, beller, mens, aanvrager, benutzer, benutzerin,
nutzer, nutzerin, anwender, anwenderin, kunde, kundin, besucher, besucherin, mensch, anrufer, utilisateur,
utilisatrice, visiteur, visiteuse, cliente, usager, invité, humain, internaute, demandeur, usuario, usuaria,
visitante, invitado, invitada, humano, humana, consultante, persona usuaria, you said, utente, visitatore,
visitatrice, ospite, umano, umana, utilizador, utilizadora, usuário, usuária, convidado, convidada,
bruger, kunde, besøgende, gæst, bruker, brukeren, besøkende, gjest, användare, användaren, kund, kunden, besökare,
gäst, käyttäjä, asiakas, vierailija, kävijä, vieras, użytkownik, użytkowniczka, klient, klientka, gość, uživatel,
uživatelka, zákazník, zákaznice, návštěvník, používateľ, návštevník, felhasználó, ügyfél, látogató, vendég, utilizator,
utilizatoare, vizitator, kullanıcı, müşteri, ziyaretçi, misafir, korisnik, uporabnik, usuari, usuària, visitant,
χρήστης, πελάτης, επισκέπτης, пользователь, клиент, посетитель, гость, користувач, клієнт, відвідувач, потребител,
משתמש, לקוח, אורח, مستخدم, المستخدم, عميل, العميل, زائر, الزائر, 用户, 用戶, 客户, 客戶, 访客, 訪客, 顾客, 使用者,
ユーザー, ユーザ, お客様, 顧客, 利用者, 사용자, 고객, 방문자
"""
ASSISTANT = """
assistant, bot, chatbot, chat bot, ai, a.i., ai assistant, ai agent, agent, virtual assistant, virtual agent,
digital assistant, hr assistant, hr bot, hrbot, hr chatbot, hr agent, human agent, live agent, automated
agent, support agent, service agent, customer service, customer support, helpdesk, help desk, service desk,
operator, advisor, adviser, representative, model, chatgpt, gpt, copilot, claude, gemini, chatgpt said,
copilot said, llm, assistent, assistente, virtuele assistent, digitale assistent, hr assistent, agente,
klantenservice, adviseur, robot, virtuelle assistentin, virtueller assistent, digitaler assistent,
assistentin, ki, ki assistent, kundenservice, berater, beraterin, kundenberater, sachbearbeiter,
sachbearbeiterin, assistante, assistant virtuel, assistante virtuelle, ia, agent virtuel, conseiller,
conseillère, service client, opérateur, opératrice, asistente, asistenta, asistente virtual, agente virtual,
asesor, asesora, operador, operadora, atención al cliente, assistente virtuale, assistente virtual, operatore,
operatrice, consulente, servizio clienti, atendente, consultor, consultora, assistente digital,
virtuel assistent, virtuell assistent, kundeservice, kundtjänst, kundeservicemedarbejder, rådgiver, rådgivare,
handläggare, saksbehandler, sagsbehandler, operatør, operatör, botti, chattibotti, avustaja, virtuaaliavustaja,
asiakaspalvelu, asiakaspalvelija, asystent, asystentka, wirtualny asystent, konsultant, konsultantka, doradca,
asistent, asistentka, virtuální asistent, operátor, poradce, asszisztens, virtuális asszisztens, ügyintéző, tanácsadó,
asistentă, asistent virtual, asistan, sanal asistan, temsilci, müşteri temsilcisi, danışman, yapay zeka, pomočnik,
asistentica, βοηθός, σύμβουλος, εκπρόσωπος, ассистент, помощник, бот, чат бот, чатбот, оператор, агент, консультант,
асистент, помічник, асистент, עוזר, עוזרת, בוט, נציג, נציגה, مساعد, المساعد, بوت, الوكيل, وكيل, موظف الدعم,
助手, 机器人, 機器人, 客服, 智能客服, 人工客服, 坐席, アシスタント, ボット, チャットボット, オペレーター, 担当者,
어시스턴트, 챗봇, 봇, 상담원, 상담사
"""
SYSTEM = """
system, system message, developer, info message, systemnachricht, systeem, systeembericht, systemmeldung, système,
systeme, message système, sistema, mensaje del sistema, messaggio di sistema, mensagem do sistema,
systembesked, systemmelding, systemmeddelande, järjestelmä, systém, rendszer, sistem, σύστημα, система, системне
повідомлення, מערכת, النظام, نظام, 系统, 系統, システム, 시스템
"""
#: In a chat about work the employee asks; where another word already names the asking side, the employee answers.
EMPLOYEE = """
employee, worker, staff, staff member, colleague, coworker, medewerker, medewerkster, werknemer, werkneemster,
collega, mitarbeiter, mitarbeiterin, mitarbeitende, mitarbeitender, arbeitnehmer, arbeitnehmerin, kollege,
kollegin, angestellter, employé, employée, employe, salarié, salariée, collaborateur, collaboratrice,
collègue, empleado, empleada, trabajador, trabajadora, colaborador, colaboradora, dipendente, impiegato,
impiegata, lavoratore, lavoratrice, funcionário, funcionária, trabalhador, trabalhadora, colega,
medarbejder, ansat, kollega, ansatt, medarbeider, anställd, medarbetare, työntekijä, pracownik, pracownica,
zaměstnanec, zaměstnankyně, zamestnanec, munkavállaló, dolgozó, angajat, angajată, çalışan, personel, zaposlenik,
treballador, treballadora, empleat, εργαζόμενος, сотрудник, сотрудница, работник, працівник, співробітник, עובד, עובדת,
موظف, الموظف, 员工, 員工, 従業員, 社員, 직원
"""
#: Words that also begin ordinary lines of an answer ("Support: 0800 ..."): they need a time or a missing side.
WEAK_USER = (
    "prompt, input, query, "
    "me, you, i, ik, ich, moi, yo, u, q, question, vraag, frage, pregunta, contact, applicant, sender, jag, jeg, vous, "
    "io, eu, minä, ben, я, domanda, pergunta, pytanie, spørgsmål, fråga, kysymys, soru, вопрос"
)
WEAK_ASSISTANT = (
    "response, output, completion, reply, "
    "hr, support, a, answer, antwoord, antwort, réponse, respuesta, hr department, afdeling hr, personalabteilung, "
    "rh, ressources humaines, recursos humanos, rrhh, p&o, advice, service, team, risposta, resposta, odpowiedź, svar, "
    "vastaus, cevap, ответ, risorse umane, kadry, dział hr, personalavdelningen, insan kaynakları"
)
#: What only the fields of a data format say.
FIELD_USER = (
    "external, incoming, inbound, in, received, humanmessage, chat.visitor, participant, end_user, lead, request"
)
FIELD_ASSISTANT = (
    "internal, outgoing, outbound, out, sent, aimessage, admin, teammate, acd, workflow, virtual, automated, "
    "ivr, trigger, chatagent, server, business, company, response, trace"
)
FIELD_SYSTEM = "tool, function, note, systemmessage, toolmessage"
