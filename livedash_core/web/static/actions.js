// Buttons that start runs: the browser calls Airflow's API as the user, so Airflow checks the permission and logs the user.
"use strict";

const ask = document.getElementById("ask");

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

async function startRun(dag, conf, more = "") {
  const run = await send("POST", `/api/v2/dags/${encodeURIComponent(dag)}/dagRuns`, {
    logical_date: null,
    conf,
    note: "Started on the LiveDash page",
  });
  followRun(dag, run.dag_run_id, more).catch((error) => say(`The run is started, and cannot be followed: ${error.message}`));
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
    const backfill = await send("POST", "/api/v2/backfills", {
      dag_id: dag,
      from_date: `${fields.from}T00:00:00Z`,
      to_date: `${fields.to}T00:00:00Z`,
      run_backwards: false,
      dag_run_conf: JSON.parse(button.dataset.conf),
      reprocess_behavior: "completed",
      max_active_runs: 1,
    });
    followBackfill(dag, backfill).catch((error) => say(`The backfill is started, and cannot be followed: ${error.message}`));
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

showPaused();
document.addEventListener("refreshed", showPaused);
