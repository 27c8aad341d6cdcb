// Buttons that start runs: the browser calls Airflow's API as the user, so Airflow checks the permission and logs the user.
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

// Shows the cost forecast of a button that may cause model calls, for the days in the form if it has any.
let forecasts = 0;
async function showForecast(button) {
  const line = ask.querySelector("#ask-cost");
  const number = ++forecasts;
  line.hidden = !button.dataset.forecast;
  if (line.hidden) return;
  line.textContent = "Estimating the cost of model calls …";
  const query = new URLSearchParams(button.dataset.forecast);
  for (const day of ask.querySelectorAll("#ask-days input:enabled")) query.set(day.name, day.value);
  let sentence;
  try {
    sentence = (await answerOf(await fetch(`${document.body.dataset.here}/forecast?${query}`, { headers: { Accept: "application/json" } }))).sentence;
  } catch {
    sentence = "The cost of model calls cannot be estimated right now.";
  }
  if (number === forecasts) line.textContent = sentence;
}

// Resolves to the form's fields if the user presses "Start", else to null. The sandbox of the frame blocks confirm().
function confirmed(button) {
  const days = ask.querySelector("#ask-days");
  days.hidden = button.dataset.kind !== "backfill";
  for (const field of days.querySelectorAll("input")) {
    field.required = !days.hidden;
    field.disabled = days.hidden;
    // The days in the page's filter form.
    field.value = new URLSearchParams(location.search).get(field.name) ?? "";
  }
  ask.querySelector("#ask-question").textContent = button.dataset.question;
  days.onchange = () => showForecast(button);
  showForecast(button);
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
    if (!found.session_ids.length) return say("The group has no more sessions of active companies.");
    await startRun(button.dataset.dag, { session_ids: found.session_ids, retry_failed: true });
    if (found.more) said.append(" The group has more sessions: retry it again when the run is done.");
  },
};

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button.action");
  if (!button) return;
  const fields = await confirmed(button);
  button.focus();
  if (!fields) return;
  button.disabled = true;
  say("Sending the request to Airflow …");
  try {
    await KINDS[button.dataset.kind](button, fields);
  } catch (error) {
    say(error instanceof TypeError ? "The server cannot be reached." : error.message);
  } finally {
    button.disabled = false;
  }
});
