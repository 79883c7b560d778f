"use strict";
// A layer is shown in a map of its own: those that are not on the ground have pixels for coordinates.
const choice = document.getElementById("layers");
const say = text => { document.getElementById("say").textContent = text; };
let map = null;

async function fetched(path) {
  const reply = await fetch(path);
  if (!reply.ok) throw Object.assign(new Error(`${path}: ${reply.status} ${await reply.text()}`), { status: reply.status });
  return reply.json();
}

// A layer that cannot be shown is grey, with the reason.
function grey(name, why) {
  const option = [...choice.options].find(option => option.value === name);
  if (!option) return;
  option.disabled = true;
  option.text = `${name} (cannot be shown)`;
  option.title = why;
}

function failed(name, error) {
  if (error.status === 422 || error.status === 500) grey(name, error.message);
  say(error.message);
}

// A file that changed has other tiles, and one that is gone has none.
let asking = false;
async function whatHappened(name, layer) {
  if (asking) return;
  asking = true;
  try {
    const now = await fetched(`/tiles/${encodeURIComponent(name)}.json`);
    if (now.tiles[0] !== layer.tiles[0]) await show(name);
    else say("A tile cannot be loaded.");
  } catch (error) {
    say(error.message);
  } finally {
    asking = false;
  }
}

async function show(name) {
  const layer = await fetched(`/tiles/${encodeURIComponent(name)}.json`);
  const sharp = window.devicePixelRatio > 1 ? "@2x" : "";
  const tiles = layer.tiles[0].replace("{y}.png", `{y}${sharp}.png`);
  if (map) map.remove();
  map = L.map("map", { crs: layer.flat ? L.CRS.Simple : L.CRS.EPSG3857, minZoom: 0, maxZoom: layer.maxzoom });
  let bounds;
  if (layer.flat) {
    const corner = (x, y) => map.unproject([x, y], layer.maxzoom);
    bounds = L.latLngBounds(corner(0, layer.height), corner(layer.width, 0));
  } else {
    const [west, south, east, north] = layer.bounds;
    bounds = L.latLngBounds([south, west], [north, east]);
  }
  const mine = map;
  L.tileLayer(tiles, { bounds, noWrap: true, tileSize: 256, maxZoom: layer.maxzoom, attribution: name })
    .on("tileerror", () => { if (map === mine) whatHappened(name, layer); }).addTo(map);
  map.fitBounds(bounds);
  const leftOut = Object.entries(layer.left_out ?? {}).map(([part, why]) => `left out: ${part}: ${why}`);
  say([layer.chain.trim(), ...leftOut].join("\n"));
}

// The first layer that can be shown.
async function showFirst() {
  for (const option of [...choice.options].filter(option => !option.disabled)) {
    choice.value = option.value;
    try {
      return await show(option.value);
    } catch (error) {
      failed(option.value, error);
    }
  }
  const reasons = [...choice.options].map(option => `${option.value}: ${option.title}`);
  say(reasons.length ? `None of the images in this folder can be shown.\n${reasons.join("\n")}` : "There is no image in this folder.");
}

// The picture of the cache, as it is while one looks at it.
const picture = document.getElementById("picture");
let pictured = 0;
async function drawCache() {
  const reply = await fetch("/cache");
  if (!reply.ok) throw new Error(`/cache: ${reply.status} ${await reply.text()}`);
  const page = new DOMParser().parseFromString(await reply.text(), "text/html");
  const shown = picture.contentDocument;
  shown.head.replaceChildren(...page.head.childNodes);
  shown.body.replaceChildren(...page.body.childNodes); // which stays scrolled where it is
}
document.getElementById("cache").onclick = () => {
  picture.hidden = !picture.hidden;
  clearInterval(pictured);
  if (picture.hidden) return;
  const draw = () => { if (!document.hidden) drawCache().catch(error => say(error.message)); };
  draw();
  pictured = setInterval(draw, 2000);
};

(async () => {
  for (const name of await fetched("/layers.json")) choice.add(new Option(name, name));
  for (const [name, why] of Object.entries(await fetched("/unshown.json"))) grey(name, why);
  const wanted = () => decodeURIComponent(location.hash.slice(1));
  choice.onchange = () => { location.hash = encodeURIComponent(choice.value); };
  window.onhashchange = () => {
    const name = wanted();
    choice.value = name;
    show(name).catch(error => failed(name, error));
  };
  if (wanted()) window.onhashchange(); else await showFirst();
})().catch(error => say(error.message));
