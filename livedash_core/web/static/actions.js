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

// Adds a link to the page about a run of a stage.
function linkToRun(dag, runId) {
  if (!document.body.dataset.stageDags.split(" ").includes(dag)) return;
  const link = document.createElement("a");
  const company = new URLSearchParams(location.search).get("company");
  const query = company ? `?${new URLSearchParams({ company })}` : "";
  link.href = `${document.body.dataset.here}/runs/${encodeURIComponent(dag)}/${encodeURIComponent(runId)}${query}`;
  link.textContent = "What it changed";
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
    sentence = (await readJson(`${document.body.dataset.here}/forecast?${query}`)).sentence;
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
  const reason = ask.querySelector("#ask-reason");
  reason.hidden = button.dataset.reason === undefined;
  const reasonField = reason.querySelector("input");
  reasonField.required = !reason.hidden;
  reasonField.disabled = reason.hidden;
  reasonField.value = "";
  ask.querySelector("#ask-question").textContent = button.dataset.question;
  const [from, to] = days.querySelectorAll("input");
  days.oninput = () => to.setCustomValidity(from.value && to.value && to.value < from.value ? "This day is before the first one." : "");
  days.oninput();
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

async function send(method, path, body) {
  const response = await fetch(document.body.dataset.airflowRoot + path, {
    method,
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  return answerOf(response);
}

async function readJson(address) {
  return answerOf(await fetch(address, { headers: { Accept: "application/json" } }));
}

const read = (path) => readJson(document.body.dataset.airflowRoot + path);

const FOLLOW_MILLISECONDS = 2000;
const FOLLOW_TIMES = 450; // a quarter of an hour; a lane ends after ten minutes
const SHOWN_MILLISECONDS = 60_000;
let followed = 0;

// Shows the state of a run until it ends or another action is started: queued or paused, running, done.
async function followRun(dag, runId, more) {
  const number = ++followed;
  const path = `/dags/${encodeURIComponent(dag)}/runs/${encodeURIComponent(runId)}`;
  for (let times = 0; times < FOLLOW_TIMES && number === followed; times += 1) {
    const run = await read(`/api/v2/dags/${encodeURIComponent(dag)}/dagRuns/${encodeURIComponent(runId)}`);
    if (number !== followed) return;
    if (run.state === "running") say(`The run is started.${more}`, path);
    else if (run.state !== "queued") return sayEnd(dag, run, path, more);
    else if ((await readPaused()).has(dag)) say(`The run waits: its DAG is paused in Airflow.${more}`, path);
    else say(`The run is queued.${more}`, path);
    linkToRun(dag, runId);
    await new Promise((resolve) => setTimeout(resolve, FOLLOW_MILLISECONDS));
  }
}

// The counts of a run are in the Asset event that it emitted; a run that moved no session on emits none.
async function readEnd(dag, run) {
  const query = new URLSearchParams({ source_dag_id: dag, source_run_id: run.dag_run_id, limit: 10 });
  const events = (await read(`/api/v2/assets/events?${query}`).catch(() => ({}))).asset_events ?? [];
  const counts = events.map((event) => event.extra ?? {}).find((extra) => "completed" in extra);
  const changed = counts
    ? ["completed", "skipped", "failed"].filter((name) => counts[name]).map((name) => `${counts[name]} ${name}`).join(", ")
    : "";
  const nothing = dag === "livedash_topic_edit" ? `the topic is ${run.state === "success" ? "changed" : "as it was"}` : "no session moved on";
  const result = run.state === "success" ? "The run is done" : "The run has failed";
  return `${result}: ${changed || nothing}.`;
}

async function sayEnd(dag, run, path, more) {
  say(`${await readEnd(dag, run)}${more}`, path);
  linkToRun(dag, run.dag_run_id);
  await refresh();
  const number = followed;
  setTimeout(() => { if (number === followed) said.hidden = true; }, SHOWN_MILLISECONDS);
}

// The page about a run: its state, and what it moved on, as long as it is open.
async function showRun(line) {
  const { dag, run: runId } = line.dataset;
  for (let times = 0; times < FOLLOW_TIMES; times += 1) {
    const run = await read(`/api/v2/dags/${encodeURIComponent(dag)}/dagRuns/${encodeURIComponent(runId)}`);
    if (run.state !== "running" && run.state !== "queued") {
      line.textContent = await readEnd(dag, run);
      return refresh();
    }
    line.textContent = `The run is ${run.state}.`;
    await refresh();
    await new Promise((resolve) => setTimeout(resolve, FOLLOW_MILLISECONDS));
  }
}

async function startRun(dag, conf, more = "") {
  const run = await send("POST", `/api/v2/dags/${encodeURIComponent(dag)}/dagRuns`, {
    logical_date: null,
    conf,
    note: "Started on the LiveDash page",
  });
  followRun(dag, run.dag_run_id, more).catch((error) => say(`The run is started, and cannot be followed: ${error.message}`));
}

// Resolves to the ids of LiveDash's DAGs that are paused; none if Airflow does not answer.
async function readPaused() {
  const found = await read("/api/v2/dags?tags=livedash&paused=true&limit=100").catch(() => ({}));
  return new Map((found.dags ?? []).map((dag) => [dag.dag_id, dag.dag_display_name ?? dag.dag_id]));
}

// Names the paused DAGs on the page, each with a button that unpauses it.
async function showPaused() {
  const list = document.getElementById("paused");
  if (!list) return;
  const paused = await readPaused();
  list.hidden = !paused.size;
  list.replaceChildren(
    ...[...paused].map(([dag, name]) => {
      const line = document.createElement("p");
      const button = document.createElement("button");
      button.type = "button";
      button.className = "quiet unpause";
      button.dataset.dag = dag;
      button.textContent = "Unpause";
      line.append(`${name} is paused in Airflow: its sessions wait. `, button);
      return line;
    }),
  );
}

async function unpause(button) {
  const dag = button.dataset.dag;
  button.disabled = true;
  try {
    await send("PATCH", `/api/v2/dags/${encodeURIComponent(dag)}?update_mask=is_paused`, { is_paused: false });
    // Asset events of the pause are lost: without a run of its own, the sessions would wait for the next import.
    await startRun(dag, {}, " The DAG is unpaused.");
  } catch (error) {
    say(error.message);
  }
  await showPaused();
}

const KINDS = {
  run(button, fields) {
    const conf = JSON.parse(button.dataset.conf);
    return startRun(button.dataset.dag, fields.reason ? { ...conf, skip_reason: fields.reason } : conf);
  },

  // A change of a topic, with the fields of the button's form: a name is text, anything else an id.
  topic(button) {
    const { change } = JSON.parse(button.dataset.conf);
    for (const [name, value] of new FormData(button.form ?? undefined)) {
      if (name === "questions") (change.questions ??= []).push(Number(value));
      else if (value) change[name] = name === "name" ? value : Number(value);
    }
    return startRun(button.dataset.dag, { change });
  },

  async backfill(button, fields) {
    const dag = button.dataset.dag;
    await send("POST", "/api/v2/backfills", {
      dag_id: dag,
      from_date: `${fields.from}T00:00:00Z`,
      to_date: `${fields.to}T00:00:00Z`,
      run_backwards: false,
      dag_run_conf: JSON.parse(button.dataset.conf),
      reprocess_behavior: "completed",
      max_active_runs: 1,
    });
    const waits = (await readPaused()).has(dag) ? " Its runs wait: the DAG is paused in Airflow." : "";
    say(`The backfill is started.${waits}`, `/dags/${encodeURIComponent(dag)}/backfills`);
  },

  async group(button, fields) {
    const found = await readJson(button.dataset.ids);
    if (!found.session_ids.length) return say("The group has no more sessions of active companies.");
    const more = found.more ? " The group has more sessions: repeat it when the run is done." : "";
    const change = fields.reason ? { skip_reason: fields.reason } : { retry_failed: true };
    await startRun(button.dataset.dag, { session_ids: found.session_ids, ...change }, more);
  },

  async again(button) {
    const found = await readJson(button.dataset.ids);
    if (!found.session_ids.length) return say("No session of an active company is left to analyse again.");
    const more = found.more ? " There are more sessions: repeat it when the run is done." : "";
    await startRun(button.dataset.dag, { session_ids: found.session_ids, rerun: true }, more);
  },
};

document.addEventListener("click", async (event) => {
  const paused = event.target.closest("button.unpause");
  if (paused) return unpause(paused);
  const button = event.target.closest("button.action");
  if (!button || button.form?.reportValidity() === false) return;
  const fields = await confirmed(button);
  button.focus();
  if (!fields) return;
  followed += 1; // the notice is about this action from now on
  button.disabled = true;
  say("Sending the request to Airflow …");
  try {
    await KINDS[button.dataset.kind](button, fields);
    button.closest("[data-group]")?.setAttribute("data-started", "");
  } catch (error) {
    say(error instanceof TypeError ? "The server cannot be reached." : error.message);
  } finally {
    button.disabled = false;
  }
});

// Enter in a field of a topic's form presses its button.
document.addEventListener("submit", (event) => {
  if (!event.target.matches(".change")) return;
  event.preventDefault();
  event.target.querySelector("button.action").click();
});

const runLine = document.getElementById("run");
if (runLine) showRun(runLine).catch((error) => { runLine.textContent = `Airflow cannot say how the run went: ${error.message}`; });
showPaused();
document.addEventListener("refreshed", showPaused);
