// Shows how the runs of Airflow go that the page started, and what they changed.
"use strict";

const said = document.getElementById("said");

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

// Resolves to the ids of LiveDash's DAGs that are paused; none if Airflow does not answer.
async function readPaused() {
  const found = await read("/api/v2/dags?tags=livedash&paused=true&limit=100").catch(() => ({}));
  return new Map((found.dags ?? []).map((dag) => [dag.dag_id, dag.dag_display_name ?? dag.dag_id]));
}

const FOLLOW_MILLISECONDS = 2000;
const FOLLOW_TIMES = 450; // a quarter of an hour; a lane ends after ten minutes
const SHOWN_MILLISECONDS = 60_000;
let followed = 0;

// Calls `look` again and again until it returns true or another action is started. `isCurrent` says whether that happened.
async function poll(look) {
  const number = ++followed;
  const isCurrent = () => number === followed;
  for (let times = 0; times < FOLLOW_TIMES && isCurrent(); times += 1) {
    if (await look(isCurrent)) return;
    await new Promise((resolve) => setTimeout(resolve, FOLLOW_MILLISECONDS));
  }
}

const readRun = (dag, runId) => read(`/api/v2/dags/${encodeURIComponent(dag)}/dagRuns/${encodeURIComponent(runId)}`);
const isOver = (run) => run.state !== "running" && run.state !== "queued";

// Shows the state of a run until it ends: queued or paused, running, done.
function followRun(dag, runId, more) {
  const path = `/dags/${encodeURIComponent(dag)}/runs/${encodeURIComponent(runId)}`;
  return poll(async (isCurrent) => {
    const run = await readRun(dag, runId);
    if (!isCurrent()) return true;
    if (isOver(run)) {
      say(`${await readEnd(dag, run)}${more}`, path);
      linkToRun(dag, runId);
      await endNotice();
      return true;
    }
    if (run.state === "running") say(`The run is started.${more}`, path);
    else if ((await readPaused()).has(dag)) say(`The run waits: its DAG is paused in Airflow.${more}`, path);
    else say(`The run is queued.${more}`, path);
    linkToRun(dag, runId);
    return false;
  });
}

const MOST_RUNS = 100; // the most that Airflow's API returns at once; a backfill has a run per day

// Shows how many days of a backfill are done until all are.
function followBackfill(dag, backfill) {
  const path = `/dags/${encodeURIComponent(dag)}/backfills`;
  const query = new URLSearchParams({
    run_type: "backfill",
    logical_date_gte: backfill.from_date,
    logical_date_lte: backfill.to_date,
    limit: MOST_RUNS,
  });
  return poll(async (isCurrent) => {
    const { dag_runs: runs, total_entries: days } = await read(`/api/v2/dags/${encodeURIComponent(dag)}/dagRuns?${query}`);
    const ended = runs.filter(isOver);
    if (!isCurrent()) return true;
    if (ended.length === runs.length) {
      const more = days > runs.length ? ` Of ${days} days, the page follows ${runs.length}.` : "";
      say(`${await readBackfillEnd(dag, backfill, runs)}${more}`, path);
      await endNotice();
      return true;
    }
    const waits = (await readPaused()).has(dag) ? " Its runs wait: the DAG is paused in Airflow." : "";
    say(`The backfill is started: ${ended.length} of ${countDays(days)} done.${waits}`, path);
    return false;
  });
}

const countDays = (days) => (days === 1 ? "1 day" : `${days} days`);

// What the runs of a backfill changed, and how many of them failed.
async function readBackfillEnd(dag, backfill, runs) {
  const failed = runs.filter((run) => run.state === "failed").length;
  const ids = new Set(runs.map((run) => run.dag_run_id));
  const changed = await readChanges({ source_dag_id: dag, timestamp_gte: backfill.created_at, limit: MOST_RUNS }, ids);
  const result = failed ? `The backfill has ended, and ${failed} of its ${runs.length} runs failed` : "The backfill is done";
  return `${result}: ${countDays(runs.length)}, ${changed || "no session moved on"}.`;
}

// How many sessions the runs with these ids moved on, as words; "" if none. The counts are in the Asset events that the
// runs emitted; a run that moved no session on emits none.
async function readChanges(query, runIds) {
  const found = await read(`/api/v2/assets/events?${new URLSearchParams(query)}`).catch(() => ({}));
  const events = (found.asset_events ?? []).filter((event) => runIds.has(event.source_run_id));
  // One run may emit an event for each of several Assets, with the same counts.
  const counts = [...new Map(events.filter((event) => "completed" in (event.extra ?? {})).map((event) => [event.source_run_id, event.extra])).values()];
  return ["completed", "skipped", "failed"]
    .map((name) => [counts.reduce((sum, count) => sum + (count[name] ?? 0), 0), name])
    .filter(([count]) => count)
    .map(([count, name]) => `${count} ${name}`)
    .join(", ");
}

async function readEnd(dag, run) {
  const changed = await readChanges({ source_dag_id: dag, source_run_id: run.dag_run_id, limit: 10 }, new Set([run.dag_run_id]));
  const nothing = dag === "livedash_topic_edit" ? `the topic is ${run.state === "success" ? "changed" : "as it was"}` : "no session moved on";
  const result = run.state === "success" ? "The run is done" : "The run has failed";
  return `${result}: ${changed || nothing}.`;
}

// Refreshes the numbers, and hides the notice after a while unless another action has replaced it.
async function endNotice() {
  const number = followed;
  setTimeout(() => { if (number === followed) said.hidden = true; }, SHOWN_MILLISECONDS);
  await refresh();
}

// The page about a run: its state, and what it moved on, as long as it is open.
async function showRun(line) {
  const { dag, run: runId } = line.dataset;
  for (let times = 0; times < FOLLOW_TIMES; times += 1) {
    const run = await readRun(dag, runId);
    if (isOver(run)) {
      line.textContent = await readEnd(dag, run);
      return refresh();
    }
    line.textContent = `The run is ${run.state}.`;
    await refresh();
    await new Promise((resolve) => setTimeout(resolve, FOLLOW_MILLISECONDS));
  }
}

const runLine = document.getElementById("run");
if (runLine) showRun(runLine).catch((error) => { runLine.textContent = `Airflow cannot say how the run went: ${error.message}`; });
