"use strict";
// Renews the measured values once a second and plots the power of the last minutes.
// Without it the page shows the same values, as of when it was loaded.
(() => {
  const SECOND = 1000;
  const MINUTE = 60 * SECOND;
  const MINUTES = 5;
  const PATIENCE = 5 * SECOND; // how long one answer may take
  const GAP = 3 * SECOND; // values further apart are not joined by a line
  const MARGIN = { top: 30, right: 12, bottom: 38, left: 48 };

  const section = document.getElementById("measured");
  const cells = [...section.querySelectorAll("[data-key]")];
  const renewal = document.getElementById("renewal");
  const pause = document.getElementById("pause");
  const power = document.getElementById("power");
  const plot = power.querySelector("svg");
  const range = document.getElementById("power-range");

  // -- values ---------------------------------------------------------------------------------------------------------

  function written(raw, { unit, tenths, missing }) {
    if (typeof raw !== "number" || String(raw) === missing) return "no value";
    return `${tenths === undefined ? raw : (raw / 10).toFixed(1)} ${unit}`;
  }

  function show(measure) {
    for (const cell of cells) cell.textContent = written(measure[cell.dataset.key], cell.dataset);
  }

  // Spoken by screen readers, so it changes only when there is news.
  function say(text) {
    if (renewal.textContent !== text) renewal.textContent = text;
  }

  // -- plot -----------------------------------------------------------------------------------------------------------

  const points = []; // [time, kW], oldest first

  function drawn(name, attributes, text = "") {
    const element = document.createElementNS(plot.namespaceURI, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.textContent = text;
    return element;
  }

  // The smallest step of 1, 2 or 5 times a power of ten that divides a span into at most six.
  function stepFor(span) {
    const base = 10 ** Math.floor(Math.log10(span / 6));
    return [1, 2, 5, 10].map((factor) => factor * base).find((step) => span / step <= 6);
  }

  function line(x, y) {
    let before = -Infinity;
    return points.map(([time, value]) => {
      const pen = time - before > GAP ? "M" : "L";
      before = time;
      return `${pen}${x(time).toFixed(1)} ${y(value).toFixed(1)}`;
    }).join("");
  }

  function draw(now = performance.now()) {
    while (points.length && points[0][0] < now - MINUTES * MINUTE) points.shift();
    const values = points.map(([, value]) => value);
    const lowest = Math.min(0, ...values);
    const highest = Math.max(lowest + 1, ...values);
    const step = stepFor(highest - lowest);
    const bottom = Math.floor(lowest / step);
    const top = Math.ceil(highest / step);
    const { width, height } = plot.getBoundingClientRect();
    const right = width - MARGIN.right;
    const floor = height - MARGIN.bottom;
    const x = (time) => right - ((now - time) / (MINUTES * MINUTE)) * (right - MARGIN.left);
    const y = (value) => floor - ((value / step - bottom) / (top - bottom)) * (floor - MARGIN.top);
    range.textContent = points.length
      ? `Lowest ${Math.min(...values).toFixed(1)} kW, highest ${Math.max(...values).toFixed(1)} kW.`
      : "";
    const parts = [drawn("text", { x: MARGIN.left - 8, y: 10, class: "end" }, "kW")];
    for (let tick = bottom; tick <= top; tick++) {
      const at = y(tick * step);
      parts.push(drawn("line", { x1: MARGIN.left, x2: right, y1: at, y2: at, class: tick ? "" : "zero" }));
      parts.push(drawn("text", { x: MARGIN.left - 8, y: at + 4, class: "end" }, (tick * step).toFixed(step < 1 ? 1 : 0)));
    }
    for (let minute = 0; minute <= MINUTES; minute++) {
      parts.push(drawn("text", { x: x(now - minute * MINUTE), y: floor + 18, class: "middle" }, String(minute)));
    }
    parts.push(drawn("text", { x: (MARGIN.left + right) / 2, y: floor + 34, class: "middle" }, "minutes ago"));
    parts.push(drawn("path", { d: line(x, y) }));
    if (points.length) {
      const [time, value] = points.at(-1);
      parts.push(drawn("circle", { cx: x(time), cy: y(value), r: 3.5 }));
    }
    plot.replaceChildren(...parts);
  }

  // -- once a second --------------------------------------------------------------------------------------------------

  let asking = false;
  let paused = false;

  async function ask() {
    const options = { cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(PATIENCE) };
    const answer = await fetch(section.dataset.source, options);
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    return answer.json();
  }

  function take(measure) {
    show(measure);
    if (typeof measure.power === "number") points.push([performance.now(), measure.power / 10]);
    say("Renewed once a second.");
  }

  async function renew() {
    if (asking || paused) return;
    asking = true;
    const measure = await ask().catch(() => null);
    asking = false;
    if (paused) return;
    section.classList.toggle("old", measure === null);
    if (measure === null) say("No answer from the meter. These values are old. Asking again.");
    else take(measure);
    draw();
  }

  pause.addEventListener("click", () => {
    paused = !paused;
    pause.textContent = paused ? "Continue" : "Pause";
    if (paused) say("Paused.");
    else renew();
  });

  pause.hidden = false;
  power.hidden = false;
  new ResizeObserver(() => draw()).observe(plot);
  setInterval(renew, SECOND);
  renew();
})();
