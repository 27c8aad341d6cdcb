// Buttons that start something: the browser asks Airflow's own API, as the user. Airflow decides, and logs who it was.
"use strict";

const said = document.getElementById("said");
const ask = document.getElementById("ask");

function say(text, path) {
  said.hidden = false;
  said.textContent = text;
  if (!path) return;
  const link = document.createElement("a");
  link.dataset.airflow = "";
  link.href = document.body.dataset.airflowRoot + path;
  link.textContent = "See it in Airflow";
  said.append(" ", link);
}

// What asking a model again may cost, where a button may do that; of the days in the form, if it has any.
let reckoned = 0;
async function reckon(button) {
  const line = ask.querySelector("#ask-cost");
  const turn = ++reckoned;
  line.hidden = !button.dataset.forecast;
  if (line.hidden) return;
  line.textContent = "Reckoning what asking a model may cost …";
  const query = new URLSearchParams(button.dataset.forecast);
  for (const day of ask.querySelectorAll("#ask-days input:enabled")) query.set(day.name, day.value);
  let sentence;
  try {
    sentence = (await answerOf(await fetch(`${document.body.dataset.here}/forecast?${query}`, { headers: { Accept: "application/json" } }))).sentence;
  } catch {
    sentence = "What asking a model may cost is not known right now.";
  }
  if (turn === reckoned) line.textContent = sentence;
}

// Resolves to the form's fields once the user says "Start", to null otherwise. The frame's sandbox has no confirm().
function confirmed(button) {
  const days = ask.querySelector("#ask-days");
  days.hidden = button.dataset.kind !== "backfill";
  for (const field of days.querySelectorAll("input")) {
    field.required = !days.hidden;
    field.disabled = days.hidden;
    // The days that the page shows.
    field.value = new URLSearchParams(location.search).get(field.name) ?? "";
  }
  ask.querySelector("#ask-question").textContent = button.dataset.question;
  days.onchange = () => reckon(button);
  reckon(button);
  ask.returnValue = "";
  ask.showModal();
  return new Promise((resolve) => {
    const fields = () => Object.fromEntries(new FormData(ask.querySelector("form")));
    ask.addEventListener("close", () => resolve(ask.returnValue === "start" ? fields() : null), { once: true });
  });
}

async function answerOf(response) {
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  if (response.status === 401) throw new Error("You are logged out; reload the page.");
  if (response.status === 403) throw new Error("Airflow refused: you may not start this DAG.");
  const detail = typeof answer.detail === "string" ? answer.detail : JSON.stringify(answer.detail ?? "");
  throw new Error(`Airflow answered ${response.status}. ${detail}`.slice(0, 500));
}

async function post(path, body) {
  const response = await fetch(document.body.dataset.airflowRoot + path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  return answerOf(response);
}

async function startRun(dag, conf) {
  const run = await post(`/api/v2/dags/${encodeURIComponent(dag)}/dagRuns`, {
    logical_date: null,
    conf,
    note: "Started on the LiveDash page",
  });
  say("The run is started.", `/dags/${encodeURIComponent(dag)}/runs/${encodeURIComponent(run.dag_run_id)}`);
}

const KINDS = {
  run: (button) => startRun(button.dataset.dag, JSON.parse(button.dataset.conf)),

  async backfill(button, fields) {
    const dag = button.dataset.dag;
    await post("/api/v2/backfills", {
      dag_id: dag,
      from_date: `${fields.from}T00:00:00Z`,
      to_date: `${fields.to}T00:00:00Z`,
      run_backwards: false,
      dag_run_conf: JSON.parse(button.dataset.conf),
      reprocess_behavior: "completed",
      max_active_runs: 1,
    });
    say("The backfill is started.", `/dags/${encodeURIComponent(dag)}/backfills`);
  },

  async group(button) {
    const found = await answerOf(await fetch(button.dataset.ids, { headers: { Accept: "application/json" } }));
    if (!found.session_ids.length) return say("No session of an active company is in this group any more.");
    await startRun(button.dataset.dag, { session_ids: found.session_ids, retry_failed: true });
    if (found.more) said.append(" There are more: retry the group again when it is done.");
  },
};

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button.action");
  if (!button) return;
  const fields = await confirmed(button);
  button.focus();
  if (!fields) return;
  button.disabled = true;
  say("Asking Airflow …");
  try {
    await KINDS[button.dataset.kind](button, fields);
  } catch (error) {
    say(error instanceof TypeError ? "The server cannot be reached." : error.message);
  } finally {
    button.disabled = false;
  }
});
